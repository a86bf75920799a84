"""Other ways to fire due reminders: one SQL statement, and Django's bulk operations."""

from datetime import datetime

from django.db import connection, transaction

from notifications.models import Delivery
from reminders.engine.firing import plan_of
from reminders.models import Occurrence, Plan, Reminder
from reminders.models.occurrence import reference
from reminders.schedule.message import first_message
from reminders.schedule.numbering import Count

# The rows that dispatch writes, in one statement, without the recurrence engine: the next time is a
# day later, or none without a rule. Text and data are as long as FOAM's.
FLOOR = """
WITH due AS MATERIALIZED (
    SELECT r.*, p.next_fire_at, p.next_due_at, p.next_lead, p.next_walls, c.channel_id FROM (
        SELECT * FROM reminders_plan WHERE status = 'active' AND next_fire_at <= %(now)s
        ORDER BY next_fire_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
    ) p
    JOIN reminders_reminder r ON r.id = p.reminder_id
    JOIN reminders_reminder_channels c ON c.reminder_id = r.id
), fired AS (
    INSERT INTO reminders_occurrence (reminder_id, due_at, lead, status, reason, recorded_at)
    SELECT id, next_due_at, next_lead, 'pending', '', %(now)s FROM due
    ON CONFLICT (reminder_id, due_at, lead) DO NOTHING
    RETURNING id, reminder_id, due_at
), posted AS (
    INSERT INTO notifications_delivery (channel_id, reference, title, body, due_at, data, status,
        attempt, max_attempts, next_attempt_at, reason, created_at)
    SELECT due.channel_id, 'occurrence:' || fired.id, due.title, due.body, fired.due_at,
        jsonb_build_object('type', 'reminder.due', 'reminder_id', due.id,
            'external_id', due.external_id, 'tags', due.tags, 'timezone', due.timezone,
            'due_text', 'Monday 23 November 2026 at 18:00 (' || due.timezone || ')',
            'lead_seconds', 0, 'late_seconds', 0, 'missed', 0, 'occurrence_id', fired.id),
        'queued', 0, 10, %(now)s, '', %(now)s
    FROM fired JOIN due ON due.id = fired.reminder_id
    ON CONFLICT (channel_id, reference) DO NOTHING
)
UPDATE reminders_plan p SET
    next_fire_at = CASE WHEN due.recurrence <> '' THEN due.next_fire_at + interval '1 day' END,
    next_due_at = CASE WHEN due.recurrence <> '' THEN due.next_due_at + interval '1 day' END,
    next_lead = interval '0', missed_count = 0, error = '',
    next_walls = CASE WHEN due.recurrence <> '' THEN
        ARRAY[(due.next_walls)[1] + interval '1 day'] END,
    status = CASE WHEN due.recurrence <> '' THEN 'active' ELSE 'finished' END
FROM due WHERE p.reminder_id = due.id
"""


def floor(now: datetime, limit: int) -> int:
    """Fire a batch; return the number of reminders."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FLOOR, {"now": now, "limit": limit})
        return cursor.rowcount


ADVANCED = (
    "next_fire_at",
    "next_due_at",
    "next_lead",
    "next_walls",
    "missed_count",
    "fired_count",
    "fired_due_at",
    "status",
)


@transaction.atomic
def orm(now: datetime, limit: int) -> int:
    """Fire a batch as the documentation of Django shows it; rules and words are FOAM's own."""
    due = Reminder.objects.due(now).order_by("plan__next_fire_at")
    reminders = list(due.locked(skip=True).prefetch_related("channels")[:limit])
    planned = [plan_of(reminder, now) for reminder in reminders]
    occurrences = Occurrence.objects.bulk_create(
        Occurrence(
            reminder=reminder,
            due_at=fire.due_at,
            lead=fire.lead,
            status=Occurrence.Status.PENDING,
            recorded_at=now,
        )
        for reminder, plan, _ in planned
        for fire in plan.fires
    )
    deliveries = []
    for occurrence, (reminder, plan, _) in zip(occurrences, planned, strict=True):
        count = Count(reminder.fired_count, reminder.fired_due_at).including(occurrence.due_at)
        reminder.fired_count, reminder.fired_due_at = count
        text = first_message(reminder, plan.fires[0], now, 0, count)
        deliveries += [
            Delivery(
                channel=channel,
                reference=reference(occurrence.pk),
                title=text.title,
                body=text.body,
                due_at=occurrence.due_at,
                data={**text.data, "occurrence_id": occurrence.pk},
                next_attempt_at=now,
                created_at=now,
            )
            for channel in reminder.channels.all()
        ]
    Delivery.objects.bulk_create(deliveries)
    for reminder, plan, walls in planned:
        reminder.set_next(plan.next)
        reminder.next_walls = walls
        reminder.missed_count = 0
    # One statement for all rows takes several times as long.
    plans = [reminder.plan for reminder in reminders]
    Plan.objects.bulk_update(plans, ADVANCED, batch_size=100)
    return len(reminders)
