"""Dispatch: due reminders become occurrences and deliveries, one transaction per batch.

Next instants are computed row by row first and written in bulk after. The unique constraint on
(reminder, due instant, lead) records an occurrence once whoever else ticks; SKIP LOCKED lets
parallel ticks share the work instead of waiting for each other.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Exists

from accounts.models import FOAM_ID
from accounts.pauses import EVERYTHING
from notifications import hours, meter, outbox
from notifications.bulk import bulk_cursor, by_index, write_or_isolate
from reminders import follow_up, overdue, pausing
from reminders.backlog import LATE, Backlog
from reminders.count import Count
from reminders.history import Change, first_line, note
from reminders.message import Message, message
from reminders.misfire import Missed, Plan, coalesced, dropped, plan
from reminders.models import EditConflict, Heartbeat, Occurrence, Reminder
from reminders.occurrence import reference
from reminders.place import GoesOn
from reminders.recurrence import Fire, Schedule

log = logging.getLogger(__name__)

BATCH = 2000
# Of a backlog the first are committed at once, so that the deliverers have something to do.
FIRST = 250
# Of what an outage has left so many at a time: what is on time comes between.
LATE_BATCH = 500
# It waits while more messages wait for a worker than it takes in a second, or than these: what is
# on time queues behind them.
QUEUED = 1000
# A tick stops taking batches after this; the next one goes on.
BUDGET = timedelta(seconds=10)
# How far a row that raised is pushed ahead, so that it is tried again but not at every tick.
SET_ASIDE = timedelta(minutes=5)
# Writing the heartbeat at every tick would make the idle tick an UPDATE.
HEARTBEAT_EVERY = timedelta(seconds=5)
BEGINNING = datetime.min.replace(tzinfo=UTC)
# The heartbeat of the first tick that found everything paused; gone when it no longer is.
SILENCE = "silence"

# For operators: how late what fires is recorded, how long a tick takes, what could not fire.
FIRED = meter.Histogram("foam_fired_lateness_seconds", (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 3600))
TICK = meter.Histogram("foam_tick_seconds", (0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 10))


# The due ones that no one else is firing, oldest first: one probe of reminders_reminder_due. None
# while everything is paused, but for the canary, which has a statement of its own: what waits
# meanwhile may be all that there is, and is not looked through for it.
CLAIM, CLAIM_CANARY = (
    """
SELECT id, owner_id, title, body, tags, external_id, starts_at, timezone, recurrence, exdates,
    rdates, gap, fold, leads, misfire, grace, next_due_at, next_lead, next_walls, missed_count,
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
    for whose in (f"NOT {EVERYTHING}", f"r.id = {FOAM_ID}")
)


def tick(now: datetime) -> int:
    """Fire everything due at `now`, batch by batch; return how many occurrences fired.

    Before that it resumes what was paused until now: see `pausing`. Of a backlog, which an outage
    or a pause of everything leaves, it fires what its decision and rate allow; what is on time
    first. Then it says again what waits for an answer: see `follow_up`. Also wakes the deliverers
    when deliveries are due, which makes up for any lost wake-up.
    """
    began = time.monotonic()
    end = began + BUDGET.total_seconds()
    found = pausing.look(now)
    pausing.resume(found.over, now)
    last, silent_since, is_open = _before()
    if found.everything:
        if silent_since is None:
            Heartbeat.objects.get_or_create(name=SILENCE, defaults={"at": now})
        backlog, after = None, BEGINNING
        claimed, fired = fire_canary(now)
    else:
        backlog = _backlog(now, silent_since or last, is_open)
        if silent_since is not None:
            Heartbeat.objects.filter(name=SILENCE).delete()
        after = backlog.due_before if backlog else BEGINNING
        claimed, fired = fire_batch(now, FIRST, after=after)
    if claimed:
        is_burst = claimed == FIRST and _is_more_than_a_batch(now, after)
        fired += (_drain_at_once if is_burst else _drain)(now, end, after)
    if backlog:
        fired += _drain_backlog(now, began, end)
    follow_up.speak_due(now, end)
    if outbox.has_due(now):
        outbox.wake()
    meter.keep_all(TICK.of([time.monotonic() - began]))
    if last is None or not timedelta(0) <= now - last < HEARTBEAT_EVERY:
        beat_heart(now)
        meter.fold()
        hours.mark(now)
    meter.settle()
    return fired


