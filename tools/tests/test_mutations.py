"""The table of mutations follows the code."""

import pytest

from tools.mutations import MUTATIONS, PROJECT


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_mutation_finds_what_it_takes_away_and_who_is_to_miss_it(mutation):
    for edit in mutation.edits:
        assert (PROJECT / edit.path).read_text().count(edit.old) == 1, edit
    for test in mutation.tests:
        assert (PROJECT / test.split("::")[0]).exists(), test
