"""Which reminders meet a clock change, and what becomes of their occurrences."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reminders.models import Reminder
from reminders.models.reminder import Unreadable
from reminders.recurrence import ClockChange, Fold, Gap, RecurrenceError
from reminders.recurrence.wall_clock import FOREVER, UTC_EPOCH, instant, wall_clock

CHUNK = 2000
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Turn:
    """A clock change of a zone: at `at` (UTC) its offset goes from `before` to `after`."""

    timezone: str
    at: datetime
    before: timedelta
    after: timedelta


@dataclass(frozen=True, slots=True)
class Meeting:
    """An active reminder that meets a clock change, with what becomes of each occurrence."""

    turn: Turn
    reminder_id: int
    title: str
    owner: str
    changes: list[ClockChange]


def outcome(change: ClockChange, turn: Turn) -> str:
    """Say in a word what becomes of an occurrence: moved, skipped, first or second."""
    if change.due_at is None:
        return "skipped"
    if change.kind == "gap":
        return "moved"
    return "first" if change.due_at < turn.at else "second"


def turns(timezone: str, after: datetime, until: datetime) -> list[Turn]:
    """Return the clock changes of a zone in (after, until].

    Raises RecurrenceError on a zone that does not exist.
    """
    # The choices of gap and fold decide about wall times only, not about when the clock changes.
    clock = wall_clock(timezone, Gap.AFTER, Fold.FIRST)
    end = (until - UTC_EPOCH) // SECOND
    found = []
    stretch = clock.stretch((after - UTC_EPOCH) // SECOND)
    while stretch.end <= end and stretch.end != FOREVER:
        following = clock.stretch(stretch.end)
        offsets = timedelta(seconds=stretch.offset), timedelta(seconds=following.offset)
        found.append(Turn(timezone, instant(stretch.end), *offsets))
        stretch = following
    return found


def zones(after: datetime, until: datetime, owner: Any = None) -> dict[str, list[Turn] | str]:
    """Return the zones of active reminders that change their clocks in (after, until], and how.

    A zone that cannot be read is there too, with the reason in place of its changes.
    """
    found: dict[str, list[Turn] | str] = {}
    for name in _active(owner).order_by("timezone").values_list("timezone", flat=True).distinct():
        try:
            changes = turns(name, after, until)
        except RecurrenceError as error:
            found[name] = error.message
            continue
        if changes:
            found[name] = changes
    return found


def ahead(timezones: Iterable[str], after: datetime, until: datetime) -> list[Turn]:
    """Return the clock changes of these zones in (after, until], soonest first.

    Zones that cannot be read are left out.
    """
    found: list[Turn] = []
    for name in timezones:
        with suppress(RecurrenceError):
            found += turns(name, after, until)
    return sorted(found, key=lambda turn: turn.at)


def count(zones: dict[str, list[Turn] | str], owner: Any = None) -> int:
    """Return how many reminders `report` goes through."""
    return _active(owner).filter(timezone__in=list(zones)).count()


def report(
    zones: dict[str, list[Turn] | str], owner: Any = None, seen: Callable[[], None] = lambda: None
) -> Iterator[Meeting | Unreadable]:
    """Yield what meets the changes, zone by zone and change by change; calls `seen` per reminder.

    Reminders come from the database in chunks and are not kept. One that cannot be read is told
    of once, and the report goes on.
    """
    for name, changes in zones.items():
        if isinstance(changes, str):
            for row in _rows(name, owner):
                seen()
                yield Unreadable(row.pk, row.title, row.owner.username, name, changes)
            continue
        for turn in changes:
            for row in _rows(name, owner):
                is_first = turn is changes[0]
                if is_first:
                    seen()
                found = _meeting(row, turn)
                if isinstance(found, Meeting) or (found and is_first):
                    yield found


def _meeting(row: Reminder, turn: Turn) -> Meeting | Unreadable | None:
    try:
        # A whole report may meet any error that a row can hold; none of them ends it.
        changes = row.schedule.clock_changes(turn.at - SECOND, turn.at)
    except Exception as error:
        return Unreadable.of(row, error)
    if not changes:
        return None
    return Meeting(turn, row.pk, row.title, row.owner.username, changes)


def _active(owner: Any) -> Any:
    active = Reminder.objects.exclude_system().filter(status=Reminder.Status.ACTIVE)
    return active if owner is None else active.filter(owner=owner)


def _rows(timezone: str, owner: Any) -> Iterator[Reminder]:
    rows = _active(owner).filter(timezone=timezone).select_related("owner").order_by("pk")
    return rows.only("title", "owner__username", *Reminder.SCHEDULE).iterator(chunk_size=CHUNK)
