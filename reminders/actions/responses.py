"""The loop from due to done: what people answer, whatever the face.

An answer is one conditional UPDATE, so that of two at once one is first and the other finds that
nothing is left to change. Who gave it is kept in `Occurrence.responses`, in the same transaction.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F

from notifications.models import Delivery
from reminders.models import Occurrence, Reminder, Response
from reminders.models.response import Actor

__all__ = ["Actor", "acknowledge", "skip_next", "snooze"]

LONGEST_SNOOZE = timedelta(days=365)
# Why copies that have not been sent yet no longer are.
ACKNOWLEDGED, SNOOZED = "Acknowledged.", "Snoozed."


@transaction.atomic
def acknowledge(occurrence: Occurrence, now: datetime, by: Actor) -> bool:
    """Note that it is done, and say nothing more of it: what is still queued is cancelled.

    Return False, having changed nothing, when it had been acknowledged already or never fired.
    """
    unanswered = Occurrence.objects.unanswered().filter(pk=occurrence.pk)
    changes = {"status": Occurrence.Status.ACKNOWLEDGED, "follow_up_at": None}
    if is_first := bool(unanswered.update(**changes)):
        _note(occurrence, Response.Verb.ACKNOWLEDGED, now, by)
        Delivery.objects.of(occurrence.reference).cancel(ACKNOWLEDGED, now)
    occurrence.refresh_from_db()
    return is_first


@transaction.atomic
def snooze(occurrence: Occurrence, until: datetime, now: datetime, by: Actor) -> bool:
    """Be quiet about this one occurrence, and speak of it again at `until`; the series goes on.

    Return False, having changed nothing, when there is nothing to snooze: it is acknowledged, never
    fired, snoozed until then already, or its reminder is deleted. ValidationError names `until`.
    """
    check_until(until, now)
    # Whoever pauses, resumes or deletes the reminder comes before this or after it.
    reminder = Reminder.objects.select_for_update(no_key=True).get(pk=occurrence.reminder_id)
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
        _note(occurrence, Response.Verb.SNOOZED, now, by, f"{until:%Y-%m-%dT%H:%M:%SZ}")
        Delivery.objects.of(occurrence.reference).cancel(SNOOZED, now)
    occurrence.refresh_from_db()
    return is_new


def check_until(until: datetime, now: datetime) -> None:
    """Raise ValidationError unless one may snooze until then."""
    if not now < until <= now + LONGEST_SNOOZE:
        message = f"Give a moment in the future, at most {LONGEST_SNOOZE.days} days ahead."
        raise ValidationError({"until": message})


@transaction.atomic
def skip_next(reminder: Reminder, now: datetime, by: Actor) -> Occurrence | None:
    """Let the next due instant pass, at all its leads to come: nothing is sent, the plan moves on.

    Return what is recorded of it, the first to speak; None when nothing is planned.
    """
    skipped = reminder.skip(now)
    note_skipped(skipped, now, by)
    return skipped[0] if skipped else None


def note_skipped(skipped: Sequence[Occurrence], now: datetime, by: Actor) -> None:
    """Record who let these pass."""
    who = {"face": by.source, "user_id": by.user_id, "channel_id": by.channel_id}
    verb = Response.Verb.SKIPPED
    Response.objects.bulk_create(
        Response(occurrence=occurrence, verb=verb, at=now, **who) for occurrence in skipped
    )


def _note(
    occurrence: Occurrence, verb: Response.Verb, now: datetime, by: Actor, detail: str = ""
) -> None:
    who = {"face": by.source, "user_id": by.user_id, "channel_id": by.channel_id}
    Response.objects.create(occurrence=occurrence, verb=verb, at=now, detail=detail, **who)
