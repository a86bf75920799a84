"""A guarantee taken away: which text goes, and which tests are to go red."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from foam.tests.mutations.paths import REMINDERS_0008, REMINDERS_0009

PROJECT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Edit:
    path: str
    old: str
    new: str = ""

    def apply(self, tree: Path) -> None:
        file = tree / self.path
        text = file.read_text()
        if text.count(self.old) != 1:
            times = text.count(self.old)
            sys.exit(f"{self.path} has this {times} times, not once:\n{self.old}")
        file.write_text(text.replace(self.old, self.new))


@dataclass(frozen=True)
class Mutation:
    """One guarantee, taken away by `edits`, and the tests of which one is to go red."""

    promise: str
    name: str
    edits: Sequence[Edit]
    tests: Sequence[str]


def edit(path: str, old: str, new: str = "") -> list[Edit]:
    return [Edit(path, old, new)]


def without_check(name: str) -> list[Edit]:
    """Leave out a constraint that one migration adds and the next one validates."""
    validation = f'        ValidateConstraint("occurrence", "{name}"),\n'
    return [
        without_constraint(REMINDERS_0008, name, "AddConstraintNotValid("),
        Edit(REMINDERS_0009, validation),
    ]


def without_constraint(path: str, name: str, operation: str = "migrations.AddConstraint(") -> Edit:
    """Leave out the AddConstraint operation that ends in this name."""
    text = (PROJECT / path).read_text()
    end = text.index(f"name='{name}'),\n        ),\n")
    begin = text.rindex(f"        {operation}", 0, end)
    return Edit(path, text[begin : end + len(f"name='{name}'),\n        ),\n")])
