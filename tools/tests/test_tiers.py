"""The tiers and the order of tests name folders and files that exist."""

import conftest
from tools.local_stack.data_dir import PROJECT


def test_every_system_and_long_test_is_there():
    paths = conftest.SYSTEM_TESTS + conftest.LONG_TESTS
    missing = [path for path in paths if not (PROJECT / path).exists()]
    assert not missing


def test_makefile_runs_each_tier_and_any_test_that_is_named():
    lines = (PROJECT / "Makefile").read_text().splitlines()
    assert '\t@$(PYTEST) $(or $(ARGS),-m "not system" $(SIDE_BY_SIDE))' in lines
    assert "\t@$(PYTEST) $(or $(ARGS),-m system $(SIDE_BY_SIDE))" in lines