def _before() -> tuple[datetime | None, datetime | None, bool]:
    """Tell when a tick last ran, since when all have been silent, and if a backlog is open.

    In one query; without a tick nothing is known of the others.
    """
    beats = Heartbeat.objects.filter(name__in=("tick", SILENCE))
    rows = list(beats.values_list("name", "at", Exists(Backlog.objects.open())))
    at = {name: at for name, at, _ in rows}
    return at.get("tick"), at.get(SILENCE), any(is_open for *_, is_open in rows)


def _backlog(now: datetime, fired_at: datetime | None, is_open: bool) -> Backlog | None:
    """Return the open backlog; after a while in which nothing could fire, one of what is late."""
    if fired_at is None or abs(now - fired_at) > LATE:
        return overdue.notice(now, FIRST)
    return Backlog.objects.open().first() if is_open else None


def _is_more_than_a_batch(now: datetime, after: datetime) -> bool:
    """Below that a second connection costs more than it gains."""
    due = Reminder.objects.due(now).filter(next_fire_at__gt=after).order_by("next_fire_at")
    return bool(due.values_list("pk", flat=True)[BATCH : BATCH + 1])


def _drain(now: datetime, end: float, after: datetime) -> int:
    fired = 0
    claimed = BATCH
    while claimed and time.monotonic() < end:
        claimed, count = fire_batch(now, after=after)
        fired += count
    return fired


def _drain_at_once(now: datetime, end: float, after: datetime) -> int:
    """As `_drain`, two batches at a time: while the database writes one, the other is computed."""
    with ThreadPoolExecutor(1) as beside:
        other = beside.submit(_drain_beside, now, end, after)
        return _drain(now, end, after) + other.result()


def _drain_beside(now: datetime, end: float, after: datetime) -> int:
    """As `_drain`, in a thread, whose connection nobody else would close."""
    try:
        return _drain(now, end, after)
    finally:
        connection.close()


def _drain_backlog(now: datetime, began: float, end: float) -> int:
    """Fire what the backlog may have by `now`; before each of its batches, what comes due."""
    fired = 0
    claimed = LATE_BATCH
    while claimed and time.monotonic() < end:
        claimed, count, after = fire_late(now)
        fired += count
        if claimed:
            clock = now + timedelta(seconds=time.monotonic() - began)
            fired += fire_batch(clock, after=after)[1]
    return fired


def next_fire_at(after: datetime = BEGINNING) -> datetime | None:
    """Return when the next reminder is due, after that instant; else the oldest that is due."""
    active = Reminder.objects.filter(status=Reminder.Status.ACTIVE, next_fire_at__gt=after)
    return active.order_by("next_fire_at").values_list("next_fire_at", flat=True).first()


def fire_batch(
    now: datetime, limit: int = BATCH, *, after: datetime = BEGINNING, sql: str = CLAIM
) -> tuple[int, int]:
    """Claim up to `limit` due reminders and fire them; return how many were claimed, and fired.

    What was due at or before `after` is left to the backlog.
    """
    with transaction.atomic():
        claimed = claim(now, limit, after, sql=sql)
        return len(claimed), _fire(claimed, now, plan_of) if claimed else 0


