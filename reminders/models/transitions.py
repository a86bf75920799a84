"""Pause, resume, skip, delete and restore reminders: the same rules for one and for thousands.

Each function takes reminders whose rows the caller has locked, changes them in memory and writes
all of them in a constant number of statements. `Reminder` passes itself; staff's bulk actions
(`reminders.actions.bulk`) pass the selected rows.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Value
from django.db.models.functions import Greatest
from django.utils import timezone

from notifications.explain.causes import following
from notifications.models import Channel, Delivery
from notifications.sql import bulk_cursor
from reminders.models.change import Change, new_change
from reminders.models.occurrence import SKIPPED, Occurrence, occurrence_id, reference, reference_of
from reminders.recurrence import Fire, RecurrenceError
from reminders.schedule.misfire import Missed
from reminders.schedule.wall_times import ResumedSchedule

PAUSED, FINISHED = "paused", "finished"
SNOOZED, PENDING = Occurrence.Status.SNOOZED, Occurrence.Status.PENDING
DELETED = "Reminder deleted."

WRITE_PLANS = """
UPDATE reminders_plan p SET status = n.status, paused_until = n.paused_until,
    next_fire_at = n.fire_at, next_due_at = n.due_at, next_lead = n.lead,
    next_walls = n.walls::timestamp[], error = n.error
FROM unnest(%(ids)b::bigint[], %(statuses)b::text[], %(untils)b::timestamptz[],
    %(fires)b::timestamptz[], %(dues)b::timestamptz[], %(leads)b::interval[], %(walls)b::text[],
    %(errors)b::text[])
    AS n(id, status, paused_until, fire_at, due_at, lead, walls, error)
WHERE p.reminder_id = ANY (ARRAY[n.id])
"""

WRITE_VERSIONS = """
UPDATE reminders_reminder r SET version = n.version, deleted_at = n.deleted_at,
    updated_at = %(updated_at)s
FROM unnest(%(ids)b::bigint[], %(versions)b::int[], %(deleted)b::timestamptz[])
    AS n(id, version, deleted_at)
WHERE r.id = ANY (ARRAY[n.id])
"""

RECORD = """
INSERT INTO reminders_occurrence (reminder_id, due_at, lead, status, reason, recorded_at)
SELECT o.reminder_id, o.due_at, o.lead, %(status)s, %(reason)s, %(now)s
FROM unnest(%(reminders)b::bigint[], %(dues)b::timestamptz[], %(leads)b::interval[])
    AS o(reminder_id, due_at, lead)
