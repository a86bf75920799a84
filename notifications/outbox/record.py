"""Recording the outcomes of attempts in bulk, each by the worker that holds its lease."""

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
from notifications.outbox.losses import DETAIL_LENGTH, DeliveryLoss
from notifications.retry import MAX_ATTEMPTS, backoff
from notifications.sql import bulk_cursor
from notifications.transports import Fault, SendOutcome
from notifications.transports.mail import login

log = logging.getLogger(__name__)

# Only the worker that holds the attempt records it. A delivery that was cancelled during the send,
# but accepted by the receiver, becomes `sent`.
RECORD_SQL = """
WITH outcome AS (
    SELECT * FROM unnest(%(ids)b::bigint[], %(attempts)b::int[], %(statuses)b::text[],
        %(nexts)b::timestamptz[], %(reasons)b::text[], %(kinds)b::text[], %(details)b::text[],
        %(latencies)b::interval[])
    AS o(id, attempt, status, next_attempt_at, reason, kind, detail, latency)
), tried AS (
    INSERT INTO notifications_attempt (delivery_id, number, outcome, detail, latency, ended_at)
    -- Erased meanwhile: the receiver's answer may contain the recipient.
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
    -- The rule that held the first attempt does not hold the next one.
    held = CASE WHEN o.next_attempt_at IS NULL THEN d.held END
FROM outcome o
WHERE d.id = ANY (ARRAY[o.id]) AND d.attempt = o.attempt
    AND (d.status = 'sending' OR d.status = 'cancelled' AND o.status = 'sent')
"""


class NextState(NamedTuple):
    """The state of a delivery after an outcome, and the attempt's record of it."""

    outcome: str
    detail: str
    status: str
    next_attempt_at: datetime | None = None
    reason: str = ""


def record_outcomes(
    outcomes: Sequence[SendOutcome],
    leased: Sequence[Leased],
    now: datetime,
    arrivals: Sequence[tuple[float, int]] = (),
) -> int:
    """Record the outcomes of deliveries that are still leased by this worker; return how many.

    `arrivals`: pairs of a time, in seconds of the epoch, and the number of outcomes by then.

    1. Decide each delivery's next state.
    2. In one transaction: lock the channels of dead deliveries, write attempts, deliveries and
       metrics, move retries out of quiet hours, count losses, disable channels that are gone.
    3. Hold the channels that hung, and clear the failures of channels that answered.
    4. Log the failures, and remember whether the mail server accepts FOAM's login.
    """
    states = [
        _next_state(outcome, delivery.max_attempts, delivery.is_at_most_once, now)
        for outcome, delivery in zip(outcomes, leased, strict=True)
    ]
    dead = [_loss(o) for o, s in zip(outcomes, states, strict=True) if s.status == "dead"]
    with transaction.atomic(), bulk_cursor(by_index=True) as cursor:
        if dead:
            losses.lock_channels({loss.channel_id for loss in dead})
        cursor.execute(
            RECORD_SQL,
            {
                "now": now,
                "ids": [o.message.delivery_id for o in outcomes],
                "attempts": [o.message.attempt for o in outcomes],
                "statuses": [s.status for s in states],
                "nexts": [s.next_attempt_at for s in states],
                "reasons": [s.reason for s in states],
                "kinds": [s.outcome for s in states],
                "details": [s.detail for s in states],
                "latencies": [o.latency for o in outcomes],
                **store.arrays(_metrics_of(outcomes, leased, states, arrivals)),
            },
        )
        count: int = cursor.rowcount
        _hold_retries_in_quiet_hours(outcomes, states)
        losses.count_losses(dead, now)
        _disable_gone(outcomes, now)
    _hold_hung_channels(outcomes, now)
    _clear_failures(outcomes, leased)
    _log_failures(outcomes, leased, states)
    _remember_login(outcomes, leased, now)
    return count


