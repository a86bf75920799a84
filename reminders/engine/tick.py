"""Dispatch: a tick fires all that is due, one transaction for each batch.

The unique constraint on (reminder, due instant, lead) records an occurrence once whoever else
ticks; SKIP LOCKED lets parallel ticks share the work instead of waiting for each other.
"""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction

from accounts.models.pause import EVERYTHING
from notifications.metrics import hourly, store
from notifications.outbox.queue import count_due, has_due, wake_workers
from notifications.sql import bulk_cursor, write_or_isolate
from reminders.engine import backlog as overdue
from reminders.engine import firing, follow_ups, pauses
from reminders.engine.firing import BEGINNING, Due, Planned
from reminders.models import Backlog, Change, Heartbeat, Reminder
from reminders.models.backlog import LATE
from reminders.models.change import first_line, note
from reminders.schedule.misfire import Missed, coalesced, dropped

log = logging.getLogger(__name__)

Failed = tuple[Any, Exception]
Decide = Callable[[Due, datetime], Planned]

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
# The heartbeat of the first tick that found everything paused; gone when it no longer is.
SILENCE = "silence"

# For operators.
TICK = store.Histogram("foam_tick_seconds", (0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 10))


# One round trip of each tick: probes of indexes that hold nothing as a rule, and two heartbeats.
LOOK = """
SELECT {everything},
    ARRAY(
        SELECT id FROM reminders_reminder WHERE status = 'paused' AND paused_until <= %(now)s
        ORDER BY paused_until LIMIT %(limit)s
    ),
    (SELECT at FROM reminders_heartbeat WHERE name = 'tick'),
    (SELECT at FROM reminders_heartbeat WHERE name = %(silence)s),
    EXISTS (SELECT 1 FROM reminders_backlog WHERE ended_at IS NULL)
""".replace("{everything}", EVERYTHING)


class Look(NamedTuple):
    """What a tick has to know before it fires."""

    is_silent: bool  # everything is paused
    resumable: list[int]  # reminders whose own pause is over, the longest first
    last_tick: datetime | None
    silent_since: datetime | None  # the first tick that found everything paused
    has_backlog: bool


def look(now: datetime) -> Look:
    with bulk_cursor() as cursor:
        cursor.execute(LOOK, {"now": now, "limit": pauses.BATCH, "silence": SILENCE})
        (row,) = cursor.fetchall()
        return Look(*row)


def tick(now: datetime) -> int:
    """Fire everything due at `now`, batch by batch; return how many occurrences fired.

    Before that it resumes what was paused until now: see `pausing`. Of a backlog, which an outage
    or a pause of everything leaves, it fires what its decision and rate allow; what is on time
    first. Then it says again what waits for an answer: see `follow_up`. Also wakes the deliverers
    when deliveries are due, which makes up for any lost wake-up.
    """
    began = time.monotonic()
    end = began + BUDGET.total_seconds()
    found = look(now)
    pauses.resume(found.resumable, now)
    if found.is_silent:
        if found.silent_since is None:
            Heartbeat.objects.get_or_create(name=SILENCE, defaults={"at": now})
        backlog, after = None, BEGINNING
        claimed, fired = fire_canary(now)
    else:
        backlog = _backlog(found, now)
        if found.silent_since is not None:
            Heartbeat.objects.filter(name=SILENCE).delete()
        after = backlog.due_before if backlog else BEGINNING
        claimed, fired = fire_batch(now, FIRST, after=after)
    if claimed:
        is_burst = claimed == FIRST and _is_more_than_a_batch(now, after)
        fired += (_drain_at_once if is_burst else _drain)(now, end, after)
    if backlog:
        fired += _drain_backlog(now, began, end)
    follow_ups.speak_due(now, end)
    if has_due(now):
        wake_workers()
    store.buffer_all(TICK.of([time.monotonic() - began]))
    last = found.last_tick
    if last is None or not timedelta(0) <= now - last < HEARTBEAT_EVERY:
        beat_heart(now)
        store.compact()
        hourly.mark(now)
    store.flush()
    return fired


