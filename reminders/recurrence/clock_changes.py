"""What clock changes do to occurrences."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from .describe import clock_time, date_in_words
from .i18n import _
from .wall_clock import FOREVER, Fold, Gap, WallClock, instant, wall_time

# wall times asked for in [low, high), those excluded left out
Asked = Callable[[int, int], list[int]]
# the first due instant after one
NextDue = Callable[[int], int | None]
# A rule by the minute meets each clock change sixty times or more.
MAX_CHANGES = 1_000


@dataclass(frozen=True, slots=True)
class ClockChange:
    """An occurrence that meets a clock change.

    `kind` is gap or fold; `wall` is the local time asked for; `due_at` is when it is due instead
    (aware, UTC), None if it is skipped; `text` says it in English.
    """

    kind: str
    wall: datetime
    due_at: datetime | None
    text: str


def at(clock: WallClock, asked: Asked, due: int) -> ClockChange | None:
    """Return what a clock change does to the occurrence due at an instant."""
    stretch = clock.stretch(due)
    wall = due + stretch.gap_offset
    if stretch.gap_low <= wall < stretch.gap_high and asked(wall, wall + 1):
        return _moved(wall, due, due + stretch.offset)
    wall = due + stretch.offset
    if stretch.begin > -FOREVER and wall < stretch.begin + clock.stretch(stretch.begin - 1).offset:
        return _repeated(wall, due, Fold.SECOND)
    if stretch.end < FOREVER and wall >= stretch.end + clock.stretch(stretch.end).offset:
        return _repeated(wall, due, Fold.FIRST)
    return None


def between(
    clock: WallClock, asked: Asked, next_due: NextDue, after: int, until: int
) -> list[ClockChange]:
    """Return the occurrences that meet clock changes in (after, until]."""
    found: list[ClockChange] = []
    stretch = clock.stretch(after)
    while stretch.end <= until and stretch.end != FOREVER and len(found) < MAX_CHANGES:
        moment, offset = stretch.end, stretch.offset
        stretch = clock.stretch(moment)
        size = stretch.offset - offset
        if size > 0 and clock.gap is Gap.SKIP:
            low = moment + offset
            found += [_skipped(wall) for wall in asked(low, low + size)]
        due = next_due(moment - abs(size) - 1)
        while due is not None and due < moment + abs(size) and len(found) < MAX_CHANGES:
            change = at(clock, asked, due)
            if change is not None:
                found.append(change)
            due = next_due(due)
    return found[:MAX_CHANGES]


def _moved(wall: int, due: int, shown: int) -> ClockChange:
    asked, actual = wall_time(wall), wall_time(shown)
    text = _("{time} is skipped on {date}: moved to {actual}")
    if actual.date() != asked.date():
        text = _("{time} is skipped on {date}: moved to {actual} on {other_date}")
    text = text.format(
        time=clock_time(asked),
        date=date_in_words(asked),
        actual=clock_time(actual),
        other_date=date_in_words(actual),
    )
    return ClockChange("gap", asked, instant(due), text)


def _skipped(wall: int) -> ClockChange:
    asked = wall_time(wall)
    text = _("{time} is skipped on {date}: no occurrence")
    text = text.format(time=clock_time(asked), date=date_in_words(asked))
    return ClockChange("gap", asked, None, text)


def _repeated(wall: int, due: int, which: Fold) -> ClockChange:
    shown = wall_time(wall)
    text = {
        Fold.FIRST: _("{time} comes twice on {date}: this is the first"),
        Fold.SECOND: _("{time} comes twice on {date}: this is the second"),
    }[which]
    text = text.format(time=clock_time(shown), date=date_in_words(shown))
    return ClockChange("fold", shown, instant(due), text)
