"""What came of attempts, in bulk: each outcome by whom the lease belongs to."""

import logging
from collections import Counter as Sums
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q

from notifications.metrics import store
from notifications.models import Channel
from notifications.outbox import losses
from notifications.outbox.hold_rules import rules_of
from notifications.outbox.lease import Leased
from notifications.outbox.losses import DETAIL_LENGTH, Loss
from notifications.retry import MAX_ATTEMPTS, backoff
from notifications.sql import bulk_cursor
from notifications.transports import Fault, Outcome
from notifications.transports.mail import login

log = logging.getLogger(__name__)

# Only the holder of the attempt records it. A delivery cancelled while it was on the wire and
# accepted all the same is sent: that is what happened.
RECORD_SQL = """
WITH outcome AS (
    SELECT * FROM unnest(%(ids)b::bigint[], %(attempts)b::int[], %(statuses)b::text[],
        %(nexts)b::timestamptz[], %(reasons)b::text[], %(kinds)b::text[], %(details)b::text[],
        %(latencies)b::interval[])
    AS o(id, attempt, status, next_attempt_at, reason, kind, detail, latency)
), tried AS (
    INSERT INTO notifications_attempt (delivery_id, number, outcome, detail, latency, ended_at)
    -- Erased meanwhile: what the receiver answered may tell to whom.
    SELECT o.id, o.attempt, o.kind, CASE d.title WHEN '' THEN '' ELSE o.detail END, o.latency,
        %(now)s
    FROM outcome o JOIN notifications_delivery d ON d.id = ANY (ARRAY[o.id])
    ON CONFLICT (delivery_id, number) DO UPDATE SET outcome = EXCLUDED.outcome,
        detail = EXCLUDED.detail, latency = EXCLUDED.latency, ended_at = EXCLUDED.ended_at
        WHERE notifications_attempt.outcome = 'uncertain'
), counted AS (
    INSERT INTO notifications_meter (series, value)
    SELECT * FROM unnest(%(series)b::text[], %(values)b::float8[])
)
UPDATE notifications_delivery d SET status = o.status, next_attempt_at = o.next_attempt_at,
    leased_until = NULL, reason = o.reason,
    finished_at = CASE WHEN o.next_attempt_at IS NULL THEN %(now)s END,
    -- Whatever held the first attempt does not hold the next one.
    held = CASE WHEN o.next_attempt_at IS NULL THEN d.held END
FROM outcome o
WHERE d.id = ANY (ARRAY[o.id]) AND d.attempt = o.attempt
    AND (d.status = 'sending' OR d.status = 'cancelled' AND o.status = 'sent')
"""


class Verdict(NamedTuple):
    """What an outcome makes of its delivery."""

    outcome: str
    detail: str
    status: str
    next_attempt_at: datetime | None = None
    reason: str = ""


def record(
    outcomes: Sequence[Outcome],
    leased: Sequence[Leased],
    now: datetime,
    came_in: Sequence[tuple[float, int]] = (),
) -> int:
    """Write each outcome of what was leased, where the lease is still ours; return how many.

    `came_in`: when, in seconds of the epoch, how many of the outcomes had been told.
    """
    verdicts = [
        _verdict(outcome, each.max_attempts, each.is_at_most_once, now)
        for outcome, each in zip(outcomes, leased, strict=True)
    ]
    dead = [_loss(o) for o, v in zip(outcomes, verdicts, strict=True) if v.status == "dead"]
    with transaction.atomic(), bulk_cursor(by_index=True) as cursor:
        if dead:
            losses.lock({each.channel_id for each in dead})
        cursor.execute(
            RECORD_SQL,
            {
                "now": now,
                "ids": [o.message.delivery_id for o in outcomes],
                "attempts": [o.message.attempt for o in outcomes],
                "statuses": [v.status for v in verdicts],
                "nexts": [v.next_attempt_at for v in verdicts],
                "reasons": [v.reason for v in verdicts],
                "kinds": [v.outcome for v in verdicts],
                "details": [v.detail for v in verdicts],
                "latencies": [o.latency for o in outcomes],
                **store.arrays(_counted(outcomes, leased, verdicts, came_in)),
            },
        )
        count: int = cursor.rowcount
        _keep_quiet(outcomes, verdicts)
        losses.settle(dead, now)
        _disable_gone(outcomes, now)
    _hold(outcomes, now)
    _let_go(outcomes, leased)
    _tell_failures(outcomes, leased, verdicts)
    _note_login(outcomes, leased, now)
    return count


