"""Plots as rectangles: a column for each hour, in a picture 100 high that is stretched to fit.

Labels stand beside the picture, where they keep their size. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

HEIGHT = 100.0
# The smallest value still gets a bar that can be seen.
LEAST = 2.0
# The height above the line between bars that stand and bars that hang.
ABOVE = 70.0
# Every sixth hour has a label.
LABEL_EVERY_HOURS = 6


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
class PlotColumn:
    """An hour: its bars, and the text that a browser shows under the pointer."""

    bars: list[Bar]
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot with its text in a sentence and its table: a head, and a row for each hour.

    `levels` are labels of heights, from the top down. A plot with nothing to draw has no columns;
    its `text` gives the reason.
    """

    name: str
    title: str
    text: str
    columns: list[PlotColumn] = field(default_factory=list)
    hours: list[str] = field(default_factory=list)
    levels: list[str] = field(default_factory=list)
    table: Sequence[Sequence[str]] = ()
    # The height at which hanging bars begin.
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
    """Return the bar over rows `first` to `last` of `of` rows, counted from below.

    Return no bar if `last` comes before `first`.
    """
    if last < first:
        return []
    row = HEIGHT / of
    return [Bar.of(HEIGHT - (last + 1) * row, (last - first + 1) * row, look)]


def clock(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%H:%M}"


def day_and_clock(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%a %H:%M}"


def hour_labels(begins: Sequence[datetime], zone: tzinfo) -> list[str]:
    """Return the local time of every sixth hour in a zone."""
    return [clock(begin, zone) for begin in begins[::LABEL_EVERY_HOURS]]
