"""What staff do to many chosen reminders at once, each rule by `transitions`.

Each function takes ids, locks their rows in one order, so that two actions at once do not wait for
each other in a circle, and returns by id why a reminder was left as it is. The ticks pass locked
rows by. A row that raises raises for all: the caller undoes that and tries the halves.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models.pause import check_until
from reminders.actions.responses import Actor, note_skipped
from reminders.engine import firing
from reminders.models import Reminder, transitions

# By the id of a reminder, why it was left as it is.
Refusals = dict[Any, str]


@transaction.atomic
def pause(ids: Sequence[int], now: datetime, until: datetime | None = None) -> Refusals:
    """Pause reminders until then, or until they are resumed; ValidationError names `until`."""
    check_until(until, now)
    reminders = _locked(ids)
    reasons = {
        each.pk: "it was paused before" if each.status == Reminder.Status.PAUSED else state_of(each)
        for each in reminders
    }
    return _without(reasons, transitions.pause(reminders, now, until))


@transaction.atomic
def resume(ids: Sequence[int], now: datetime) -> Refusals:
    """Let paused reminders go on with the first occurrence after `now`."""
    reminders = _locked(ids)
    reasons = {each.pk: f"{state_of(each)}, not paused" for each in reminders}
    return _without(reasons, transitions.resume(reminders, now))


@transaction.atomic
def skip_next(ids: Sequence[int], now: datetime, by: Actor) -> Refusals:
    """Let the next due instant of each pass, at all its leads to come."""
    reminders = _locked(ids)
    planned = [each for each in reminders if each.next_due_at is not None]
    reasons = {each.pk: f"{state_of(each)} and has no next one" for each in reminders}
    note_skipped(transitions.skip(planned, now), now, by)
    return _without(reasons, planned)


@transaction.atomic
def trigger(ids: Sequence[int], now: datetime) -> Refusals:
    """Fire reminders at once, beside their schedules."""
    reminders = _locked(ids)
    kept = [each for each in reminders if each.deleted_at is None]
    firing.trigger_each(kept, now)
    return {each.pk: "it is deleted" for each in reminders if each.deleted_at is not None}


@transaction.atomic
def close(ids: Sequence[int], now: datetime) -> Refusals:
    """Delete reminders for their owners."""
    reminders = _locked(ids)
    reasons = {each.pk: "it was deleted before" for each in reminders}
    return _without(reasons, transitions.close(reminders, now))


@transaction.atomic
def restore(ids: Sequence[int], now: datetime) -> Refusals:
    """Take back that reminders were deleted: they go on with the first occurrence after `now`."""
    reminders = _locked(ids, with_owner=True)
    reasons = {each.pk: "it is not deleted" for each in reminders}
    closed = {
        each.pk: "the account of its owner is closed" for each in reminders if _is_erased(each)
    }
    own = [each for each in reminders if each.pk not in closed]
    return {**_without(reasons, transitions.restore(own, now)), **closed}


def state_of(reminder: Reminder) -> str:
    return f"it is {'deleted' if reminder.deleted_at else reminder.status}"


def _is_erased(reminder: Reminder) -> bool:
    return reminder.deleted_at is not None and reminder.owner.closed_at is not None


def _locked(ids: Sequence[int], *, with_owner: bool = False) -> list[Reminder]:
    rows = Reminder.objects.filter(pk__in=ids).order_by("pk")
    rows = rows.select_related("owner") if with_owner else rows
    return list(rows.select_for_update(no_key=True, of=("self",)))


def _without(reasons: Refusals, done: Sequence[Any]) -> Refusals:
    for reminder in done:
        del reasons[reminder.pk]
    return reasons