def fire_late(now: datetime) -> tuple[int, int, datetime]:
    """As `fire_batch`, of the open backlog, as it was decided; with what it leaves to others.

    Whoever has the backlog locked fires alone, so that all ticks keep to one rate, and nobody
    changes the decision meanwhile. A backlog of which nothing is left has ended.
    """
    with transaction.atomic():
        backlog = Backlog.objects.locked(skip=True)
        if backlog is None or backlog.decision == Backlog.Decision.HOLD:
            return 0, 0, BEGINNING
        share, since = backlog.share(now)
        limit = LATE_BATCH
        if backlog.is_paced:
            room = max(backlog.rate, QUEUED)
            limit = min(limit, share, room - outbox.count_due(now, room))
        if limit <= 0:
            return 0, 0, BEGINNING
        claimed = claim(now, limit, until=backlog.due_before)
        fired = _fire(claimed, now, _decided(backlog)) if claimed else 0
        if claimed:
            backlog.spend(len(claimed), since)
        elif not Reminder.objects.due(backlog.due_before).exists():
            backlog.end(now)
            log.info("backlog ended id=%d taken=%d", backlog.pk, backlog.taken)
        return len(claimed), fired, backlog.due_before


def _decided(backlog: Backlog) -> "Decide":
    """Return what becomes of each reminder of a backlog."""

    def coalesce(reminder: Due | Reminder, now: datetime) -> Planned:
        found = plan_of(reminder, now)
        reason = f"{Missed.COALESCED}: {backlog}."
        return found._replace(plan=coalesced(found.plan, now, reason))

    def drop(reminder: Due | Reminder, now: datetime) -> Planned:
        first, going_on = _planned(reminder)
        decided = dropped(going_on, first, backlog.due_before, f"{Missed.DROPPED}: {backlog}.")
        return _going_on(reminder, decided, going_on)

    decisions = {Backlog.Decision.COALESCE: coalesce, Backlog.Decision.DROP: drop}
    return decisions.get(Backlog.Decision(backlog.decision), plan_of)


def _fire(claimed: "Sequence[Due]", now: datetime, decide: "Decide") -> int:
    """Fire what is claimed, within the transaction that has; return how many fired.

    A reminder that raises is set aside with its error, and the batch goes on without it.
    """
    began = time.monotonic()
    by_index()
    planned, failed = _plan_each(claimed, now, decide)
    fired, refused = write_or_isolate(planned, lambda rows: write(rows, now))
    failed += [(each.reminder, error) for each, error in refused]
    for reminder, error in failed:
        set_aside(reminder, error, now)
    count_batch(len(claimed), len(failed))
    log.info(
        "dispatched claimed=%d fired=%d set_aside=%d seconds=%.3f",
        len(claimed),
        fired,
        len(failed),
        time.monotonic() - began,
    )
    return fired


def fire_canary(now: datetime) -> tuple[int, int]:
    """As `fire_batch`, while everything is paused."""
    return fire_batch(now, 1, sql=CLAIM_CANARY)


def count_batch(claimed: int, failed: int) -> None:
    sums = meter.BATCH.of([claimed], of="dispatch")
    if failed:
        sums[follow_up.SET_ASIDES.series(what="reminder")] += failed
    meter.add(sums)


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
    leads: list[timedelta]
    misfire: str
    grace: timedelta
    next_due_at: datetime
    next_lead: timedelta
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
    with bulk_cursor() as cursor:
        cursor.execute(sql, asked, binary=True)
        return [Due._make(row) for row in cursor.fetchall()]


class Planned(NamedTuple):
    """What becomes of a reminder, and the wall times to keep with its next plan."""

    reminder: Any
    plan: Plan
    walls: Sequence[datetime] | None


Failed = tuple[Any, Exception]
Decide = Callable[[Due, datetime], Planned]


