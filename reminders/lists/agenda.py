"""The agenda: the instants within a window at which an owner's reminders are due, in order."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice
from typing import NamedTuple

from django.core.exceptions import ValidationError

from reminders.engine.pauses import PausedPeriod, pauses_by_owner
from reminders.lists.conditions import ReminderFilters
from reminders.lists.page import ListOrder, page_ids
from reminders.models import Occurrence, Reminder
from reminders.recurrence import RecurrenceError

# Reminders whose schedules are expanded: about a third of a second.
MAX_REMINDERS = 5000
LONGEST_WINDOW = timedelta(days=366)
SOONEST = ListOrder.of("next_due_at", is_falling=False)
BY_ID = ListOrder.of("id", is_falling=False)
TOO_MANY = (
    f"More than {MAX_REMINDERS:,} reminders may be due in this window. Give an earlier `until`, or "
    "a filter such as tag=home."
)


class AgendaEntry(NamedTuple):
    """A due instant of a reminder; ordered by instant, then by the reminder's id."""

    due_at: datetime
    reminder_id: int
    reminder: Reminder


class AgendaWindow(NamedTuple):
    """The instants from `begin` to before `until`, as they are planned at `now`."""

    begin: datetime
    until: datetime
    now: datetime


def list_entries(
    filters: ReminderFilters,
    window: AgendaWindow,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[AgendaEntry]:
    """Return the first `limit` entries of a window that come after an instant and reminder's id.

    What is past has its occurrences: the window begins `now` at the earliest. Skipped instants are
    left out, and those within a pause of the reminder, of one of its tags or of its owner. Raises
    ValidationError on `until` if the window is too long, or too many reminders may be due in it.
    """
    begin, until, now = window
    if until - begin > LONGEST_WINDOW:
        raise ValidationError({"until": f"Give at most {LONGEST_WINDOW.days} days after `from`."})
    begin = max(begin, now)
    reminders = _expandable(filters, until)
    skipped = _skipped([reminder.pk for reminder in reminders], begin, until)
    periods = pauses_by_owner([filters.owner_id], begin, now).get(filters.owner_id, [])
    streams = [
        _entries(
            reminder,
            window._replace(begin=_begin_of(reminder.pk, begin, after)),
            skipped,
            [period for period in periods if period.is_of(reminder.tags)],
        )
        for reminder in reminders
    ]
    return list(islice(merge(*streams, key=lambda entry: entry[:2]), limit))


def _begin_of(reminder_id: int, begin: datetime, after: tuple[datetime, int] | None) -> datetime:
    """Return the first instant at which an entry of a reminder comes after a position."""
    if after is None:
        return begin
    at, last_id = after
    return max(begin, at if reminder_id > last_id else at + timedelta.resolution)


def _expandable(filters: ReminderFilters, until: datetime) -> list[Reminder]:
    """Return the reminders that may be due before `until`: MAX_REMINDERS at most."""
    due = replace(filters, due_until=until)
    resumed = replace(filters, resumed_until=until)
    ids = page_ids(due, SOONEST, None, MAX_REMINDERS + 1)
    ids += page_ids(resumed, BY_ID, None, MAX_REMINDERS + 1)
    if len(ids) > MAX_REMINDERS:
        raise ValidationError({"until": TOO_MANY})
    return list(Reminder.objects.filter(pk__in=ids).defer("body"))


def _skipped(ids: Sequence[int], begin: datetime, until: datetime) -> set[tuple[int, datetime]]:
    """Return the reminder and the instant of each occurrence that is skipped in advance."""
    rows = Occurrence.objects.filter(
        reminder__in=ids, status=Occurrence.Status.SKIPPED, due_at__gte=begin, due_at__lt=until
    )
    return set(rows.values_list("reminder_id", "due_at"))


def _entries(
    reminder: Reminder,
    window: AgendaWindow,
    skipped: set[tuple[int, datetime]],
    periods: Sequence[PausedPeriod],
) -> Iterator[AgendaEntry]:
    """Yield the entries of one reminder; none if its schedule cannot be read."""
    begin, until, now = window
    at = max(begin, reminder.paused_until or begin) - timedelta.resolution
    try:
        schedule = reminder.schedule
        while (due := schedule.after(at)) is not None and due < until:
            at = due
            if (reminder.pk, due) in skipped:
                continue
            ends = [period.end for period in periods if period.covers(due, now)]
            if not ends:
                yield AgendaEntry(due, reminder.pk, reminder)
            elif None in ends:
                return
            else:
                at = max(filter(None, ends)) - timedelta.resolution
    except RecurrenceError:
        return
