"""Firing: claimed reminders become occurrences, deliveries and a next instant, set by set.

What a batch does within its transaction: claim, plan each, write all. Next instants are computed
row by row first and written in bulk after.
"""

from collections.abc import Callable, Iterable, Sequence
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
from reminders.models import Change, Occurrence, Reminder, transitions
from reminders.models.fields import lead_of_interval, leads_of_intervals
from reminders.models.occurrence import reference
from reminders.models.reminder import EditConflict
from reminders.models.transitions import array_of
from reminders.recurrence import ON_TIME, Fire, Lead, Schedule
from reminders.schedule import wall_times
from reminders.schedule.message import Message, message
from reminders.schedule.misfire import Missed, Plan, plan
from reminders.schedule.numbering import Count

BEGINNING = datetime.min.replace(tzinfo=UTC)
NOTHING = timedelta(0)
# What a lead of days may last longer than so many times 24 hours, at most.
CLOCK_CHANGES = timedelta(days=2)

# For operators: how late what fires is recorded.
FIRED = store.Histogram("foam_fired_lateness_seconds", (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 3600))


# The due ones that no one else is firing, oldest first: one probe of reminders_reminder_due. None
# while everything is paused, but for the canary, which has a statement of its own: what waits
# meanwhile may be all that there is, and is not looked through for it.
CLAIM, CLAIM_CANARY = (
    """
SELECT id, owner_id, title, body, tags, external_id, starts_at, timezone, recurrence, exdates,
    rdates, gap, fold, leads::text, misfire, grace, next_fire_at, next_due_at,
    next_lead::text, next_walls, missed_count,
    fired_count, fired_due_at,
    CASE WHEN strpos(title, '{') > 0 OR strpos(body, '{') > 0
        THEN (SELECT u.timezone FROM accounts_user u WHERE u.id = r.owner_id) END,
    error, urgent, least(nag_every, escalate_after),
    ARRAY(SELECT channel_id FROM reminders_reminder_channels c WHERE c.reminder_id = r.id)
FROM reminders_reminder r
WHERE status = 'active' AND next_fire_at <= %(until)s AND next_fire_at > %(after)s
    AND {whose}
ORDER BY next_fire_at LIMIT %(limit)s
FOR NO KEY UPDATE SKIP LOCKED
""".replace("{whose}", whose)
    for whose in (f"NOT {EVERYTHING}", f"r.id = {SYSTEM_USER_ID}")
)


class Due(NamedTuple):
    """A claimed reminder: what of its row decides what fires and what is said."""

    pk: int
    owner_id: int
    title: str
    body: str
    tags: list[str]
    external_id: str | None
    starts_at: datetime
    timezone: str
    recurrence: str
    exdates: list[datetime]
    rdates: list[datetime]
    gap: str
    fold: str
    leads_text: str
    misfire: str
    grace: timedelta
    next_fire_at: datetime
    next_due_at: datetime
    next_lead_text: str
    next_walls: list[datetime] | None
    missed_count: int
    fired_count: int
    fired_due_at: datetime | None
    recipient_timezone: str | None
    error: str
    urgent: bool
    follow_up_after: timedelta | None
    channel_ids: list[int]

    @property
    def leads(self) -> tuple[Lead, ...]:
        return leads_of_intervals(self.leads_text)

    @property
    def next_lead(self) -> Lead:
        return lead_of_interval(self.next_lead_text)

    @property
    def schedule(self) -> Schedule:
        return Schedule(
            starts_at=self.starts_at,
            timezone=self.timezone,
            recurrence=self.recurrence,
            exdates=self.exdates,
            rdates=self.rdates,
            gap=self.gap,
            fold=self.fold,
            leads=self.leads,
        )


def claim(
    now: datetime,
    limit: int,
    after: datetime = BEGINNING,
    until: datetime | None = None,
    sql: str = CLAIM,
) -> list[Due]:
    """Lock the due reminders that no one else is firing, oldest first, and read them.

    Those that were due later than `after`, and at `until` at the latest, which is `now` by default.
    """
    asked = {"now": now, "after": after, "until": until or now, "limit": limit}
    with bulk_cursor(by_index=True) as cursor:
        cursor.execute(sql, asked, binary=True)
        return [Due._make(row) for row in cursor.fetchall()]


def about(due: Due) -> datetime:
    """Return an instant at or before the one at which a reminder is to fire."""
    lead = due.next_lead
    if lead is ON_TIME:
        return due.next_due_at
    return due.next_due_at - lead.nominal - (CLOCK_CHANGES if lead.days else NOTHING)


class Planned(NamedTuple):
    """What becomes of a reminder, and the wall times to keep with its next plan."""

    reminder: Any
    plan: Plan
    walls: Sequence[datetime] | None


def plan_of(reminder: Due | Reminder, now: datetime) -> Planned:
    """Decide what a due reminder fires now, what it missed, and when it is next due."""
    return planned(
        reminder, lambda rest, first: plan(rest, first, now, reminder.misfire, reminder.grace)
    )