def _loss(outcome: SendOutcome) -> DeliveryLoss:
    message, error = outcome.message, outcome.error
    assert error is not None  # noqa: S101  for the type checker
    counts = error.fault is Fault.RECEIVER
    return DeliveryLoss(
        *(message.delivery_id, message.attempt, message.channel_id),
        *(counts, error.permanent and not error.address_gone, error.detail),
    )


def _metrics_of(
    outcomes: Sequence[SendOutcome],
    leased: Sequence[Leased],
    states: Sequence[NextState],
    arrivals: Iterable[tuple[float, int]],
) -> Sums[str]:
    """Return what these outcomes add to the metrics; usually all are accepted and of one kind."""
    sums = store.BATCH.of([len(outcomes)], of="deliver")
    kinds = [delivery.kind for delivery in leased]
    took = [outcome.latency.total_seconds() for outcome in outcomes]
    late: list[float | None] = []
    for at, upto in arrivals:
        arrived = leased[len(late) : upto]
        late += [None if d.since is None else at - d.since for d in arrived]
    has_failed = any(outcome.error for outcome in outcomes)
    if has_failed:
        # The lateness of a failure says nothing about when a message arrived.
        late = [None if o.error else seconds for o, seconds in zip(outcomes, late, strict=False)]
        for outcome, delivery in zip(outcomes, leased, strict=True):
            if outcome.error:
                fault = outcome.error.fault
                sums[store.FAILURES.series(kind=delivery.kind, fault=fault.value)] += 1
    for kind, count in Sums(kinds).items():
        if count == len(kinds):
            kind_states, seconds, lateness = states, took, late
        else:
            places = [place for place, its_kind in enumerate(kinds) if its_kind == kind]
            kind_states, seconds = [states[i] for i in places], [took[i] for i in places]
            lateness = [late[i] for i in places if i < len(late)]
        sums.update(store.ATTEMPT.of(seconds, kind=kind))
        sums.update(store.LATENESS.of([s for s in lateness if s is not None], kind=kind))
        pairs = Sums([(s.outcome, s.status) for s in kind_states])
        for (result, status), number in (pairs if has_failed else {SENT: count}).items():
            sums[store.ATTEMPTS.series(kind=kind, outcome=result)] += number
            if status != "queued":
                sums[store.ENDED.series(kind=kind, status=status)] += number
    return sums


def _remember_login(
    outcomes: Sequence[SendOutcome], leased: Sequence[Leased], now: datetime
) -> None:
    """Tell all processes whether the mail server accepts FOAM's name and password."""
    if any(outcome.error and outcome.error.login for outcome in outcomes):
        login.remember_refusal(now)
    elif login.is_refused():
        pairs = zip(outcomes, leased, strict=True)
        if any(o.error is None and delivery.kind == "email" for o, delivery in pairs):
            login.forget_refusal()


# The outcome and the status of an accepted message.
SENT = ("sent", "sent")

# Failures logged in full for each batch: thousands of lines for one dead receiver help no one.
FAILURES_LOGGED = 10


def _log_failures(
    outcomes: Sequence[SendOutcome], leased: Sequence[Leased], states: Sequence[NextState]
) -> None:
    """Log a line for each failed attempt, without its reason: that may be secret."""
    if not any(outcome.error for outcome in outcomes):
        return
    failed = [row for row in zip(outcomes, leased, states, strict=True) if row[0].error]
    for outcome, delivery, state in failed[:FAILURES_LOGGED]:
        log.warning(
            "attempt failed delivery=%d channel=%d kind=%s attempt=%d outcome=%s then=%s fault=%s "
            "seconds=%.3f",
            *(outcome.message.delivery_id, outcome.message.channel_id, delivery.kind),
            *(outcome.message.attempt, state.outcome, state.status),
            outcome.error.fault.value if outcome.error else "",
            outcome.latency.total_seconds(),
        )
    if len(failed) > FAILURES_LOGGED:
        log.warning("more attempts failed count=%d", len(failed) - FAILURES_LOGGED)


