"""Acknowledge, snooze and skip, for admin, API, commands and message links alike.

A response is one conditional UPDATE: of two at the same time one changes the row, and the other
changes nothing. The current actor is stored in `Occurrence.responses`, in the same transaction.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F

from notifications.models import Delivery
from reminders.models import Occurrence, Reminder, Response
from reminders.models.response import new_response

MAX_SNOOZE = timedelta(days=365)
# The reason of deliveries that a response cancels before they are sent.
ACKNOWLEDGED, SNOOZED = "Acknowledged.", "Snoozed."


@transaction.atomic
def acknowledge(occurrence: Occurrence, now: datetime) -> bool:
    """Acknowledge an occurrence, end its follow-ups and cancel its queued deliveries.

    Return False, without a change, if it is acknowledged already or has not fired.
    """
    unanswered = Occurrence.objects.unanswered().filter(pk=occurrence.pk)
    changes = {"status": Occurrence.Status.ACKNOWLEDGED, "follow_up_at": None}
    if is_first := bool(unanswered.update(**changes)):
        new_response(occurrence, Response.Verb.ACKNOWLEDGED, now).save()
        Delivery.objects.of(occurrence.reference).cancel(ACKNOWLEDGED, now)
    occurrence.refresh_from_db()
    return is_first


@transaction.atomic
def snooze(occurrence: Occurrence, until: datetime, now: datetime) -> bool:
    """Send this one occurrence again at `until`, and nothing of it before; the schedule stays.

    Return False, without a change, if it is acknowledged, has not fired, is snoozed until then
    already, or its reminder is deleted. ValidationError names `until`.
    """
    check_until(until, now)
    # The lock orders this before or after a pause, a resume or a deletion of the reminder.
    reminder = Reminder.objects.locked().get(pk=occurrence.reminder_id)
    unanswered = Occurrence.objects.unanswered().filter(pk=occurrence.pk)
    same = {"status": Occurrence.Status.SNOOZED, "speaks_again_at": until}
    is_new = reminder.deleted_at is None and bool(
        unanswered.exclude(**same).update(
            **same,
            follow_up_at=None if reminder.status == Reminder.Status.PAUSED else until,
            snoozes=F("snoozes") + 1,
            nags=0,
        )
    )
    if is_new:
        detail = f"{until:%Y-%m-%dT%H:%M:%SZ}"
        new_response(occurrence, Response.Verb.SNOOZED, now, detail).save()
        Delivery.objects.of(occurrence.reference).cancel(SNOOZED, now)
    occurrence.refresh_from_db()
    return is_new


def check_until(until: datetime, now: datetime) -> None:
    """Raise ValidationError unless `until` is a valid end of a snooze."""
    if not now < until <= now + MAX_SNOOZE:
        message = f"Give a moment in the future, at most {MAX_SNOOZE.days} days ahead."
        raise ValidationError({"until": message})


@transaction.atomic
def skip_next(reminder: Reminder, now: datetime) -> Occurrence | None:
    """Skip the next due instant at all its leads to come: nothing is sent for it.

    Return the skipped occurrence with the earliest fire; None if nothing is planned.
    """
    skipped = reminder.skip(now)
    note_skipped(skipped, now)
    return skipped[0] if skipped else None


def note_skipped(skipped: Sequence[Occurrence], now: datetime) -> None:
    """Record the current actor of skipped occurrences."""
    Response.objects.bulk_create(
        new_response(occurrence, Response.Verb.SKIPPED, now) for occurrence in skipped
    )
