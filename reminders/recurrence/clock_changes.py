"""Occurrences that meet a clock change: a DST gap or fold."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from .describe import clock_time, date_in_words
from .i18n import _
from .wall_clock import FOREVER, Fold, Gap, WallClock, instant, wall_time

# (low, high): the wall times of the schedule in [low, high), without excluded times
LocalTimes = Callable[[int, int], list[int]]
# instant: the first due instant after it
NextDue = Callable[[int], int | None]
# A rule by the minute meets each clock change sixty times or more.
MAX_CHANGES = 1_000


@dataclass(frozen=True, slots=True)
class ClockChange:
    """An occurrence that meets a clock change.

    `kind` is gap or fold; `wall` is the local time in the schedule; `due_at` is the actual due
    instant (aware, UTC), None if the occurrence is skipped; `text` is an English sentence.
    """

    kind: str
    wall: datetime
    due_at: datetime | None
    text: str


def at(clock: WallClock, local_times: LocalTimes, due: int) -> ClockChange | None:
    """Return the clock change that the occurrence due at an instant meets, or None."""
    stretch = clock.stretch(due)
    wall = due + stretch.gap_offset
    if stretch.gap_low <= wall < stretch.gap_high and local_times(wall, wall + 1):
        return _gap_change(wall, due, due + stretch.offset)
    wall = due + stretch.offset
    if stretch.begin > -FOREVER and wall < stretch.begin + clock.stretch(stretch.begin - 1).offset:
        return _fold_change(wall, due, Fold.SECOND)
    if stretch.end < FOREVER and wall >= stretch.end + clock.stretch(stretch.end).offset:
        return _fold_change(wall, due, Fold.FIRST)
    return None


def between(
    clock: WallClock, local_times: LocalTimes, next_due: NextDue, after: int, until: int
) -> list[ClockChange]:
    """Return the occurrences that meet clock changes in (after, until]."""
    changes: list[ClockChange] = []
    stretch = clock.stretch(after)
    while stretch.end <= until and stretch.end != FOREVER and len(changes) < MAX_CHANGES:
        moment, offset = stretch.end, stretch.offset
        stretch = clock.stretch(moment)
        size = stretch.offset - offset
        if size > 0 and clock.gap is Gap.SKIP:
            low = moment + offset
            changes += [_skipped_change(wall) for wall in local_times(low, low + size)]
        due = next_due(moment - abs(size) - 1)
        while due is not None and due < moment + abs(size) and len(changes) < MAX_CHANGES:
            change = at(clock, local_times, due)
            if change is not None:
                changes.append(change)
            due = next_due(due)
    return changes[:MAX_CHANGES]


def _gap_change(wall: int, due: int, new_wall: int) -> ClockChange:
    in_rule, new_local = wall_time(wall), wall_time(new_wall)
    text = _("{time} is skipped on {date}: moved to {actual}")
    if new_local.date() != in_rule.date():
        text = _("{time} is skipped on {date}: moved to {actual} on {other_date}")
    text = text.format(
        time=clock_time(in_rule),
        date=date_in_words(in_rule),
        actual=clock_time(new_local),
        other_date=date_in_words(new_local),
    )
    return ClockChange("gap", in_rule, instant(due), text)


def _skipped_change(wall: int) -> ClockChange:
    in_rule = wall_time(wall)
    text = _("{time} is skipped on {date}: no occurrence")
    text = text.format(time=clock_time(in_rule), date=date_in_words(in_rule))
    return ClockChange("gap", in_rule, None, text)


def _fold_change(wall: int, due: int, fold: Fold) -> ClockChange:
    local = wall_time(wall)
    text = {
        Fold.FIRST: _("{time} comes twice on {date}: this is the first"),
        Fold.SECOND: _("{time} comes twice on {date}: this is the second"),
    }[fold]
    text = text.format(time=clock_time(local), date=date_in_words(local))
    return ClockChange("fold", local, instant(due), text)