def _next_state(
    outcome: SendOutcome, max_attempts: int, is_at_most_once: bool, now: datetime
) -> NextState:
    error = outcome.error
    if error is None:
        return NextState("sent", _clip(outcome.answer), "sent")
    detail = _clip(error.detail)
    kind = "uncertain" if error.uncertain else "transient"
    if error.uncertain and is_at_most_once:
        policy = "this channel would rather lose a message than repeat it"
        return NextState(
            kind, detail, "dead", reason=f"It may have arrived, and {policy}: {detail}"
        )
    if error.permanent:
        return NextState("permanent", detail, "dead", reason=detail)
    attempt = outcome.message.attempt
    if attempt >= max_attempts:
        return NextState(kind, detail, "dead", reason=f"Gave up after {attempt} attempts: {detail}")
    # A retry by hand raises max_attempts, and so starts the backoff again.
    step = attempt - (max_attempts - MAX_ATTEMPTS)
    return NextState(kind, detail, "queued", now + backoff(step, error.retry_after))


def _clip(detail: str) -> str:
    return detail.replace("\x00", "")[:DETAIL_LENGTH]


HOLD_RETRY = """
UPDATE notifications_delivery d SET next_attempt_at = o.at, held = 'quiet'
FROM unnest(%(ids)b::bigint[], %(attempts)b::int[], %(ats)b::timestamptz[]) AS o(id, attempt, at)
WHERE d.id = ANY (ARRAY[o.id]) AND d.attempt = o.attempt AND d.status = 'queued'
    AND NOT d.urgent
"""


def _hold_retries_in_quiet_hours(
    outcomes: Iterable[SendOutcome], states: Iterable[NextState]
) -> None:
    """Move next attempts that would fall into quiet hours to the end of these."""
    retries = [
        (outcome.message, state.next_attempt_at)
        for outcome, state in zip(outcomes, states, strict=True)
        if state.next_attempt_at
    ]
    rules = rules_of({message.channel_id for message, _ in retries}) if retries else {}
    held = [
        (message.delivery_id, message.attempt, awake)
        for message, at in retries
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

# Deliveries queued for such a channel leave the head of the queue to those of other channels.
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


def _hold_hung_channels(outcomes: Iterable[SendOutcome], now: datetime) -> None:
    """Send nothing for a while to channels whose receivers did not answer in time."""
    ids = sorted({o.message.channel_id for o in outcomes if o.error and o.error.hung})
    if not ids:
        return
    with transaction.atomic(), bulk_cursor() as cursor:
        cursor.execute(HOLD_SQL, {"now": now, "ids": ids})
        cursor.execute(STEP_ASIDE_SQL, {"ids": ids})


def _clear_failures(outcomes: Sequence[SendOutcome], leased: Sequence[Leased]) -> None:
    """Clear the failures of channels that have answered."""
    failed = [o for o, d in zip(outcomes, leased, strict=True) if d.has_failed]
    if not failed:
        return
    answered = {o.message.channel_id for o in failed if not (o.error and o.error.hung)}
    Channel.objects.filter(pk__in=answered, holds__gt=0).update(holds=0, held_until=None)
    accepted = {o.message.channel_id for o in failed if o.error is None}
    Channel.objects.filter(Q(deaths__gt=0) | Q(lost_at__isnull=False), pk__in=accepted).update(
        deaths=0, failing_since=None, lost_at=None, rejection="", rejected_at=None
    )


def _disable_gone(outcomes: Iterable[SendOutcome], now: datetime) -> None:
    reasons = {
        o.message.channel_id: o.error.detail for o in outcomes if o.error and o.error.address_gone
    }
    if not reasons:
        return
    for channel in Channel.objects.filter(pk__in=reasons, disabled_at=None):
        channel.disable(reasons[channel.pk], now)
