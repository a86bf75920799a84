"""Firing: turn claimed reminders into occurrences, deliveries and a next instant.

A batch is one transaction: claim, plan each reminder in Python, write all of them in bulk.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Prefetch, prefetch_related_objects

from accounts.models import SYSTEM_USER_ID
from accounts.models.pause import EVERYTHING
from notifications.metrics import store
from notifications.models import Channel
from notifications.outbox.post import Post, post_messages
from notifications.sql import bulk_cursor
from reminders.engine.schedule_row import COLUMNS, ScheduleRow
from reminders.models import Change, Occurrence, Reminder, transitions
from reminders.models.errors import EditConflict
from reminders.models.fields import lead_of_interval
from reminders.models.occurrence import reference
from reminders.models.transitions import array_of
from reminders.recurrence import ON_TIME, Fire, Lead, Schedule
from reminders.schedule.message import ReminderMessage, first_message
from reminders.schedule.misfire import FiringPlan, Missed, plan
from reminders.schedule.numbering import Count
from reminders.schedule.wall_times import ResumedSchedule, planned_fire

BEGINNING = datetime.min.replace(tzinfo=UTC)
NOTHING = timedelta(0)
# A lead of N days lasts at most this much longer than N times 24 hours.
CLOCK_CHANGES = timedelta(days=2)

# For operators: how late occurrences are recorded.
FIRED = store.Histogram("foam_fired_lateness_seconds", (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 3600))


# The due plans that no other tick has locked, oldest first: one probe of the index
# reminders_plan_due.
# CLAIM returns no rows while everything is paused. The canary has its own statement, so that the
# tick does not scan all waiting reminders for it.
CLAIM, CLAIM_CANARY = (
    """
SELECT reminder_id, next_fire_at, next_due_at, next_lead::text, next_walls, missed_count,
    fired_count, fired_due_at, error
FROM reminders_plan
WHERE status = 'active' AND next_fire_at <= %(until)s AND next_fire_at > %(after)s
    AND {condition}
ORDER BY next_fire_at LIMIT %(limit)s
FOR NO KEY UPDATE SKIP LOCKED
""".replace("{condition}", condition)
    for condition in (f"NOT {EVERYTHING}", f"reminder_id = {SYSTEM_USER_ID}")
)

# The reminders of claimed plans. A statement of its own: an edit changes a reminder while it has
# the plan locked, so what is read after the claim is what the plan was made of. A join in CLAIM
# could pair the new plan with the reminder before the edit.
CONTENT = """
SELECT {columns}, id, owner_id, title, body, tags, external_id, misfire, grace,
    CASE WHEN strpos(title, '{') > 0 OR strpos(body, '{') > 0
        THEN (SELECT u.timezone FROM accounts_user u WHERE u.id = r.owner_id) END,
    urgent, least(nag_every, escalate_after),
    ARRAY(SELECT channel_id FROM reminders_reminder_channels c WHERE c.reminder_id = r.id)
