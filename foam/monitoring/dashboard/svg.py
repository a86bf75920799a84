"""Plots as rectangles: a column for each hour, in a picture 100 high that is stretched to fit.

Words stand beside the picture, where they keep their size. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

HEIGHT = 100.0
# What is there is seen, however little it is.
LEAST = 2.0
# Of the picture, what lies above the line between two sorts of bars.
ABOVE = 70.0
# An hour is named so often.
NAMED = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle from `top` down; numbers as SVG has them. `look` is a class of dashboard.css."""

    top: str
    height: str
    look: str

    @classmethod
    def of(cls, top: float, height: float, look: str) -> "Bar":
        return cls(f"{top:.2f}", f"{height:.2f}", look)


@dataclass(frozen=True, slots=True)
class Column:
    """An hour: what is drawn of it, and what is said when it is pointed at."""

    bars: list[Bar]
    said: str


@dataclass(frozen=True, slots=True)
class Plot:
    """`text` says the same in a sentence, `table` in full: a head, and a row for each hour.

    `levels` are names of heights, from the top down. A plot with nothing to draw has no columns:
    then `text` says why.
    """

    name: str
    title: str
    text: str
    columns: list[Column] = field(default_factory=list)
    hours: list[str] = field(default_factory=list)
    levels: list[str] = field(default_factory=list)
    table: Sequence[Sequence[str]] = ()
    # Where the bars that hang down begin.
    line: str = ""

    @property
    def width(self) -> int:
        return len(self.columns)


def up(value: float, most: float, look: str, line: float = HEIGHT) -> list[Bar]:
    """Return the bar that stands on `line`; none for nothing."""
    if not value:
        return []
    height = max(LEAST, line * value / most)
    return [Bar.of(line - height, height, look)]


def down(value: float, most: float, look: str, line: float = ABOVE) -> list[Bar]:
    """Return the bar that hangs from `line`; none for nothing."""
    if not value:
        return []
    return [Bar.of(line, max(LEAST, (HEIGHT - line) * value / most), look)]


def rows(first: int, last: int, of: int, look: str) -> list[Bar]:
    """Return the bar over the rows from `first` to `last`, of so many, counted from below.

    There is none where the last comes before the first.
    """
    if last < first:
        return []
    row = HEIGHT / of
    return [Bar.of(HEIGHT - (last + 1) * row, (last - first + 1) * row, look)]


def clock(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%H:%M}"


def day_and_clock(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%a %H:%M}"


def named(begins: Sequence[datetime], zone: tzinfo) -> list[str]:
    """Return the names of every sixth hour, by the clocks of a zone."""
    return [clock(begin, zone) for begin in begins[::NAMED]]
