"""Bulk actions of staff on selected reminders, by the rules of `transitions`.

Each function takes ids and locks their rows in the order of their ids, so that two actions cannot
deadlock. It returns the unchanged reminders with the reason. Ticks skip locked rows. If one row
raises, the whole batch raises: the caller rolls back and retries each half.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models.pause import check_until
from reminders.actions.responses import note_skipped
from reminders.engine import firing
from reminders.models import Reminder, transitions

# By the id of an unchanged reminder, the reason.
Refusals = dict[Any, str]


@transaction.atomic
def pause(ids: Sequence[int], now: datetime, until: datetime | None = None) -> Refusals:
    """Pause reminders until then, or until they are resumed; ValidationError names `until`."""
    check_until(until, now)
    reminders = _locked(ids)
    reasons = {
        row.pk: "it was paused before" if row.status == Reminder.Status.PAUSED else state_of(row)
        for row in reminders
    }
    return _without(reasons, transitions.pause(reminders, now, until))


@transaction.atomic
def resume(ids: Sequence[int], now: datetime) -> Refusals:
    """Resume paused reminders with the first occurrence after `now`."""
    reminders = _locked(ids)
    reasons = {row.pk: f"{state_of(row)}, not paused" for row in reminders}
    return _without(reasons, transitions.resume(reminders, now))


@transaction.atomic
def skip_next(ids: Sequence[int], now: datetime) -> Refusals:
    """Skip the next due instant of each reminder, at all its leads to come."""
    reminders = _locked(ids)
    planned = [row for row in reminders if row.next_due_at is not None]
    reasons = {row.pk: f"{state_of(row)} and has no next one" for row in reminders}
    note_skipped(transitions.skip(planned, now), now)
    return _without(reasons, planned)


@transaction.atomic
def trigger(ids: Sequence[int], now: datetime) -> Refusals:
    """Fire reminders now; their schedules do not change."""
    reminders = _locked(ids)
    firing.trigger_each([row for row in reminders if row.deleted_at is None], now)
    return {row.pk: "it is deleted" for row in reminders if row.deleted_at is not None}


@transaction.atomic
def close(ids: Sequence[int], now: datetime) -> Refusals:
    """Delete reminders for their owners."""
    reminders = _locked(ids)
    reasons = {row.pk: "it was deleted before" for row in reminders}
    return _without(reasons, transitions.close(reminders, now))


@transaction.atomic
def restore(ids: Sequence[int], now: datetime) -> Refusals:
    """Undelete reminders and plan them from `now` on."""
    reminders = _locked(ids, with_owner=True)
    reasons = {row.pk: "it is not deleted" for row in reminders}
    closed = {row.pk: "the account of its owner is closed" for row in reminders if _is_erased(row)}
    restorable = [row for row in reminders if row.pk not in closed]
    return {**_without(reasons, transitions.restore(restorable, now)), **closed}


def state_of(reminder: Reminder) -> str:
    return f"it is {'deleted' if reminder.deleted_at else reminder.status}"


def _is_erased(reminder: Reminder) -> bool:
    return reminder.deleted_at is not None and reminder.owner.closed_at is not None


def _locked(ids: Sequence[int], *, with_owner: bool = False) -> list[Reminder]:
    rows = Reminder.objects.filter(pk__in=ids).order_by("pk")
    rows = rows.select_related("owner") if with_owner else rows
    return list(rows.locked())


def _without(reasons: Refusals, changed: Sequence[Any]) -> Refusals:
    for reminder in changed:
        del reasons[reminder.pk]
    return reasons