def planned(reminder: Due | Reminder, decide: Callable[[wall_times.GoesOn, Fire], Plan]) -> Planned:
    """Decide about a due reminder: about what is due first, and the rest of its schedule."""
    assert reminder.next_due_at is not None
    schedule = reminder.schedule
    first = wall_times.planned(schedule, reminder)
    rest = wall_times.GoesOn(schedule, first, reminder.next_walls)
    decided = decide(rest, first)
    walls = rest.walls(decided.next) if decided.next is not None else None
    return Planned(reminder, decided, walls)


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
UPDATE reminders_reminder r SET next_fire_at = n.fire_at, next_due_at = n.due_at,
    next_lead = coalesce(n.lead, interval '0'), next_walls = n.walls::timestamp[],
    missed_count = n.missed_count, fired_count = n.fired_count, fired_due_at = n.fired_due_at,
    error = '',
    status = CASE WHEN n.due_at IS NULL THEN 'finished' ELSE 'active' END
FROM unnest(%(reminders)b::bigint[], %(fires)b::timestamptz[], %(dues)b::timestamptz[],
    %(leads)b::interval[], %(walls)b::text[], %(missed)b::int[], %(fired)b::int[],
    %(fired_dues)b::timestamptz[])
    AS n(id, fire_at, due_at, lead, walls, missed_count, fired_count, fired_due_at)
WHERE r.id = ANY (ARRAY[n.id])
"""


def write(planned: Sequence[Planned], now: datetime) -> int:
    """Record occurrences, post their messages and advance the reminders; return how many fired."""
    reminders = {reminder.pk: reminder for reminder, _, _ in planned}
    missed = {r.pk: r.missed_count + count_missed(plan) for r, plan, _ in planned}
    counts = {r.pk: Count(r.fired_count, r.fired_due_at) for r, _, _ in planned}
    posts: list[Post] = []
    fires = {
        (reminder.pk, fire.due_at, fire.lead.length): fire
        for reminder, plan, _ in planned
        for fire in plan.fires
    }
    new = record(planned, now)
    late: list[float] = []
    for occurrence_id, reminder_id, due_at, length in new:
        fire = fires[reminder_id, due_at, length]
        late.append((now - fire.fire_at).total_seconds())
        reminder = reminders[reminder_id]
        count = counts[reminder_id] = counts[reminder_id].including(due_at)
        told = message(reminder, fire, now, missed[reminder_id], count)
        posts += posts_for(reminder.channel_ids, occurrence_id, told, due_at, reminder.urgent)
    post_messages(posts, now)
    store.add(FIRED.of(late))
    advance(planned, {r.pk: 0 if plan.fires else missed[r.pk] for r, plan, _ in planned}, counts)
    return len(new)


def count_missed(plan: Plan) -> int:
    """Return how many are to be told of: not what somebody did not want to hear."""
    return sum(reason != Missed.SILENCED for _, reason in plan.missed) if plan.missed else 0


def record(planned: Sequence[Planned], now: datetime) -> list[tuple[int, int, datetime, int]]:
    """Insert occurrences; return (id, reminder, due_at, length of lead) of the new that fire."""
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
    """Return how long to wait for an answer; None for early alerts: the last lead is waited for."""
    after: timedelta | None = reminder.follow_up_after
    return None if after is None or missed or fire.lead != min(reminder.leads) else after


def advance(planned: Sequence[Planned], missed: dict[int, int], counts: dict[int, Count]) -> None:
    """Move reminders to the `next` of their plan."""
    with bulk_cursor() as cursor:
        cursor.execute(
            ADVANCE,
            {
                "reminders": [reminder.pk for reminder, _, _ in planned],
                "fires": [plan.next and plan.next.fire_at for _, plan, _ in planned],
                "dues": [plan.next and plan.next.due_at for _, plan, _ in planned],
                "leads": [plan.next and plan.next.lead for _, plan, _ in planned],
                "walls": [array_of(walls) for _, _, walls in planned],
                "missed": [missed[reminder.pk] for reminder, _, _ in planned],
                "fired": [counts[reminder.pk].fired for reminder, _, _ in planned],
                "fired_dues": [counts[reminder.pk].newest for reminder, _, _ in planned],
            },
        )


def posts_for(
    channel_ids: Iterable[int], occurrence_id: int, told: Message, due_at: datetime, urgent: bool
) -> list[Post]:
    """Return the message to each channel."""
    data = {**told.data, "occurrence_id": occurrence_id}
    ref = reference(occurrence_id)
    return [
        Post(channel_id, ref, told.title, told.body, due_at, data, urgent)
        for channel_id in channel_ids
    ]


@transaction.atomic
def trigger(reminder: Reminder, now: datetime) -> Occurrence:
    """Fire a reminder now, beside its schedule, which does not move."""
    # Whoever deletes it comes before this, or cancels what this posts.
    if not Reminder.objects.kept().select_for_update(no_key=True).filter(pk=reminder.pk).exists():
        raise EditConflict
    return trigger_each([reminder], now)[0]


def trigger_each(reminders: Sequence[Reminder], now: datetime) -> list[Occurrence]:
    """Fire reminders now, beside their schedules; their rows are locked, and none is deleted."""
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
        # It has the number of the next that comes due, which it does not take from it.
        count = Count(reminder.fired_count).including(now)
        told = message(reminder, Fire(fire_at=now, due_at=now, lead=ON_TIME), now, 0, count)
        channel_ids = [channel.pk for channel in reminder.channels.all()]
        posts += posts_for(channel_ids, occurrence.pk, told, now, reminder.urgent)
    post_messages(posts, now)
    return occurrences
