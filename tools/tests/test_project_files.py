"""The files about the project agree with its code."""

import re
import tomllib

from foam.version import VERSION
from tools.local_stack.data_dir import PROJECT

METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]


def test_pyproject_has_the_version_that_foam_tells():
    assert METADATA["version"] == VERSION


def test_python_is_the_one_that_install_asks_for():
    oldest = METADATA["requires-python"].removeprefix(">=")
    assert f"FOAM needs Python {oldest} or newer" in (PROJECT / "Makefile").read_text()


def test_changelog_begins_with_what_is_to_come_and_has_this_version():
    headings = re.findall(r"^## (\S+)", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1] == VERSION


def test_each_finding_of_security_that_is_let_be_has_its_reason():
    lint = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    assert not [rule for rule in lint["ignore"] if re.fullmatch(r"S\d+", rule)]
    for app in ("accounts", "foam", "notifications", "reminders", "tools", "benchmarks"):
        for path in (PROJECT / app).rglob("*.py"):
            if "tests" not in path.parts:
                assert not re.search(r"# noqa: S\d+\s*$", path.read_text(), re.MULTILINE), path
