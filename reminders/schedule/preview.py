"""What a schedule means, shown before anything is stored: no database, no clock.

The API, the command and the admin ask the same functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reminders.recurrence import ClockChange, Gap, Lead, Schedule, local_time, to_utc, zone
from reminders.schedule.message import Told, message
from reminders.schedule.numbering import Count

DEFAULT_COUNT = 10
# Before the first occurrence of any schedule.
BEGINNING = datetime.min.replace(tzinfo=UTC)

# A start is at most this far from its instant: no offset and no clock change is larger.
_REACH = timedelta(days=2)
# A rule by the minute has this many in the gap of an hour.
_SKIPPED_AT_THE_END = 60


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of a preview: an occurrence, or one that the clock skips.

    `due_at` is aware, in UTC, and None if skipped; `local` is the naive wall time, the one asked
    for if skipped; `offset` is the wall clock's from UTC, such as +01:00, and None if skipped.
    """

    due_at: datetime | None
    local: datetime
    offset: str | None
    clock_change: ClockChange | None


@dataclass(frozen=True, slots=True)
class Said:
    """A message to come: when it will be sent, `lead` before it is due, and what it says."""

    fire_at: datetime
    lead: Lead
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A schedule in words and in canonical form, with its next occurrences in order.

    `exhausted` says that nothing is due after the last of them. `messages` are the next ones, where
    there are words to be said.
    """

    text: str
    recurrence: str
    timezone: str
    occurrences: list[Shown]
    exhausted: bool
    messages: Sequence[Said] = ()


def preview(schedule: Schedule, after: datetime, count: int) -> Preview:
    """Show up to `count` occurrences strictly after an aware instant.

    Those that the clock skips are listed between them and do not count. Raises RecurrenceError
    if the search for the next one has to be given up.
    """
    found, exhausted = due(schedule, after, count)
    lines = [(at, 1, _occurrence(schedule, at)) for at in found]
    for wall, change in _skipped(schedule, after, found, exhausted).items():
        (at,) = to_utc(wall, schedule.timezone, Gap.AFTER)
        lines.append((at, 0, Shown(None, wall, None, change)))
    return Preview(
        text=schedule.text,
        recurrence=schedule.recurrence,
        timezone=schedule.timezone,
        occurrences=[shown for _, _, shown in sorted(lines, key=lambda line: line[:2])],
        exhausted=exhausted,
    )


def messages(told: Told, after: datetime, count: Count) -> list[Said]:
    """Return the next messages after an aware instant, one for each lead; `count` has fired."""
    found: list[Said] = []
    schedule = told.schedule
    fire = schedule.next_fire(after)
    while fire is not None and len(found) < len(schedule.leads):
        count = count.including(fire.due_at)
        words = message(told, fire, fire.fire_at, 0, count)
        found.append(Said(fire.fire_at, fire.lead, words.title, words.body))
        fire = schedule.next_fire(*fire.order)
    return found


def due(schedule: Schedule, after: datetime, count: int) -> tuple[list[datetime], bool]:
    """Return up to `count` due instants after an aware instant, and whether there are no more."""
    found = schedule.upcoming(after, count + 1)
    return found[:count], len(found) <= count


def _occurrence(schedule: Schedule, at: datetime) -> Shown:
    local = local_time(at, schedule.timezone)
    offset = at.astimezone(zone(schedule.timezone)).isoformat()[19:]
    return Shown(at, local, offset, schedule.clock_change(at))


def _skipped(
    schedule: Schedule, after: datetime, found: list[datetime], exhausted: bool
) -> dict[datetime, ClockChange]:
    """Return what the clock skips from `after` to the last occurrence found, by wall time."""
    if schedule.gap is not Gap.SKIP:
        return {}
    last = found[-1] if found else after
    begin = max(after, schedule.starts_at.replace(tzinfo=UTC) - _REACH)
    changes = schedule.clock_changes(begin, last)
    if exhausted:
        changes += _skipped_at_the_end(schedule, last)
    return {change.wall: change for change in changes if change.due_at is None}


def _skipped_at_the_end(schedule: Schedule, last: datetime) -> list[ClockChange]:
    """Return what the clock skips after the last occurrence: what would be due if it moved."""
    moving = Schedule(
        starts_at=schedule.starts_at,
        timezone=schedule.timezone,
        recurrence=schedule.recurrence,
        exdates=schedule.exdates,
        rdates=schedule.rdates,
        gap=Gap.AFTER,
        fold=schedule.fold,
    )
    left = moving.upcoming(last, _SKIPPED_AT_THE_END)
    moved = [change.wall for change in map(moving.clock_change, left) if change is not None]
    if not moved:
        return []
    changes = schedule.clock_changes(last, left[-1])
    return [change for change in changes if change.wall in moved]