ON CONFLICT (reminder_id, due_at, lead) DO NOTHING
RETURNING id, reminder_id, due_at, extract(epoch FROM lead)::int
"""


def pause(reminders: Sequence[Any], now: datetime, until: datetime | None) -> list[Any]:
    """Pause reminders; return the changed ones. Finished reminders never change.

    Nags and escalations end; snoozed occurrences wait for the resume.
    """
    state = (PAUSED, until)
    paused = [
        reminder
        for reminder in reminders
        if reminder.status != FINISHED and (reminder.status, reminder.paused_until) != state
    ]
    note(paused, Change.Verb.PAUSED, now, f"until {until:%Y-%m-%dT%H:%M:%SZ}" if until else "")
    active = [reminder for reminder in paused if reminder.status != PAUSED]
    record_missed(active, now, Missed.PAUSED)
    for reminder in active:
        reminder.set_next(None)
    if active:
        occurrences_of(active).stop_follow_ups()
    for reminder in paused:
        reminder.status, reminder.paused_until = state
    touch(paused)
    return paused


def resume(reminders: Sequence[Any], now: datetime) -> list[Any]:
    """Resume with the first occurrence after `now`; return the reminders that were paused.

    If `paused_until` is past, the pause ended then, and occurrences since then fire. Snoozed
    occurrences are sent when they are due.
    """
    resumed = [reminder for reminder in reminders if reminder.status == PAUSED]
    note(resumed, Change.Verb.RESUMED, now)
    for reminder in resumed:
        until = reminder.paused_until
        reminder.plan_after(until - timedelta.resolution if until and until <= now else now)
    if resumed:
        snoozed = occurrences_of(resumed).filter(status=SNOOZED)
        snoozed.update(follow_up_at=Greatest("speaks_again_at", Value(now)))
    touch(resumed)
    return resumed


def skip(reminders: Sequence[Any], now: datetime) -> list[Occurrence]:
    """Record the next due instant of each as skipped, at all its leads to come, and plan past it.

    Return the skipped occurrences, of each reminder the earliest fire first. ValidationError names
    the field of a schedule that cannot be read.
    """
    planned = [reminder for reminder in reminders if reminder.next_due_at is not None]
    skipped: list[tuple[Any, Fire]] = []
    for reminder in planned:
        try:
            skipped += [(reminder, fire) for fire in _plan_past_next(reminder)]
        except RecurrenceError as error:
            raise ValidationError({error.field: error.message}) from error
    # With long leads the following instant may have alerts between two of this one. The tick does
    # not fire a recorded occurrence, because it exists once.
    recorded = record(skipped, Occurrence.Status.SKIPPED, SKIPPED, now)
    write_plans(planned)
    return recorded


def close(reminders: Sequence[Any], now: datetime) -> list[Any]:
    """Delete reminders for their owners; return the ones that changed.

    They fire nothing more and their queued deliveries are cancelled, but their rows stay.
    """
    closed = [reminder for reminder in reminders if reminder.deleted_at is None]
    if not closed:
        return []
    note(closed, Change.Verb.DELETED, now)
    record_missed(closed, now, Missed.DELETED)
    for reminder in closed:
        reminder.set_next(None)
        reminder.deleted_at = now
    touch(closed)
    # Before the cancelling: a tick could still create a delivery that it would miss.
    occurrences_of(closed).stop_follow_ups()
    occurrences_of(closed).filter(status=SNOOZED).update(status=PENDING)
    cancel_messages(closed, now)
    return closed


def restore(reminders: Sequence[Any], now: datetime) -> list[Any]:
    """Undelete reminders and plan them from `now` on; return the ones that changed.

    Occurrences due while they were deleted do not fire. A reminder whose channels are all deleted
    gets its owner's inbox. PostgreSQL raises IntegrityError for a duplicate external_id.
    """
    restored = [reminder for reminder in reminders if reminder.deleted_at is not None]
    note(restored, Change.Verb.RESTORED, now)
    for reminder in restored:
        reminder.deleted_at = None
        reminder.plan_after(now)
    touch(restored)
    for reminder in _without_channels(restored):
        reminder.channels.add(Channel.objects.inbox_of(reminder.owner))
    return restored


def _without_channels(reminders: Sequence[Any]) -> list[Any]:
    links = Channel.reminders.through.objects
    ids = [reminder.pk for reminder in reminders]
    usable = links.filter(reminder__in=ids, channel__deleted_at=None)
    reached = set(usable.values_list("reminder_id", flat=True))
    return [reminder for reminder in reminders if reminder.pk not in reached]


def note(reminders: Sequence[Any], verb: Change.Verb, now: datetime, detail: str = "") -> None:
    """Record one change of each reminder; called before the reminder is changed."""
    Change.objects.bulk_create(new_change(reminder, verb, now, detail) for reminder in reminders)


def record_missed(reminders: Sequence[Any], now: datetime, reason: Missed) -> None:
    """Record the due fires of reminders as missed; called before their plan changes."""
    missed = [(reminder, fire) for reminder in reminders for fire in reminder.fires_due(now)]
    record(missed, Occurrence.Status.MISSED, reason.value, now)


def record(
    fires: Sequence[tuple[Any, Fire]], status: str, reason: str, now: datetime
) -> list[Occurrence]:
    """Insert an occurrence for each fire that has none yet; return the new ones."""
    if not fires:
        return []
    values = {
        "status": status,
        "reason": reason,
        "now": now,
        "reminders": [reminder.pk for reminder, _ in fires],
        "dues": [fire.due_at for _, fire in fires],
        "leads": [fire.lead for _, fire in fires],
    }
    with bulk_cursor() as cursor:
        cursor.execute(RECORD, values, binary=True)
        rows = cursor.fetchall()
    by_pk = {reminder.pk: reminder for reminder, _ in fires}
    leads = {(reminder.pk, fire.due_at, fire.lead.length): fire.lead for reminder, fire in fires}
    shared = {"status": status, "reason": reason, "recorded_at": now}
    return [
        Occurrence(
            pk=pk,
            reminder=by_pk[reminder_id],
            due_at=due_at,
            lead=leads[reminder_id, due_at, length],
            **shared,
        )
        for pk, reminder_id, due_at, length in sorted(
            rows, key=lambda row: (row[1], -row[3], row[2])
        )
    ]


def touch(reminders: Sequence[Any]) -> None:
    """Write reminders with the next version, so that a concurrent edit is refused."""
    if not reminders:
        return
    updated_at = timezone.now()
    for reminder in reminders:
        reminder.version += 1
        reminder.updated_at = updated_at
    columns = {
        "ids": [reminder.pk for reminder in reminders],
        "versions": [reminder.version for reminder in reminders],
        "deleted": [reminder.deleted_at for reminder in reminders],
    }
    write_plans(reminders)
    with bulk_cursor() as cursor:
        cursor.execute(WRITE_VERSIONS, {"updated_at": updated_at, **columns})


def write_plans(reminders: Sequence[Any]) -> None:
    """Write the columns of plans that transitions change, in one statement."""
    if not reminders:
        return
    columns = {
        "ids": [reminder.pk for reminder in reminders],
        "statuses": [str(reminder.status) for reminder in reminders],
        "untils": [reminder.paused_until for reminder in reminders],
        "fires": [reminder.next_fire_at for reminder in reminders],
        "dues": [reminder.next_due_at for reminder in reminders],
        "leads": [reminder.next_lead for reminder in reminders],
        "walls": [array_of(reminder.next_walls) for reminder in reminders],
        "errors": [reminder.error for reminder in reminders],
    }
    with bulk_cursor() as cursor:
        cursor.execute(WRITE_PLANS, columns)


def array_of(times: Sequence[datetime] | None) -> str | None:
    """Return local times as a PostgreSQL array literal: unnest would flatten an array of arrays."""
    return None if times is None else "{" + ",".join(time.isoformat() for time in times) + "}"


def occurrences_of(reminders: Collection[Any]) -> Any:
    return Occurrence.objects.filter(reminder__in=[reminder.pk for reminder in reminders])


def cancel_messages(reminders: Sequence[Any], now: datetime) -> None:
    """Cancel the unfinished deliveries of these reminders, follow-ups included.

    For one reminder they are looked up by the references of its occurrences. Many reminders may
    have millions of occurrences: then the unfinished deliveries of their owners are read, which are
    fewer.
    """
    if len(reminders) > 1:
        Delivery.objects.filter(pk__in=_unsent_of_owners(reminders)).cancel(DELETED, now)
        return
    occurrences = occurrences_of(reminders)
    references = occurrences.values_list(reference_of("pk"))
    Delivery.objects.filter(reference__in=references).cancel(DELETED, now)
    followed = occurrences.followed().values_list("pk", flat=True)
    later = following(reference(pk) for pk in followed)
    Delivery.objects.filter(reference__in=list(later)).cancel(DELETED, now)


def _unsent_of_owners(reminders: Sequence[Any]) -> list[int]:
    owners = {reminder.owner_id for reminder in reminders}
    unsent = Delivery.objects.filter(channel__owner__in=owners, next_attempt_at__isnull=False)
    caused = {
        pk: occurrence_id(text)
        for pk, text in unsent.filter(reference__startswith="occurrence:").values_list(
            "pk", "reference"
        )
    }
    numbers = {number for number in caused.values() if number is not None}
    own = set(occurrences_of(reminders).filter(pk__in=numbers).values_list("pk", flat=True))
    return sorted(pk for pk, number in caused.items() if number in own)


def _plan_past_next(reminder: Any) -> Iterable[Fire]:
    """Set the next fire after the next due instant; return the fires of that instant to come."""
    first: Fire = reminder.planned
    resumed = ResumedSchedule(reminder.schedule, first, reminder.next_walls)
    fire: Fire | None = first
    while fire is not None and fire.due_at == first.due_at:
        fire = resumed.next_fire(*fire.order)
    ahead = [fire for fire in reminder.fires_of(first.due_at) if fire.order >= first.order]
    reminder.set_next(fire)
    reminder.next_walls = resumed.wall_times(fire) if fire else None
    return ahead
