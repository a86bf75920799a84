"""The tick: fire everything that is due, one transaction for each batch.

The unique constraint on (reminder, due instant, lead) records an occurrence once, even if several
ticks run at the same time. SKIP LOCKED lets parallel ticks share the work without waiting for each
other.
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
from reminders.engine.firing import BEGINNING, Due, PlannedReminder
from reminders.models import Backlog, Change, Heartbeat, Plan, Reminder
from reminders.models.backlog import LATE
from reminders.models.change import first_line, note
from reminders.schedule.misfire import Missed, coalesce_plan, drop_plan

log = logging.getLogger(__name__)

Failed = tuple[Any, Exception]
Decide = Callable[[Due, datetime], PlannedReminder]

BATCH = 2000
# The first batch of a burst is small: workers can send its messages while the next one is fired.
FIRST = 250
# Late reminders are fired in small batches, because on-time reminders are fired between them.
LATE_BATCH = 500
# Late reminders wait while more deliveries than this, and than a second of the backlog's rate, are
# queued: messages that are on time would queue behind them.
QUEUED = 1000
# A tick claims no batch after this; the next tick claims the rest.
BUDGET = timedelta(seconds=10)
# A reminder that raises is retried after this, and not at every tick.
SET_ASIDE = timedelta(minutes=5)
# A heartbeat at every tick would make an UPDATE of each idle tick.
HEARTBEAT_EVERY = timedelta(seconds=5)
# Name of the heartbeat that holds the first tick at which everything was paused; the row is deleted
# when that pause ends.
PAUSED_SINCE = "silence"

# For operators.
TICK = store.Histogram("foam_tick_seconds", (0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 10))


# One round trip of each tick: two heartbeats, and probes of indexes that are empty most of the
# time.
TICK_STATE = """
SELECT {everything},
    ARRAY(
        SELECT reminder_id FROM reminders_plan
        WHERE status = 'paused' AND paused_until <= %(now)s
        ORDER BY paused_until LIMIT %(limit)s
    ),
    (SELECT at FROM reminders_heartbeat WHERE name = 'tick'),
    (SELECT at FROM reminders_heartbeat WHERE name = %(paused_since)s),
    EXISTS (SELECT 1 FROM reminders_backlog WHERE ended_at IS NULL)