def _loss(outcome: Outcome) -> Loss:
    message, error = outcome.message, outcome.error
    assert error is not None
    counts = error.fault is Fault.RECEIVER
    return Loss(
        *(message.delivery_id, message.attempt, message.channel_id),
        *(counts, error.permanent and not error.gone, error.detail),
    )


def _counted(
    outcomes: Sequence[Outcome],
    leased: Sequence[Leased],
    verdicts: Sequence[Verdict],
    came_in: Iterable[tuple[float, int]],
) -> Sums[str]:
    """Return what these outcomes add to the meter; as a rule all are accepted, and of one kind."""
    sums = store.BATCH.of([len(outcomes)], of="deliver")
    kinds = [each.kind for each in leased]
    took = [outcome.latency.total_seconds() for outcome in outcomes]
    late: list[float | None] = []
    for at, upto in came_in:
        part = leased[len(late) : upto]
        late += [None if each.since is None else at - each.since for each in part]
    has_failed = any(outcome.error for outcome in outcomes)
    if has_failed:
        # How long a failure took tells nothing of when a message arrived.
        late = [None if o.error else seconds for o, seconds in zip(outcomes, late, strict=False)]
        for tried, each in zip(outcomes, leased, strict=True):
            if tried.error:
                fault = tried.error.fault
                sums[store.FAILURES.series(kind=each.kind, fault=fault.value)] += 1
    for kind, count in Sums(kinds).items():
        if count == len(kinds):
            told, seconds, waited = verdicts, took, late
        else:
            mine = [index for index, each in enumerate(kinds) if each == kind]
            told, seconds = [verdicts[i] for i in mine], [took[i] for i in mine]
            waited = [late[i] for i in mine if i < len(late)]
        sums.update(store.ATTEMPT.of(seconds, kind=kind))
        sums.update(store.LATENESS.of([each for each in waited if each is not None], kind=kind))
        ways = Sums([(v.outcome, v.status) for v in told]) if has_failed else {SENT: count}
        for (outcome, status), number in ways.items():
            sums[store.ATTEMPTS.series(kind=kind, outcome=outcome)] += number
            if status != "queued":
                sums[store.ENDED.series(kind=kind, status=status)] += number
    return sums


def _note_login(outcomes: Sequence[Outcome], leased: Sequence[Leased], now: datetime) -> None:
    """Let all processes know whether the mail server takes FOAM's name and password."""
    if any(outcome.error and outcome.error.login for outcome in outcomes):
        login.refused(now)
    elif login.is_refused():
        pairs = zip(outcomes, leased, strict=True)
        if any(o.error is None and each.kind == "email" for o, each in pairs):
            login.accepted()


# The outcome and the status of what is accepted.
SENT = ("sent", "sent")

# Of a batch in which a receiver of thousands failed, the first few tell enough.
FAILURES_TOLD = 10


def _tell_failures(
    outcomes: Sequence[Outcome], leased: Sequence[Leased], verdicts: Sequence[Verdict]
) -> None:
    """Log a line for each failed attempt. Why it failed stands in the attempt: it may be secret."""
    if not any(outcome.error for outcome in outcomes):
        return
    failed = [e for e in zip(outcomes, leased, verdicts, strict=True) if e[0].error]
    for outcome, each, verdict in failed[:FAILURES_TOLD]:
        log.warning(
            "attempt failed delivery=%d channel=%d kind=%s attempt=%d outcome=%s then=%s fault=%s "
            "seconds=%.3f",
            *(outcome.message.delivery_id, outcome.message.channel_id, each.kind),
            *(outcome.message.attempt, verdict.outcome, verdict.status),
            outcome.error.fault.value if outcome.error else "",
            outcome.latency.total_seconds(),
        )
    if len(failed) > FAILURES_TOLD:
        log.warning("more attempts failed count=%d", len(failed) - FAILURES_TOLD)


def _verdict(outcome: Outcome, max_attempts: int, is_at_most_once: bool, now: datetime) -> Verdict:
    error = outcome.error
    if error is None:
        return Verdict("sent", _clip(outcome.answer), "sent")
    detail = _clip(error.detail)
    kind = "uncertain" if error.uncertain else "transient"
    if error.uncertain and is_at_most_once:
        why = "this channel would rather lose a message than repeat it"
        return Verdict(kind, detail, "dead", reason=f"It may have arrived, and {why}: {detail}")
    if error.permanent:
        return Verdict("permanent", detail, "dead", reason=detail)
    attempt = outcome.message.attempt
    if attempt >= max_attempts:
        return Verdict(kind, detail, "dead", reason=f"Gave up after {attempt} attempts: {detail}")
    # A retry by hand raises max_attempts and so begins the ladder again.
    step = attempt - (max_attempts - MAX_ATTEMPTS)
    return Verdict(kind, detail, "queued", now + backoff(step, error.retry_after))