def _backlog(found: Look, now: datetime) -> Backlog | None:
    """Return the open backlog; after a while in which nothing could fire, one of what is late."""
    fired_at = found.silent_since or found.last_tick
    if fired_at is None or abs(now - fired_at) > LATE:
        return overdue.notice(now, FIRST)
    return Backlog.objects.open().first() if found.has_backlog else None


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
    now: datetime, limit: int = BATCH, *, after: datetime = BEGINNING, sql: str = firing.CLAIM
) -> tuple[int, int]:
    """Claim up to `limit` due reminders and fire them; return how many were claimed, and fired.

    What was due at or before `after` is left to the backlog.
    """
    with transaction.atomic():
        claimed = firing.claim(now, limit, after, sql=sql)
        return len(claimed), _fire(claimed, now, firing.plan_of) if claimed else 0


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
            limit = min(limit, share, room - count_due(now, room))
        if limit <= 0:
            return 0, 0, BEGINNING
        claimed = firing.claim(now, limit, until=backlog.due_before)
        fired = _fire(claimed, now, _decided(backlog)) if claimed else 0
        if claimed:
            backlog.spend(len(claimed), since)
        elif not Reminder.objects.due(backlog.due_before).exists():
            backlog.end(now)
            log.info("backlog ended id=%d taken=%d", backlog.pk, backlog.taken)
        return len(claimed), fired, backlog.due_before


def _decided(backlog: Backlog) -> Decide:
    """Return what becomes of each reminder of a backlog."""

    def coalesce(reminder: Due | Reminder, now: datetime) -> Planned:
        found = firing.plan_of(reminder, now)
        reason = f"{Missed.COALESCED}: {backlog}."
        return found._replace(plan=coalesced(found.plan, now, reason))

    def drop(reminder: Due | Reminder, now: datetime) -> Planned:
        reason = f"{Missed.DROPPED}: {backlog}."
        return firing.planned(
            reminder, lambda rest, first: dropped(rest, first, backlog.due_before, reason)
        )

    decisions = {Backlog.Decision.COALESCE: coalesce, Backlog.Decision.DROP: drop}
    return decisions.get(Backlog.Decision(backlog.decision), firing.plan_of)


def _fire(claimed: Sequence[Due], now: datetime, decide: Decide) -> int:
    """Fire what is claimed, within the transaction that has; return how many fired.

    A reminder that raises is set aside with its error, and the batch goes on without it.
    """
    began = time.monotonic()
    planned, failed = _plan_each(claimed, now, decide)
    fired, refused = write_or_isolate(planned, lambda rows: firing.write(rows, now))
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
    return fire_batch(now, 1, sql=firing.CLAIM_CANARY)


def count_batch(claimed: int, failed: int) -> None:
    sums = store.BATCH.of([claimed], of="dispatch")
    if failed:
        sums[follow_ups.SET_ASIDES.series(what="reminder")] += failed
    store.add(sums)


def _plan_each(
    reminders: Sequence[Due], now: datetime, decide: Decide
) -> tuple[list[Planned], list[Failed]]:
    planned: list[Planned] = []
    failed: list[Failed] = []
    oldest = min(map(firing.about, reminders))
    silences = pauses.of_owners((each.owner_id for each in reminders), oldest, now)
    for reminder in reminders:
        try:
            found = decide(reminder, now)
            if of_owner := silences.get(reminder.owner_id):
                silent = [each for each in of_owner if each.is_of(reminder.tags)]
                found = found._replace(plan=pauses.silenced(found.plan, silent, now))
            planned.append(found)
        except Exception as error:
            failed.append((reminder, error))
    return planned, failed


def set_aside(due: Due, error: Exception, now: datetime) -> None:
    """Push a reminder that cannot fire ahead, and show staff and owner why."""
    log.error("reminder %s set aside", due.pk, exc_info=error)
    reminder = Reminder.objects.get(pk=due.pk)
    text = f"{type(error).__name__}: {error}"[:1000]
    # Not at every try, which are many.
    if first_line(text) != first_line(reminder.error):
        note(reminder, Change.Verb.SET_ASIDE, now, first_line(text))
    Reminder.objects.filter(pk=reminder.pk).update(error=text, next_fire_at=now + SET_ASIDE)


def beat_heart(now: datetime) -> None:
    """Note that a tick has run, and has come to its end."""
    Heartbeat.objects.update_or_create(name="tick", defaults={"at": now})


def last_tick() -> datetime | None:
    """Return when a tick last ran, to HEARTBEAT_EVERY; None when none ever has."""
    return Heartbeat.objects.filter(name="tick").values_list("at", flat=True).first()
