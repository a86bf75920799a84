"""Reports of the benchmarks: as JSON, as text for a terminal, as Markdown for docs/benchmarks.md.

python -m benchmarks.report [RESULTS.json ...] > docs/benchmarks.md

Without files it reads benchmarks/results, which `--keep` writes.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

# The parts in the order of the report; each is the module of its name.
PARTS = (
    "recurrence",
    "dispatch",
    "endtoend",
    "idle",
    "sustained",
    "sending",
    "request_cpu",
    "api",
    "memory",
    "growth",
)
RESULTS = Path(__file__).parent / "results"


@dataclass
class Spread:
    """The least, the median and the most of the rounds."""

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
    """The results of one part of the benchmarks; `listings` are texts such as plans."""

    name: str
    title: str
    goals: list[Goal] = field(default_factory=list)
    occasion: dict[str, str] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    listings: dict[str, str] = field(default_factory=dict)


@dataclass
class BenchmarkReport:
    machine: dict[str, str]
    parts: list[Part]

    def store(self) -> None:
        """Store each part in benchmarks/results, in a file of its own."""
        for part in self.parts:
            single = BenchmarkReport(self.machine, [part])
            (RESULTS / f"{part.name}.json").write_text(single.json() + "\n")

    @classmethod
    def load_stored(cls) -> "BenchmarkReport":
        paths = [RESULTS / f"{name}.json" for name in PARTS]
        return cls.read([path for path in paths if path.exists()])

    def json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def read(cls, paths: Sequence[Path]) -> "BenchmarkReport":
        """Read reports of one machine; of a part that is in several, the last one counts."""
        machine: dict[str, str] = {}
        parts: dict[str, Part] = {}
        for path in paths:
            document = json.loads(path.read_text())
            machine = document["machine"]
            parts |= {part["name"]: _part(part) for part in document["parts"]}
        return cls(machine, list(parts.values()))

    @property
    def goals(self) -> list[Goal]:
        return [goal for part in self.parts for goal in part.goals]


def at_least(name: str, least: float, ratio: Spread, unit: str = " x") -> Goal:
    """Return a goal that the median meets or not."""
    return Goal(name, format_cell(ratio) + unit, ratio.middle >= least)


def at_most(name: str, most: float, value: Spread, unit: str = " x") -> Goal:
    return Goal(name, format_cell(value) + unit, value.middle <= most)


def ratios(slow: Sequence[float], fast: Sequence[float]) -> Spread:
    """Compare round by round, as a busy moment slows both sides of a round."""
    return Spread.of(over / under for over, under in zip(slow, fast, strict=True))


def _part(fields: dict[str, Any]) -> Part:
    tables = [
        Table(**{**entry, "rows": [[_cell(cell) for cell in row] for row in entry["rows"]]})
        for entry in fields["tables"]
    ]
    return Part(
        **{**fields, "goals": [Goal(**entry) for entry in fields["goals"]], "tables": tables}
    )


def _cell(value: Any) -> Cell:
    return Spread(**value) if isinstance(value, dict) else value


# For people


def format_cell(cell: Cell) -> str:
    if isinstance(cell, Spread):
        form = _form(cell.high)
        return cell.text(form) if cell.low != cell.high else f"{cell.middle:{form}}"
    if isinstance(cell, float):
        return f"{cell:{_form(cell)}}"
    return f"{cell:,}" if isinstance(cell, int) else cell or ""


def _form(value: float) -> str:
    return ",.0f" if value >= 100 else ",.1f" if value >= 10 else ",.2f" if value >= 0.1 else ".4f"


def text(report: BenchmarkReport) -> str:
    lines = []
    for part in report.parts:
        lines += ["", part.title, "=" * len(part.title)]
        for table in part.tables:
            lines += ["", table.title, *_align(table)]
        lines += ["", *part.notes] if part.notes else []
        for title, listing in part.listings.items():
            lines += ["", title, *(f"  {line}" for line in listing.splitlines())]
    lines += ["", *(f"{_verdict(goal):8}{goal.name}: {goal.measured}" for goal in report.goals)]
    return "\n".join(lines)


def _align(table: Table) -> list[str]:
    rows = [table.columns, *([format_cell(cell) for cell in row] for row in table.rows)]
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


def markdown(report: BenchmarkReport) -> str:
    lines = [HEAD, "## Goals", "", "| goal | measured | |", "|---|---|---|"]
    lines += [f"| {goal.name} | {goal.measured} | {_verdict(goal)} |" for goal in report.goals]
    lines += ["", "## Machine", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in report.machine.items()]
    for part in report.parts:
        lines += ["", f"## {part.title}", "", _occasion(part)]
        for table in part.tables:
            lines += ["", f"**{table.title}**", "", *_pipe(table)]
        lines += [line for note in part.notes for line in ("", note)]
        for title, listing in part.listings.items():
            lines += ["", f"**{title}**", "", "```text", listing, "```"]
    return "\n".join(lines) + "\n"


def _occasion(part: Part) -> str:
    return "; ".join(f"{name}: {value}" for name, value in part.occasion.items())


def _pipe(table: Table) -> list[str]:
    rows = [[format_cell(cell) for cell in row] for row in table.rows]
    head = [table.columns, ["---", *["---:"] * (len(table.columns) - 1)]]
    return [f"| {' | '.join(row)} |" for row in [*head, *rows]]


if __name__ == "__main__":
    paths = [Path(name) for name in sys.argv[1:]]
    print(markdown(BenchmarkReport.read(paths) if paths else BenchmarkReport.load_stored()), end="")