def _clip(detail: str) -> str:
    return detail.replace("\x00", "")[:DETAIL_LENGTH]


HOLD_RETRY = """
UPDATE notifications_delivery d SET next_attempt_at = o.at, held = 'quiet'
FROM unnest(%(ids)b::bigint[], %(attempts)b::int[], %(ats)b::timestamptz[]) AS o(id, attempt, at)
WHERE d.id = ANY (ARRAY[o.id]) AND d.attempt = o.attempt AND d.status = 'queued'
    AND NOT d.urgent
"""


def _keep_quiet(outcomes: Iterable[Outcome], verdicts: Iterable[Verdict]) -> None:
    """Let a next attempt that would fall into quiet hours wait until these end."""
    again = [
        (outcome.message, verdict.next_attempt_at)
        for outcome, verdict in zip(outcomes, verdicts, strict=True)
        if verdict.next_attempt_at
    ]
    rules = rules_of({message.channel_id for message, _ in again}) if again else {}
    held = [
        (message.delivery_id, message.attempt, awake)
        for message, at in again
        if message.channel_id in rules and (awake := rules[message.channel_id].awake(at)) > at
    ]
    if not held:
        return
    names = ("ids", "attempts", "ats")
    with bulk_cursor() as cursor:
        cursor.execute(
            HOLD_RETRY, dict(zip(names, map(list, zip(*held, strict=True)), strict=True))
        )


# A channel that hung is left alone for 15 s, twice as long each time in a row, up to 16 min.
HOLD_SQL = """
UPDATE notifications_channel SET holds = least(holds + 1, 9999),
    held_until = %(now)s + interval '15 s' * 2 ^ least(holds, 6)
WHERE id = ANY (%(ids)b) AND (held_until IS NULL OR held_until <= %(now)s)
"""

# What waits for such a channel waits out of the way of what is due for others.
STEP_ASIDE_SQL = """
UPDATE notifications_delivery d SET next_attempt_at = w.held_until
FROM (
    SELECT d.id, c.held_until FROM notifications_delivery d
    JOIN notifications_channel c ON c.id = d.channel_id
    WHERE c.id = ANY (%(ids)b) AND d.next_attempt_at < c.held_until AND d.status = 'queued'
        AND (d.held IS NULL OR d.held NOT IN ('digest', 'flood'))
    FOR UPDATE OF d SKIP LOCKED
) w
WHERE d.id = w.id
"""


def _hold(outcomes: Iterable[Outcome], now: datetime) -> None:
    """Leave alone the channels whose receivers did not answer in time."""
    ids = sorted({o.message.channel_id for o in outcomes if o.error and o.error.hung})
    if not ids:
        return
    with transaction.atomic(), bulk_cursor() as cursor:
        cursor.execute(HOLD_SQL, {"now": now, "ids": ids})
        cursor.execute(STEP_ASIDE_SQL, {"ids": ids})


def _let_go(outcomes: Sequence[Outcome], leased: Sequence[Leased]) -> None:
    """A channel that had failed and has answered is as good as any other."""
    failed = [o for o, each in zip(outcomes, leased, strict=True) if each.has_failed]
    if not failed:
        return
    answered = {o.message.channel_id for o in failed if not (o.error and o.error.hung)}
    Channel.objects.filter(pk__in=answered, holds__gt=0).update(holds=0, held_until=None)
    accepted = {o.message.channel_id for o in failed if o.error is None}
    Channel.objects.filter(Q(deaths__gt=0) | Q(lost_at__isnull=False), pk__in=accepted).update(
        deaths=0, failing_since=None, lost_at=None, rejection="", rejected_at=None
    )


def _disable_gone(outcomes: Iterable[Outcome], now: datetime) -> None:
    gone = {o.message.channel_id: o.error.detail for o in outcomes if o.error and o.error.gone}
    if not gone:
        return
    for channel in Channel.objects.filter(pk__in=gone, disabled_at=None):
        channel.disable(gone[channel.pk], now)