FROM reminders_reminder r WHERE id = ANY (%(ids)b)
""".replace("{columns}", COLUMNS)
CONTENT_ID = len(Schedule.FIELDS)


@dataclass(slots=True)
class Due(ScheduleRow):
    """A claimed plan and its reminder: what decides what fires, and the text of its message."""

    pk: int
    owner_id: int
    title: str
    body: str
    tags: list[str]
    external_id: str | None
    misfire: str
    grace: timedelta
    recipient_timezone: str | None
    urgent: bool
    follow_up_after: timedelta | None
    channel_ids: list[int]
    next_fire_at: datetime
    next_due_at: datetime
    next_lead_text: str
    next_walls: list[datetime] | None
    missed_count: int
    fired_count: int
    fired_due_at: datetime | None
    error: str

    @property
    def next_lead(self) -> Lead:
        return lead_of_interval(self.next_lead_text)


def claim(
    now: datetime,
    limit: int,
    after: datetime = BEGINNING,
    until: datetime | None = None,
    sql: str = CLAIM,
) -> list[Due]:
    """Lock the plans of due reminders and return these, oldest first; skip plans that are locked.

    Their `next_fire_at` is later than `after` and at most `until`, by default `now`.
    """
    parameters = {"now": now, "after": after, "until": until or now, "limit": limit}
    with bulk_cursor(by_index=True) as cursor:
        cursor.execute(sql, parameters, binary=True)
        plans = cursor.fetchall()
        if not plans:
            return []
        cursor.execute(CONTENT, {"ids": [plan[0] for plan in plans]}, binary=True)
        content = {row[CONTENT_ID]: row for row in cursor.fetchall()}
    return [Due(*content[pk], *columns) for pk, *columns in plans]


def earliest_fire_at(due: Due) -> datetime:
    """Return a lower bound of the instant at which a reminder was to fire, without its schedule."""
    lead = due.next_lead
    if lead is ON_TIME:
        return due.next_due_at
    return due.next_due_at - lead.nominal - (CLOCK_CHANGES if lead.days else NOTHING)


class PlannedReminder(NamedTuple):
    """A reminder, its plan, and the local times to store with its next instant."""

    reminder: Any
    plan: FiringPlan
    wall_times: Sequence[datetime] | None


def plan_of(reminder: Due | Reminder, now: datetime) -> PlannedReminder:
    """Decide what a due reminder fires now, what it missed, and when it is next due."""
    return plan_with(
        reminder,
        lambda schedule, first: plan(schedule, first, now, reminder.misfire, reminder.grace),
    )


def plan_with(
    reminder: Due | Reminder, decide: Callable[[ResumedSchedule, Fire], FiringPlan]
) -> PlannedReminder:
    """Plan a due reminder by calling `decide` with its schedule and the fire that is due first."""
    assert reminder.next_due_at is not None  # noqa: S101  for the type checker
    schedule = reminder.schedule
    first = planned_fire(schedule, reminder)
    resumed = ResumedSchedule(schedule, first, reminder.next_walls)
    plan = decide(resumed, first)
    next_wall_times = resumed.wall_times(plan.next) if plan.next is not None else None
    return PlannedReminder(reminder, plan, next_wall_times)


OCCUR = """
INSERT INTO reminders_occurrence (reminder_id, due_at, lead, status, reason, recorded_at,
    follow_up_at)
SELECT o.reminder_id, o.due_at, o.lead, CASE o.reason WHEN '' THEN 'pending' ELSE 'missed' END,
    o.reason, %(now)s, %(now)s + o.follow_up_after
FROM unnest(%(reminders)b::bigint[], %(dues)b::timestamptz[], %(leads)b::interval[],
    %(reasons)b::text[], %(follow_ups)b::interval[])
    AS o(reminder_id, due_at, lead, reason, follow_up_after)
ON CONFLICT (reminder_id, due_at, lead) DO NOTHING
RETURNING id, reminder_id, due_at, extract(epoch FROM lead)::int, status
"""

ADVANCE = """
UPDATE reminders_plan p SET next_fire_at = n.fire_at, next_due_at = n.due_at,
    next_lead = coalesce(n.lead, interval '0'), next_walls = n.walls::timestamp[],
    missed_count = n.missed_count, fired_count = n.fired_count, fired_due_at = n.fired_due_at,
    error = '',
    status = CASE WHEN n.due_at IS NULL THEN 'finished' ELSE 'active' END
FROM unnest(%(reminders)b::bigint[], %(fires)b::timestamptz[], %(dues)b::timestamptz[],
    %(leads)b::interval[], %(walls)b::text[], %(missed)b::int[], %(fired)b::int[],
    %(fired_dues)b::timestamptz[])
    AS n(id, fire_at, due_at, lead, walls, missed_count, fired_count, fired_due_at)