def _plan_each(
    reminders: Sequence[Due], now: datetime, decide: Decide
) -> tuple[list[Planned], list[Failed]]:
    planned: list[Planned] = []
    failed: list[Failed] = []
    oldest = min(each.next_due_at - each.next_lead for each in reminders)
    silences = pausing.of_owners((each.owner_id for each in reminders), oldest, now)
    for reminder in reminders:
        try:
            found = decide(reminder, now)
            if of_owner := silences.get(reminder.owner_id):
                silent = [each for each in of_owner if each.is_of(reminder.tags)]
                found = found._replace(plan=pausing.silenced(found.plan, silent, now))
            planned.append(found)
        except Exception as error:
            failed.append((reminder, error))
    return planned, failed


def plan_of(reminder: Due | Reminder, now: datetime) -> Planned:
    """Decide what a due reminder fires now, what it missed, and when it is next due."""
    first, going_on = _planned(reminder)
    decided = plan(going_on, first, now, reminder.misfire, reminder.grace)
    return _going_on(reminder, decided, going_on)


def _planned(reminder: Due | Reminder) -> tuple[Fire, GoesOn]:
    assert reminder.next_due_at is not None
    due_at, lead = reminder.next_due_at, reminder.next_lead
    first = Fire(fire_at=due_at - lead, due_at=due_at, lead=lead)
    return first, GoesOn(reminder.schedule, first, reminder.next_walls)


def _going_on(reminder: Due | Reminder, decided: Plan, going_on: GoesOn) -> Planned:
    walls = going_on.walls(decided.next) if decided.next is not None else None
    return Planned(reminder, decided, walls)


def set_aside(due: Due, error: Exception, now: datetime) -> None:
    """Push a reminder that cannot fire ahead, and show staff and owner why."""
    log.error("reminder %s set aside", due.pk, exc_info=error)
    reminder = Reminder.objects.get(pk=due.pk)
    text = f"{type(error).__name__}: {error}"[:1000]
    # Not at every try, which are many.
    if first_line(text) != first_line(reminder.error):
        note(reminder, Change.Verb.SET_ASIDE, now, first_line(text))
    Reminder.objects.filter(pk=reminder.pk).update(error=text, next_fire_at=now + SET_ASIDE)


OCCUR = """
INSERT INTO reminders_occurrence (reminder_id, due_at, lead, status, reason, recorded_at,
    follow_up_at)
SELECT o.reminder_id, o.due_at, o.lead, CASE o.reason WHEN '' THEN 'pending' ELSE 'missed' END,
    o.reason, %(now)s, %(now)s + o.follow_up_after
FROM unnest(%(reminders)b::bigint[], %(dues)b::timestamptz[], %(leads)b::interval[],
    %(reasons)b::text[], %(follow_ups)b::interval[])
    AS o(reminder_id, due_at, lead, reason, follow_up_after)
ON CONFLICT (reminder_id, due_at, lead) DO NOTHING
RETURNING id, reminder_id, due_at, lead, status
"""

ADVANCE = """
UPDATE reminders_reminder r SET next_fire_at = n.due_at - n.lead, next_due_at = n.due_at,
    next_lead = coalesce(n.lead, interval '0'), next_walls = n.walls::timestamp[],
    missed_count = n.missed_count, fired_count = n.fired_count, fired_due_at = n.fired_due_at,
    error = '',
    status = CASE WHEN n.due_at IS NULL THEN 'finished' ELSE 'active' END
FROM unnest(%(reminders)b::bigint[], %(dues)b::timestamptz[], %(leads)b::interval[],
    %(walls)b::text[], %(missed)b::int[], %(fired)b::int[], %(fired_dues)b::timestamptz[])
    AS n(id, due_at, lead, walls, missed_count, fired_count, fired_due_at)
WHERE r.id = n.id
"""


