"""What clock changes do to occurrences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from .zone import FOREVER, Gap, instant, seconds, wall_clock, wall_time

if TYPE_CHECKING:
    from .schedule import Schedule
    from .timeline import Timeline

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


def at(schedule: Schedule, timeline: Timeline, due: int) -> ClockChange | None:
    """Return what a clock change does to the occurrence due at an instant."""
    clock = wall_clock(schedule.timezone, schedule.gap, schedule.fold)
    stretch = clock.stretch(due)
    wall = due + stretch.gap_offset
    if stretch.gap_low <= wall < stretch.gap_high and _asks_for(schedule, timeline, wall):
        return _moved(wall, due, due + stretch.offset)
    wall = due + stretch.offset
    if stretch.begin > -FOREVER and wall < stretch.begin + clock.stretch(stretch.begin - 1).offset:
        return _repeated(wall, due, "second")
    if stretch.end < FOREVER and wall >= stretch.end + clock.stretch(stretch.end).offset:
        return _repeated(wall, due, "first")
    return None


def between(schedule: Schedule, timeline: Timeline, after: int, until: int) -> list[ClockChange]:
    """Return the occurrences that meet clock changes in (after, until]."""
    clock = wall_clock(schedule.timezone, schedule.gap, schedule.fold)
    found: list[ClockChange] = []
    stretch = clock.stretch(after)
    while stretch.end <= until and stretch.end != FOREVER:
        moment, offset = stretch.end, stretch.offset
        stretch = clock.stretch(moment)
        size = stretch.offset - offset
        if size > 0 and schedule.gap is Gap.SKIP:
            low = moment + offset
            found += [_skipped(wall) for wall in _walls(schedule, timeline, low, low + size)]
        due = schedule.next_due(moment - abs(size) - 1)
        while due is not None and due < moment + abs(size) and len(found) < MAX_CHANGES:
            change = at(schedule, timeline, due)
            if change is not None:
                found.append(change)
            due = schedule.next_due(due)
    return found[:MAX_CHANGES]


def _walls(schedule: Schedule, timeline: Timeline, low: int, high: int) -> list[int]:
    """Wall times asked for in [low, high)."""
    asked = [wall for wall in map(seconds, schedule.rdates) if low <= wall < high]
    excluded = set(map(seconds, schedule.exdates))
    asked += timeline.walls(low, high)
    return sorted(set(asked) - excluded)[:MAX_CHANGES]


def _asks_for(schedule: Schedule, timeline: Timeline, wall: int) -> bool:
    return bool(_walls(schedule, timeline, wall, wall + 1))


def _moved(wall: int, due: int, shown: int) -> ClockChange:
    asked, actual = wall_time(wall), wall_time(shown)
    text = f"{_clock(asked)} is skipped on {_date(asked)}: moved to {_clock(actual)}"
    if actual.date() != asked.date():
        text += f" on {_date(actual)}"
    return ClockChange("gap", asked, instant(due), text)


def _skipped(wall: int) -> ClockChange:
    asked = wall_time(wall)
    text = f"{_clock(asked)} is skipped on {_date(asked)}: no occurrence"
    return ClockChange("gap", asked, None, text)


def _repeated(wall: int, due: int, which: str) -> ClockChange:
    shown = wall_time(wall)
    text = f"{_clock(shown)} comes twice on {_date(shown)}: this is the {which}"
    return ClockChange("fold", shown, instant(due), text)


def _clock(wall: datetime) -> str:
    return f"{wall:%H:%M:%S}" if wall.second else f"{wall:%H:%M}"


def _date(wall: datetime) -> str:
    return f"{wall.day} {wall:%B} {wall.year}"