WHERE p.reminder_id = ANY (ARRAY[n.id])
"""


def write(planned: Sequence[PlannedReminder], now: datetime) -> int:
    """Write a batch; return the number of occurrences that fired.

    1. Insert the occurrences; a duplicate of another tick is skipped.
    2. Post the messages of the new ones that fire.
    3. Advance the reminders to their next instants.
    """
    reminders = {reminder.pk: reminder for reminder, _, _ in planned}
    missed = {r.pk: r.missed_count + count_missed(plan) for r, plan, _ in planned}
    counts = {r.pk: Count(r.fired_count, r.fired_due_at) for r, _, _ in planned}
    posts: list[Post] = []
    fires = {
        (reminder.pk, fire.due_at, fire.lead.length): fire
        for reminder, plan, _ in planned
        for fire in plan.fires
    }
    new = record_occurrences(planned, now)
    late_seconds: list[float] = []
    for occurrence_id, reminder_id, due_at, length in new:
        fire = fires[reminder_id, due_at, length]
        late_seconds.append((now - fire.fire_at).total_seconds())
        reminder = reminders[reminder_id]
        count = counts[reminder_id] = counts[reminder_id].including(due_at)
        text = first_message(reminder, fire, now, missed[reminder_id], count)
        posts += posts_for(reminder.channel_ids, occurrence_id, text, due_at, reminder.urgent)
    post_messages(posts, now)
    store.add(FIRED.of(late_seconds))
    advance(planned, {r.pk: 0 if plan.fires else missed[r.pk] for r, plan, _ in planned}, counts)
    return len(new)


def count_missed(plan: FiringPlan) -> int:
    """Return the number of missed occurrences that the next message mentions.

    Occurrences in a pause are not mentioned: the owner did not want to hear of them.
    """
    return sum(reason != Missed.SILENCED for _, reason in plan.missed) if plan.missed else 0


def record_occurrences(
    planned: Sequence[PlannedReminder], now: datetime
) -> list[tuple[int, int, datetime, int]]:
    """Insert occurrences; return (id, reminder_id, due_at, lead in seconds) of new fires."""
    rows = [
        (reminder.pk, fire.due_at, fire.lead, reason, follow_up_after(reminder, fire, reason))
        for reminder, plan, _ in planned
        for fire, reason in [*((fire, "") for fire in plan.fires), *plan.missed]
    ]
    columns = ("reminders", "dues", "leads", "reasons", "follow_ups")
    with bulk_cursor() as cursor:
        cursor.execute(
            OCCUR,
            {"now": now, **{name: [row[i] for row in rows] for i, name in enumerate(columns)}},
            binary=True,
        )
        return [tuple(row[:4]) for row in cursor.fetchall() if row[4] == "pending"]


def follow_up_after(reminder: Any, fire: Fire, missed: str) -> timedelta | None:
    """Return how long to wait for an answer; None for all leads but the shortest."""
    after: timedelta | None = reminder.follow_up_after
    return None if after is None or missed or fire.lead != min(reminder.leads) else after


def advance(
    planned: Sequence[PlannedReminder], missed: dict[int, int], counts: dict[int, Count]
) -> None:
    """Write the next instant of each reminder, and the counters, into its plan."""
    with bulk_cursor() as cursor:
        cursor.execute(
            ADVANCE,
            {
                "reminders": [reminder.pk for reminder, _, _ in planned],
                "fires": [plan.next and plan.next.fire_at for _, plan, _ in planned],
                "dues": [plan.next and plan.next.due_at for _, plan, _ in planned],
                "leads": [plan.next and plan.next.lead for _, plan, _ in planned],
                "walls": [array_of(wall_times) for _, _, wall_times in planned],
                "missed": [missed[reminder.pk] for reminder, _, _ in planned],
                "fired": [counts[reminder.pk].fired for reminder, _, _ in planned],
                "fired_dues": [counts[reminder.pk].newest for reminder, _, _ in planned],
            },
        )


def posts_for(
    channel_ids: Iterable[int],
    occurrence_id: int,
    text: ReminderMessage,
    due_at: datetime,
    urgent: bool,
) -> list[Post]:
    """Return one post for each channel."""
    data = {**text.data, "occurrence_id": occurrence_id}
    ref = reference(occurrence_id)
    return [
        Post(channel_id, ref, text.title, text.body, due_at, data, urgent)
        for channel_id in channel_ids
    ]


@transaction.atomic
def trigger(reminder: Reminder, now: datetime) -> Occurrence:
    """Fire a reminder now; its schedule does not change."""
    # The lock orders this before or after a deletion: a later deletion cancels these deliveries.
    if not Reminder.objects.not_deleted().locked().filter(pk=reminder.pk):
        raise EditConflict
    return trigger_each([reminder], now)[0]


def trigger_each(reminders: Sequence[Reminder], now: datetime) -> list[Occurrence]:
    """Fire reminders now; the caller has locked their rows and none of them is deleted."""
    transitions.note(reminders, Change.Verb.TRIGGERED, now)
    occurrences = Occurrence.objects.bulk_create(
        Occurrence(
            reminder=reminder,
            due_at=now,
            status=Occurrence.Status.PENDING,
            recorded_at=now,
            follow_up_at=None
            if reminder.follow_up_after is None
            else now + reminder.follow_up_after,
        )
        for reminder in reminders
    )
    prefetch_related_objects(reminders, "owner", Prefetch("channels", Channel.objects.only("pk")))
    posts: list[Post] = []
    for reminder, occurrence in zip(reminders, occurrences, strict=True):
        # A manual firing shows the number of the next scheduled one without using it up.
        count = Count(reminder.fired_count).including(now)
        fire = Fire(fire_at=now, due_at=now, lead=ON_TIME)
        text = first_message(reminder, fire, now, 0, count)
        channel_ids = [channel.pk for channel in reminder.channels.all()]
        posts += posts_for(channel_ids, occurrence.pk, text, now, reminder.urgent)
    post_messages(posts, now)
    return occurrences
