"""Report of DST changes ahead: the reminders that they affect, and what happens to occurrences."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reminders.models import Reminder
from reminders.models.unreadable import UnreadableReminder
from reminders.recurrence import ClockChange, Fold, Gap, RecurrenceError
from reminders.recurrence.wall_clock import FOREVER, UTC_EPOCH, instant, zone_clock

CHUNK = 2000
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Turn:
    """A DST change: at `at` (UTC) the offset of a zone changes from `before` to `after`."""

    timezone: str
    at: datetime
    before: timedelta
    after: timedelta


@dataclass(frozen=True, slots=True)
class AffectedReminder:
    """An active reminder with the occurrences that a DST change moves, skips or repeats."""

    turn: Turn
    reminder_id: int
    title: str
    owner: str
    changes: list[ClockChange]


def outcome(change: ClockChange, turn: Turn) -> str:
    """Return the effect on an occurrence: moved, skipped, first or second."""
    if change.due_at is None:
        return "skipped"
    if change.kind == "gap":
        return "moved"
    return "first" if change.due_at < turn.at else "second"


def turns(timezone: str, after: datetime, until: datetime) -> list[Turn]:
    """Return the DST changes of a zone in (after, until].

    Raises RecurrenceError for an unknown zone.
    """
    # Gap and fold do not matter here: they convert local times only.
    clock = zone_clock(timezone, Gap.AFTER, Fold.FIRST)
    end = (until - UTC_EPOCH) // SECOND
    changes = []
    stretch = clock.stretch((after - UTC_EPOCH) // SECOND)
    while stretch.end <= end and stretch.end != FOREVER:
        following = clock.stretch(stretch.end)
        offsets = timedelta(seconds=stretch.offset), timedelta(seconds=following.offset)
        changes.append(Turn(timezone, instant(stretch.end), *offsets))
        stretch = following
    return changes


def zones(after: datetime, until: datetime, owner: Any = None) -> dict[str, list[Turn] | str]:
    """Return the zones of active reminders that have DST changes in (after, until], with these.

    An unknown zone has the error text in place of its changes.
    """
    by_zone: dict[str, list[Turn] | str] = {}
    for name in _active(owner).order_by("timezone").values_list("timezone", flat=True).distinct():
        try:
            changes = turns(name, after, until)
        except RecurrenceError as error:
            by_zone[name] = error.message
            continue
        if changes:
            by_zone[name] = changes
    return by_zone


def ahead(timezones: Iterable[str], after: datetime, until: datetime) -> list[Turn]:
    """Return the DST changes of these zones in (after, until], soonest first.

    Unknown zones are left out.
    """
    changes: list[Turn] = []
    for name in timezones:
        with suppress(RecurrenceError):
            changes += turns(name, after, until)
    return sorted(changes, key=lambda turn: turn.at)


def count(zones: dict[str, list[Turn] | str], owner: Any = None) -> int:
    """Return the number of reminders that `report` checks."""
    return _active(owner).filter(timezone__in=list(zones)).count()


def report(
    zones: dict[str, list[Turn] | str], owner: Any = None, step: Callable[[], None] = lambda: None
) -> Iterator[AffectedReminder | UnreadableReminder]:
    """Yield the affected reminders, zone by zone and change by change; call `step` per reminder.

    Reminders are read in chunks, to save memory. An unreadable one is yielded once.
    """
    for name, changes in zones.items():
        if isinstance(changes, str):
            for row in _rows(name, owner):
                step()
                yield UnreadableReminder(row.pk, row.title, row.owner.username, name, changes)
            continue
        for turn in changes:
            for row in _rows(name, owner):
                is_first = turn is changes[0]
                if is_first:
                    step()
                result = _check(row, turn)
                if isinstance(result, AffectedReminder) or (result and is_first):
                    yield result


def _check(row: Reminder, turn: Turn) -> AffectedReminder | UnreadableReminder | None:
    try:
        # A row may raise any error, and must not end the report for all others.
        changes = row.schedule.clock_changes(turn.at - SECOND, turn.at)
    except Exception as error:
        return UnreadableReminder.of(row, error)
    if not changes:
        return None
    return AffectedReminder(turn, row.pk, row.title, row.owner.username, changes)


def _active(owner: Any) -> Any:
    active = Reminder.objects.exclude_system().filter(plan__status=Reminder.Status.ACTIVE)
    return active if owner is None else active.filter(owner=owner)


def _rows(timezone: str, owner: Any) -> Iterator[Reminder]:
    rows = _active(owner).filter(timezone=timezone).select_related("owner").order_by("pk")
    return rows.defer("body").iterator(chunk_size=CHUNK)
