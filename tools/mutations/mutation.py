"""A guarantee taken away: which text goes, and which tests are to go red."""

import ast
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


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


def without_constraint(path: str, name: str) -> Edit:
    """Leave out the constraint of this name, which has lines of its own in a migration."""
    text = (PROJECT / path).read_text()
    nodes = ast.walk(ast.parse(text))
    [call] = [
        node for node in nodes if isinstance(node, ast.Call) and name_argument_of(node) == name
    ]
    return Edit(path, "".join(text.splitlines(keepends=True)[call.lineno - 1 : call.end_lineno]))


def name_argument_of(call: ast.Call) -> object:
    """Return the constant that a call has as its argument `name`."""
    values = [keyword.value for keyword in call.keywords if keyword.arg == "name"]
    return values[0].value if values and isinstance(values[0], ast.Constant) else None