""".replace("{everything}", EVERYTHING)


class TickState(NamedTuple):
    """The state that a tick reads before it fires."""

    is_everything_paused: bool
    resumable_ids: list[int]  # reminders whose own pause has ended, the earliest end first
    last_tick_at: datetime | None
    paused_since: datetime | None  # the first tick at which everything was paused
    has_backlog: bool


def read_state(now: datetime) -> TickState:
    with bulk_cursor() as cursor:
        cursor.execute(
            TICK_STATE, {"now": now, "limit": pauses.BATCH, "paused_since": PAUSED_SINCE}
        )
        (row,) = cursor.fetchall()
        return TickState(*row)


def run(now: datetime) -> int:
    """Fire everything that is due at `now`; return the number of occurrences that fired.

    1. Read pauses, heartbeats and whether a backlog is open: one query.
    2. Resume the reminders whose own pause has ended.
    3. While everything is paused: fire the canary only.
    4. Else fire the reminders that are on time, oldest first, until BUDGET is used up.
    5. Fire late reminders, as the open backlog was decided and at its rate.
    6. Send follow-ups: snoozed, nagging and escalating occurrences.
    7. Wake the workers if deliveries are due: that replaces a wake-up that was lost.
    8. Write the tick's duration and, every HEARTBEAT_EVERY, the heartbeat.
    """
    began = time.monotonic()
    end = began + BUDGET.total_seconds()
    state = read_state(now)
    pauses.resume(state.resumable_ids, now)
    if state.is_everything_paused:
        fired = _fire_canary(state, now)
    else:
        backlog = _open_backlog(state, now)
        fired = _fire_on_time(now, end, backlog)
        if backlog:
            fired += _fire_backlog(now, began, end)
    follow_ups.send_due(now, end)
    if has_due(now):
        wake_workers()
    _record_tick(state, now, began)
    return fired


def _fire_canary(state: TickState, now: datetime) -> int:
    """Fire the canary alone, and note since when everything is paused."""
    if state.paused_since is None:
        Heartbeat.objects.get_or_create(name=PAUSED_SINCE, defaults={"at": now})
    _, fired = fire_batch(now, 1, sql=firing.CLAIM_CANARY)
    return fired


def _open_backlog(state: TickState, now: datetime) -> Backlog | None:
    """Return the open backlog; open one if no tick could fire for longer than LATE."""
    fired_at = state.paused_since or state.last_tick_at
    if fired_at is None or abs(now - fired_at) > LATE:
        backlog = overdue.open_or_extend(now, FIRST)
    else:
        backlog = Backlog.objects.open().first() if state.has_backlog else None
    if state.paused_since is not None:
        Heartbeat.objects.filter(name=PAUSED_SINCE).delete()
    return backlog


def _fire_on_time(now: datetime, end: float, backlog: Backlog | None) -> int:
    """Fire what is due and not part of the backlog: a small first batch, then the others."""
    after = backlog.due_before if backlog else BEGINNING
    claimed, fired = fire_batch(now, FIRST, after=after)
    if not claimed:
        return fired
    is_burst = claimed == FIRST and _is_more_than_a_batch(now, after)
    return fired + (_drain_in_parallel if is_burst else _drain)(now, end, after)


def _record_tick(state: TickState, now: datetime, began: float) -> None:
    store.buffer_all(TICK.of([time.monotonic() - began]))
    last = state.last_tick_at
    if last is None or not timedelta(0) <= now - last < HEARTBEAT_EVERY:
        write_heartbeat(now)
        store.compact()
        hourly.mark(now)
    store.flush()


def _is_more_than_a_batch(now: datetime, after: datetime) -> bool:
    """Whether a second connection saves more time than it costs to open."""
    due = Plan.objects.due(now).filter(next_fire_at__gt=after).order_by("next_fire_at")
    return bool(due.values_list("pk", flat=True)[BATCH : BATCH + 1])


def _drain(now: datetime, end: float, after: datetime) -> int:
    fired = 0
    claimed = BATCH
    while claimed and time.monotonic() < end:
        claimed, count = fire_batch(now, after=after)
        fired += count
    return fired


def _drain_in_parallel(now: datetime, end: float, after: datetime) -> int:
    """As `_drain`, two batches at a time: one is computed while PostgreSQL writes the other."""
    with ThreadPoolExecutor(1) as executor:
        second = executor.submit(_drain_in_thread, now, end, after)
        return _drain(now, end, after) + second.result()


def _drain_in_thread(now: datetime, end: float, after: datetime) -> int:
    """As `_drain`, and close the connection of this thread: Django does not close it."""
    try:
        return _drain(now, end, after)
    finally:
        connection.close()


def _fire_backlog(now: datetime, began: float, end: float) -> int:
    """Fire late reminders until BUDGET is used up; after each batch the newly due ones."""
    fired = 0
    claimed = LATE_BATCH
    while claimed and time.monotonic() < end:
        claimed, count, after = fire_late_batch(now)
        fired += count
        if claimed:
            clock = now + timedelta(seconds=time.monotonic() - began)
            fired += fire_batch(clock, after=after)[1]
    return fired


def next_fire_at(after: datetime = BEGINNING) -> datetime | None:
    """Return the earliest `next_fire_at` later than `after`, which may be in the past."""
    active = Plan.objects.filter(status=Plan.Status.ACTIVE, next_fire_at__gt=after)
    return active.order_by("next_fire_at").values_list("next_fire_at", flat=True).first()


def fire_batch(
    now: datetime, limit: int = BATCH, *, after: datetime = BEGINNING, sql: str = firing.CLAIM
) -> tuple[int, int]:
    """Claim up to `limit` due reminders and fire them; return the numbers (claimed, fired).

    Reminders due at or before `after` belong to the backlog and are not claimed.
    """
    with transaction.atomic():
        claimed = firing.claim(now, limit, after, sql=sql)
        return len(claimed), _fire(claimed, now, firing.plan_of) if claimed else 0


def fire_late_batch(now: datetime) -> tuple[int, int, datetime]:
    """Fire one batch of the open backlog; return (claimed, fired, due_before).

    The tick that locks the backlog row is the only one to fire late reminders: so the rate holds
    across parallel ticks, and the decision cannot change during a batch. Closes the backlog when
    none of its reminders is left.
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
        fired = _fire(claimed, now, _decision_function(backlog)) if claimed else 0
        if claimed:
            backlog.spend(len(claimed), since)
        elif not Plan.objects.due(backlog.due_before).exists():
            backlog.end(now)
            log.info("backlog ended id=%d taken=%d", backlog.pk, backlog.cleared_count)
        return len(claimed), fired, backlog.due_before


