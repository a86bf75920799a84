"""What was measured: as JSON, as text for a terminal and as Markdown for docs/benchmarks.md.

python -m benchmarks.report [RESULTS.json ...] > docs/benchmarks.md

Without files it is written from those in benchmarks/results, which `--keep` writes.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

# In the order in which they run and are shown; each is the module of its name.
PARTS = (
    "recurrence",
    "dispatch",
    "endtoend",
    "idle",
    "sustained",
    "sending",
    "api",
    "memory",
    "growth",
)
RESULTS = Path(__file__).parent / "results"


@dataclass
class Spread:
    """Of rounds: the least, the median and the most."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        values = list(values)
        return cls(min(values), median(values), max(values))

    def text(self, form: str = ",.1f") -> str:
        return f"{self.middle:{form}} ({self.low:{form}}-{self.high:{form}})"


Cell = str | int | float | Spread | None


@dataclass
class Goal:
    name: str
    measured: str
    met: bool


@dataclass
class Table:
    title: str
    columns: list[str]
    rows: list[list[Cell]]


@dataclass
class Part:
    """What one part of the benchmarks found, and when; `listings` are shown as they are."""

    name: str
    title: str
    goals: list[Goal] = field(default_factory=list)
    occasion: dict[str, str] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    listings: dict[str, str] = field(default_factory=dict)


@dataclass
class Report:
    machine: dict[str, str]
    parts: list[Part]

    def keep(self) -> None:
        """Store each part in benchmarks/results, in a file of its own."""
        for part in self.parts:
            alone = Report(self.machine, [part])
            (RESULTS / f"{part.name}.json").write_text(alone.json() + "\n")

    @classmethod
    def kept(cls) -> "Report":
        paths = [RESULTS / f"{name}.json" for name in PARTS]
        return cls.read([path for path in paths if path.exists()])

    def json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def read(cls, paths: Sequence[Path]) -> "Report":
        """Put reports together; of a part that is in several the last one counts.

        They are taken for ones of the same machine.
        """
        machine: dict[str, str] = {}
        parts: dict[str, Part] = {}
        for path in paths:
            read = json.loads(path.read_text())
            machine = read["machine"]
            parts |= {each["name"]: _part(each) for each in read["parts"]}
        return cls(machine, list(parts.values()))

    @property
    def goals(self) -> list[Goal]:
        return [goal for part in self.parts for goal in part.goals]


def at_least(name: str, least: float, ratio: Spread, unit: str = " x") -> Goal:
    """Hold the median against a goal."""
    return Goal(name, shown(ratio) + unit, ratio.middle >= least)


def at_most(name: str, most: float, value: Spread, unit: str = " x") -> Goal:
    return Goal(name, shown(value) + unit, value.middle <= most)


def ratios(slow: Sequence[float], fast: Sequence[float]) -> Spread:
    """Compare round by round: what stood together on a busy machine is held against each other."""
    return Spread.of(over / under for over, under in zip(slow, fast, strict=True))


def _part(read: dict[str, Any]) -> Part:
    tables = [
        Table(**{**each, "rows": [[_cell(cell) for cell in row] for row in each["rows"]]})
        for each in read["tables"]
    ]
    return Part(**{**read, "goals": [Goal(**each) for each in read["goals"]], "tables": tables})


def _cell(read: Any) -> Cell:
    return Spread(**read) if isinstance(read, dict) else read


# For people


def shown(cell: Cell) -> str:
    if isinstance(cell, Spread):
        form = _form(cell.high)
        return cell.text(form) if cell.low != cell.high else f"{cell.middle:{form}}"
    if isinstance(cell, float):
        return f"{cell:{_form(cell)}}"
    return f"{cell:,}" if isinstance(cell, int) else cell or ""


def _form(value: float) -> str:
    return ",.0f" if value >= 100 else ",.1f" if value >= 10 else ",.2f" if value >= 0.1 else ".4f"


def text(report: Report) -> str:
    lines = []
    for part in report.parts:
        lines += ["", part.title, "=" * len(part.title)]
        for table in part.tables:
            lines += ["", table.title, *_aligned(table)]
        lines += ["", *part.notes] if part.notes else []
        for title, listing in part.listings.items():
            lines += ["", title, *(f"  {line}" for line in listing.splitlines())]
    lines += ["", *(f"{_verdict(goal):8}{goal.name}: {goal.measured}" for goal in report.goals)]
    return "\n".join(lines)


def _aligned(table: Table) -> list[str]:
    rows = [table.columns, *([shown(cell) for cell in row] for row in table.rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.columns))]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _verdict(goal: Goal) -> str:
    return "met" if goal.met else "NOT MET"


HEAD = """# Benchmarks

Measured by `make bench` and written by `python -m benchmarks.report`; nothing here was typed in.
Numbers are medians, with the least and the most of the rounds in brackets. Contenders take turns
within each round and a ratio is made within its round: trust ratios over absolute figures.
[benchmarks/README.md](../benchmarks/README.md) says what each part does, [scaling.md](scaling.md)
what to make of it.
"""


def markdown(report: Report) -> str:
    lines = [HEAD, "## Goals", "", "| goal | measured | |", "|---|---|---|"]
    lines += [f"| {goal.name} | {goal.measured} | {_verdict(goal)} |" for goal in report.goals]
    lines += ["", "## Machine", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in report.machine.items()]
    for part in report.parts:
        lines += ["", f"## {part.title}", "", _occasion(part)]
        for table in part.tables:
            lines += ["", f"**{table.title}**", "", *_piped(table)]
        lines += [line for note in part.notes for line in ("", note)]
        for title, listing in part.listings.items():
            lines += ["", f"**{title}**", "", "```text", listing, "```"]
    return "\n".join(lines) + "\n"


def _occasion(part: Part) -> str:
    return "; ".join(f"{name}: {value}" for name, value in part.occasion.items())


def _piped(table: Table) -> list[str]:
    rows = [[shown(cell) for cell in row] for row in table.rows]
    head = [table.columns, ["---", *["---:"] * (len(table.columns) - 1)]]
    return [f"| {' | '.join(row)} |" for row in [*head, *rows]]


if __name__ == "__main__":
    named = [Path(name) for name in sys.argv[1:]]
    print(markdown(Report.read(named) if named else Report.kept()), end="")