def write(planned: Sequence[Planned], now: datetime) -> int:
    """Record occurrences, post their messages and advance the reminders; return how many fired."""
    reminders = {reminder.pk: reminder for reminder, _, _ in planned}
    missed = {r.pk: r.missed_count + count_missed(plan) for r, plan, _ in planned}
    counts = {r.pk: Count(r.fired_count, r.fired_due_at) for r, _, _ in planned}
    posts: list[outbox.Post] = []
    new = record(planned, now)
    late: list[float] = []
    for occurrence_id, reminder_id, due_at, lead in new:
        fire = Fire(fire_at=due_at - lead, due_at=due_at, lead=lead)
        late.append((now - fire.fire_at).total_seconds())
        reminder = reminders[reminder_id]
        count = counts[reminder_id] = counts[reminder_id].including(due_at)
        told = message(reminder, fire, now, missed[reminder_id], count)
        posts += posts_for(reminder.channel_ids, occurrence_id, told, due_at, reminder.urgent)
    outbox.post(posts, now)
    meter.add(FIRED.of(late))
    advance(planned, {r.pk: 0 if plan.fires else missed[r.pk] for r, plan, _ in planned}, counts)
    return len(new)


def count_missed(plan: Plan) -> int:
    """Return how many are to be told of: not what somebody did not want to hear."""
    return sum(reason != Missed.SILENCED for _, reason in plan.missed) if plan.missed else 0


def record(planned: Sequence[Planned], now: datetime) -> list[tuple[int, int, datetime, timedelta]]:
    """Insert the occurrences; return (id, reminder, due_at, lead) of the new ones that fire."""
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
                "dues": [plan.next and plan.next.due_at for _, plan, _ in planned],
                "leads": [plan.next and plan.next.lead for _, plan, _ in planned],
                "walls": [array_of(walls) for _, _, walls in planned],
                "missed": [missed[reminder.pk] for reminder, _, _ in planned],
                "fired": [counts[reminder.pk].fired for reminder, _, _ in planned],
                "fired_dues": [counts[reminder.pk].newest for reminder, _, _ in planned],
            },
        )


def array_of(times: Sequence[datetime] | None) -> str | None:
    """Write wall times as PostgreSQL does: unnest would take an array of arrays apart."""
    return None if times is None else "{" + ",".join(each.isoformat() for each in times) + "}"


def posts_for(
    channel_ids: Iterable[int], occurrence_id: int, told: Message, due_at: datetime, urgent: bool
) -> list[outbox.Post]:
    """Return the message to each channel."""
    data = {**told.data, "occurrence_id": occurrence_id}
    ref = reference(occurrence_id)
    return [
        outbox.Post(channel_id, ref, told.title, told.body, due_at, data, urgent)
        for channel_id in channel_ids
    ]


@transaction.atomic
def trigger(reminder: Reminder, now: datetime) -> Occurrence:
    """Fire a reminder now, beside its schedule, which does not move."""
    # Whoever deletes it comes before this, or cancels what this posts.
    if not Reminder.objects.kept().select_for_update(no_key=True).filter(pk=reminder.pk).exists():
        raise EditConflict
    note(reminder, Change.Verb.TRIGGERED, now)
    after = reminder.follow_up_after
    occurrence = Occurrence.objects.create(
        reminder=reminder,
        due_at=now,
        status=Occurrence.Status.PENDING,
        recorded_at=now,
        follow_up_at=None if after is None else now + after,
    )
    channel_ids = reminder.channels.values_list("pk", flat=True)
    # It has the number of the next that comes due, which it does not take from it.
    count = Count(reminder.fired_count).including(now)
    told = message(reminder, Fire(fire_at=now, due_at=now, lead=timedelta(0)), now, 0, count)
    outbox.post(posts_for(channel_ids, occurrence.pk, told, now, reminder.urgent), now)
    return occurrence


def beat_heart(now: datetime) -> None:
    """Note that a tick has run, and has come to its end."""
    Heartbeat.objects.update_or_create(name="tick", defaults={"at": now})


def last_tick() -> datetime | None:
    """Return when a tick last ran, to HEARTBEAT_EVERY; None when none ever has."""
    return Heartbeat.objects.filter(name="tick").values_list("at", flat=True).first()