def _decision_function(backlog: Backlog) -> Decide:
    """Return the function that plans a late reminder as the backlog was decided."""

    def coalesce(reminder: Due | Reminder, now: datetime) -> PlannedReminder:
        planned = firing.plan_of(reminder, now)
        reason = f"{Missed.COALESCED}: {backlog}."
        return planned._replace(plan=coalesce_plan(planned.plan, now, reason))

    def drop(reminder: Due | Reminder, now: datetime) -> PlannedReminder:
        reason = f"{Missed.DROPPED}: {backlog}."
        return firing.plan_with(
            reminder, lambda schedule, first: drop_plan(schedule, first, backlog.due_before, reason)
        )

    decisions = {Backlog.Decision.COALESCE: coalesce, Backlog.Decision.DROP: drop}
    return decisions.get(Backlog.Decision(backlog.decision), firing.plan_of)


def _fire(claimed: Sequence[Due], now: datetime, decide: Decide) -> int:
    """Fire the claimed reminders, in the caller's transaction; return the number that fired.

    A reminder that raises is set aside with its error, and the others of the batch fire.
    """
    began = time.monotonic()
    planned, failed = _plan_each(claimed, now, decide)
    fired, refused = write_or_isolate(planned, lambda rows: firing.write(rows, now))
    failed += [(row.reminder, error) for row, error in refused]
    for reminder, error in failed:
        set_aside(reminder, error, now)
    _count_batch(len(claimed), len(failed))
    log.info(
        "dispatched claimed=%d fired=%d set_aside=%d seconds=%.3f",
        len(claimed),
        fired,
        len(failed),
        time.monotonic() - began,
    )
    return fired


def _count_batch(claimed: int, failed: int) -> None:
    sums = store.BATCH.of([claimed], of="dispatch")
    if failed:
        sums[follow_ups.SET_ASIDES.series(what="reminder")] += failed
    store.add(sums)


def _plan_each(
    reminders: Sequence[Due], now: datetime, decide: Decide
) -> tuple[list[PlannedReminder], list[Failed]]:
    rows: list[PlannedReminder] = []
    failed: list[Failed] = []
    oldest = min(map(firing.earliest_fire_at, reminders))
    by_owner = pauses.pauses_by_owner((reminder.owner_id for reminder in reminders), oldest, now)
    for reminder in reminders:
        try:
            planned = decide(reminder, now)
            if of_owner := by_owner.get(reminder.owner_id):
                covering = [pause for pause in of_owner if pause.is_of(reminder.tags)]
                planned = planned._replace(plan=pauses.apply_pauses(planned.plan, covering, now))
            rows.append(planned)
        except Exception as error:
            failed.append((reminder, error))
    return rows, failed


def set_aside(due: Due, error: Exception, now: datetime) -> None:
    """Retry a reminder that raised after SET_ASIDE, and show staff and owner the error."""
    log.error("reminder %s set aside", due.pk, exc_info=error)
    reminder = Reminder.objects.get(pk=due.pk)
    text = f"{type(error).__name__}: {error}"[:1000]
    # Only a new error is noted: a retry every few minutes would fill the history.
    if first_line(text) != first_line(reminder.error):
        note(reminder, Change.Verb.SET_ASIDE, now, first_line(text))
    Plan.objects.filter(pk=reminder.pk).update(error=text, next_fire_at=now + SET_ASIDE)


def write_heartbeat(now: datetime) -> None:
    """Record that a tick has run to its end."""
    Heartbeat.objects.update_or_create(name="tick", defaults={"at": now})


def last_tick() -> datetime | None:
    """Return when the last tick ended, accurate to HEARTBEAT_EVERY; None before the first one."""
    return Heartbeat.objects.filter(name="tick").values_list("at", flat=True).first()
