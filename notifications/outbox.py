"""The outbox: `post` for other apps; lease, send and record for the worker.

A delivery is a row until it has ended. Taking one sets its `leased_until`: a worker that dies lets
that pass and another takes over. Nothing is locked and no
transaction is open while we talk to the network.
"""

import json
import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from notifications.bulk import bulk_cursor
from notifications.models import Channel, Delivery, message_id
from notifications.retry import MAX_ATTEMPTS, backoff
from notifications.transports import TRANSPORTS, Message, Outcome, TransportError, transport
from notifications.transports.base import Sender

log = logging.getLogger(__name__)

BATCH = 500
# Longer than a round with its slowest message can take, which is given up within 20 s.
LEASE = timedelta(seconds=settings.FOAM_LEASE_SECONDS)
# A worker goes back to the queue after this, so that none is held for ever by a long backlog.
BUDGET = LEASE * 5 / 12
# A round begins no message after this.
SEND_WITHIN = LEASE / 2
# A crash repeats no more than what came in meanwhile.
RECORD_EVERY = timedelta(seconds=0.5)
# How long a round waits for its receivers, in seconds, before it looks again for what is due.
WAIT = 0.05
# How long it leaves it at that when it has found nothing for the channels that are not busy.
LOOK_AGAIN = timedelta(seconds=0.1)
# The detail of an attempt is for people to read.
DETAIL_LENGTH = 500


class Post(NamedTuple):
    """What another app wants said: one message to one channel, once per `reference`."""

    channel_id: int
    reference: str
    title: str
    body: str
    due_at: datetime
    data: Mapping[str, Any] = {}


POST = """
INSERT INTO notifications_delivery (channel_id, reference, title, body, due_at, data, status,
    attempt, max_attempts, next_attempt_at, reason, created_at, finished_at)
SELECT c.id, p.reference, p.title, p.body, p.due_at, p.data::jsonb,
    CASE WHEN usable THEN 'queued' ELSE 'cancelled' END, 0, %(max_attempts)s,
    CASE WHEN usable THEN greatest(%(now)s, c.held_until) END,
    CASE WHEN c.deleted_at IS NOT NULL THEN 'Channel deleted.'
         WHEN c.disabled_at IS NOT NULL THEN 'Channel disabled: ' || c.disabled_reason
         ELSE '' END,
    %(now)s, CASE WHEN NOT usable THEN %(now)s END
FROM unnest(%(channels)b::bigint[], %(references)b::text[], %(titles)b::text[], %(bodies)b::text[],
    %(dues)b::timestamptz[], %(datas)b::text[])
    AS p(channel_id, reference, title, body, due_at, data)
JOIN notifications_channel c ON c.id = p.channel_id
CROSS JOIN LATERAL (SELECT c.deleted_at IS NULL AND c.disabled_at IS NULL AS usable) u
ON CONFLICT (channel_id, reference) DO NOTHING
"""


def post(posts: Sequence[Post], now: datetime) -> int:
    """Queue messages for sending, within the caller's transaction; return how many are new.

    A message whose (channel, reference) is there already is left as it is. One for a disabled
    channel is recorded as cancelled, so that it does not disappear. Workers are woken at commit.
    """
    if not posts:
        return 0
    with bulk_cursor() as cursor:
        cursor.execute(
            POST,
            {
                "now": now,
                "max_attempts": MAX_ATTEMPTS,
                "channels": [p.channel_id for p in posts],
                "references": [p.reference for p in posts],
                "titles": [p.title for p in posts],
                "bodies": [p.body for p in posts],
                "dues": [p.due_at for p in posts],
                "datas": [json.dumps(p.data) for p in posts],
            },
        )
        count = cursor.rowcount
    transaction.on_commit(wake, robust=True)
    return count


def has_due(now: datetime) -> bool:
    return Delivery.objects.due(now).exists()


def due_since(now: datetime) -> datetime | None:
    """Return since when what is due and not being sent has waited, at the longest."""
    due = Delivery.objects.due(now).order_by("next_attempt_at")
    return due.values_list("next_attempt_at", flat=True).first()


def wake() -> None:
    """Tell workers that there is work. Lost or doubled it does no harm: the tick does it too."""
    try:
        current_app.send_task("notifications.tasks.deliver", expires=60)
    except OperationalError as error:
        log.warning("could not wake the deliverers: %s", error)


# Whose turn it is, by age. What nobody else is taking is locked, and read by LEASE_SQL.
OLDEST = """
due AS MATERIALIZED (
    SELECT id, channel_id, status, attempt, {is_over} AS is_over FROM notifications_delivery d
    WHERE next_attempt_at <= %(now)s AND (leased_until IS NULL OR leased_until <= %(now)s)
    ORDER BY next_attempt_at LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
"""

# Channels with anything unfinished, by id from `after` on: one index probe each.
HEADS = """
WITH RECURSIVE head AS (
    SELECT 1 AS number, (
        SELECT min(channel_id) FROM notifications_delivery
        WHERE channel_id > %(after)s AND next_attempt_at IS NOT NULL
    ) AS channel_id
    UNION ALL
    SELECT number + 1, (
        SELECT min(channel_id) FROM notifications_delivery
        WHERE channel_id > head.channel_id AND next_attempt_at IS NOT NULL
    )
    FROM head WHERE channel_id IS NOT NULL AND number < %(limit)s
)
SELECT channel_id FROM head WHERE channel_id IS NOT NULL
"""

# Whose turn it is among these channels, a few of each.
OF_CHANNELS = """
due AS MATERIALIZED (
    SELECT d.* FROM notifications_channel c
    CROSS JOIN LATERAL (
        SELECT id, channel_id, status, attempt, {is_over} AS is_over FROM notifications_delivery d
        WHERE channel_id = c.id AND next_attempt_at <= %(now)s
            AND (leased_until IS NULL OR leased_until <= %(now)s)
        ORDER BY next_attempt_at LIMIT %(each)s
        FOR UPDATE SKIP LOCKED
    ) d
    WHERE c.id = ANY (%(channels)s) AND c.kind = ANY (%(kinds)s)
    LIMIT %(limit)s
)
"""

# A row found `sending` was leased by a worker that never came back. With no attempts left it ends
# here, before it is sent again: a message that kills its worker never reaches a check made after.
IS_OVER = """
(attempt >= max_attempts OR status = 'sending' AND (
    SELECT at_most_once FROM notifications_channel WHERE id = d.channel_id
))
"""

# The lease. An attempt whose worker never came back is uncertain.
LEASE_SQL = """
WITH RECURSIVE {due}, lost AS (
    INSERT INTO notifications_attempt (delivery_id, number, outcome, detail, ended_at)
    SELECT id, attempt, 'uncertain', 'The worker ended before it could record an outcome.', %(now)s
    FROM due WHERE status = 'sending'
    ON CONFLICT (delivery_id, number) DO NOTHING
), ended AS (
    UPDATE notifications_delivery d SET status = 'dead', next_attempt_at = NULL,
        leased_until = NULL, finished_at = %(now)s,
        reason = CASE WHEN d.attempt >= d.max_attempts
            THEN 'Gave up after ' || d.attempt || ' attempts; the last one has no known outcome.'
            ELSE 'It may have arrived: the worker ended during attempt ' || d.attempt
                || ', and this channel would rather lose a message than repeat it.' END
    FROM due WHERE d.id = due.id AND is_over
)
UPDATE notifications_delivery d SET status = 'sending', attempt = d.attempt + 1,
    leased_until = %(until)s
FROM due JOIN notifications_channel c ON c.id = due.channel_id
WHERE d.id = due.id AND NOT is_over
RETURNING d.id, d.attempt, d.max_attempts, d.created_at, d.title, d.body, d.due_at, d.data,
    c.holds > 0, c.at_most_once, c.id, c.kind, c.address, c.secret
"""
LEASE_OLDEST, LEASE_OF_CHANNELS = (
    LEASE_SQL.format(due=due.format(is_over=IS_OVER)) for due in (OLDEST, OF_CHANNELS)
)
# How many channels are looked at when some are left out, and what is taken of each at a time.
LOOK_AT = 500
TAKE = 20


@dataclass(frozen=True, slots=True)
class Leased:
    """A delivery that is ours until the lease runs out."""

    message: Message
    kind: str
    max_attempts: int
    is_held: bool = False
    is_at_most_once: bool = False


def lease(now: datetime, limit: int = BATCH) -> list[Leased]:
    """Take up to `limit` due deliveries for LEASE, oldest first; other workers pass them by."""
    return _lease(LEASE_OLDEST, {"now": now, "until": now + LEASE, "limit": limit})


def lease_of_channels(
    now: datetime, channels: Sequence[int], kinds: Sequence[str], limit: int = BATCH
) -> list[Leased]:
    """As `lease`, a few of each of these channels that are of these `kinds`.

    However much is due for others, it is not looked at.
    """
    values = {"now": now, "until": now + LEASE, "limit": limit, "each": TAKE}
    return _lease(LEASE_OF_CHANNELS, {**values, "channels": list(channels), "kinds": list(kinds)})


def channels_with_work(after: int, limit: int = LOOK_AT) -> list[int]:
    """Return up to `limit` channels with unfinished deliveries, by id, those after `after`."""
    with bulk_cursor() as cursor:
        cursor.execute(HEADS, {"after": after, "limit": limit})
        return [channel for (channel,) in cursor.fetchall()]


def _lease(sql: str, values: dict[str, Any]) -> list[Leased]:
    with transaction.atomic(), bulk_cursor() as cursor:
        cursor.execute(sql, values, binary=True)
        rows = cursor.fetchall()
    return [_leased(row) for row in rows]


def _leased(row: tuple[Any, ...]) -> Leased:
    id_, attempt, max_attempts, created_at, title, body, due_at, data, *channel = row
    is_held, is_at_most_once, channel_id, kind, address, secret = channel
    message = Message(
        delivery_id=id_,
        attempt=attempt,
        id=message_id(id_, created_at),
        channel_id=channel_id,
        address=address,
        sealed_secret=secret,
        title=title,
        body=body,
        due_at=due_at,
        data=data,
    )
    return Leased(message, kind, max_attempts, is_held, is_at_most_once)


def deliver_due(now: datetime) -> int:
    """Lease, send and record until nothing is due or the budget is used; return how many ended.

    `now` is the round's clock; time that passes while sending is added to it.
    """
    with Round(now) as going:
        while going.takes_more():
            going.step()
        is_cut_short = going.is_late()
        going.finish()
    if is_cut_short:
        wake()
    return going.recorded


def deliver(leased: Sequence[Leased], now: datetime) -> int:
    """Send what was leased at `now` and record each outcome; return how many were recorded."""
    with Round(now) as going:
        going.add(leased)
        going.finish()
    return going.recorded


class Round:
    """One worker's round: leases as long as there is room, and records what comes in meanwhile.

    Each kind of channel has a sender of its own and all of them send at once, so that nobody waits
    for another's receiver.
    """

    def __init__(self, now: datetime) -> None:
        self.recorded = 0
        self._now = now
        self._began = time.monotonic()
        self._senders: dict[str, Sender] = {}
        self._leased: dict[int, Leased] = {}
        self._outcomes: list[Outcome] = []
        self._recorded_at = self._began
        self._has_drained = False
        self._after = -1
        self._looks_at = now

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sender in self._senders.values():
            sender.close()

    def clock(self) -> datetime:
        return self._now + timedelta(seconds=time.monotonic() - self._began)

    def is_late(self) -> bool:
        return self.clock() - self._now >= BUDGET

    def takes_more(self) -> bool:
        return not self.is_late() and not (self._has_drained and self._is_idle())

    def step(self) -> None:
        """Lease what there is room for, and move what is under way."""
        leased = self._lease()
        self.add(leased)
        self._poll(0 if leased else WAIT)
        self._give_back(everything=False)

    def _lease(self) -> list[Leased]:
        kinds = [kind for kind in TRANSPORTS if self._has_room(kind)]
        busy = [channel for sender in self._senders.values() for channel in sender.busy()]
        self._has_drained = False
        if not busy and len(kinds) == len(TRANSPORTS):
            leased = lease(self.clock(), BATCH)
            self._has_drained = not leased
            return leased
        if not kinds or self.clock() < self._looks_at:
            return []
        # Round and round, so that every channel has its turn.
        channels = channels_with_work(self._after)
        self._after = channels[-1] if len(channels) == LOOK_AT else -1
        leased = lease_of_channels(self.clock(), list(set(channels).difference(busy)), kinds)
        if not leased and self._after == -1:
            self._looks_at = self.clock() + LOOK_AGAIN
        return leased

    def add(self, leased: Sequence[Leased]) -> None:
        by_kind: dict[str, list[Message]] = defaultdict(list)
        for each in leased:
            self._leased[each.message.delivery_id] = each
            by_kind[each.kind].append(each.message)
        for kind, messages in by_kind.items():
            self._add(kind, messages)

    def finish(self) -> None:
        """Begin nothing more than what was taken; wait for what is under way."""
        while not self._is_idle():
            if self.clock() - self._now >= SEND_WITHIN:
                self._give_back(everything=True)
            self._poll(WAIT)
            self._give_back(everything=False)
        self._record()

    def _has_room(self, kind: str) -> bool:
        """Not for a few: a lease costs the same for one row as for many."""
        return kind not in self._senders or self._senders[kind].room() >= BATCH // 2

    def _is_idle(self) -> bool:
        return not any(len(sender) for sender in self._senders.values())

    def _add(self, kind: str, messages: Sequence[Message]) -> None:
        if why := transport(kind).unavailable():
            error = TransportError(why)
            self._outcomes += [Outcome(m, timedelta(0), error=error) for m in messages]
            return
        if kind not in self._senders:
            self._senders[kind] = transport(kind).sender()
        self._senders[kind].add(messages)

    def _poll(self, wait: float) -> None:
        """Wait with the first that has anything under way; the others are asked in passing."""
        for sender in self._senders.values():
            if len(sender):
                self._outcomes += sender.poll(wait)
                wait = 0
        is_time = time.monotonic() - self._recorded_at >= RECORD_EVERY.total_seconds()
        if is_time or len(self._outcomes) >= BATCH // 2 or self._is_idle():
            self._record()

    def _record(self) -> None:
        outcomes, self._outcomes = self._outcomes, []
        self._recorded_at = time.monotonic()
        if not outcomes:
            return
        leased = [self._leased.pop(outcome.message.delivery_id) for outcome in outcomes]
        count = record(outcomes, leased, self.clock())
        self.recorded += count
        failed = sum(outcome.error is not None for outcome in outcomes)
        log.info(
            "delivered recorded=%d sent=%d failed=%d seconds=%.3f",
            count,
            len(outcomes) - failed,
            failed,
            time.monotonic() - self._began,
        )

    def _give_back(self, *, everything: bool) -> None:
        messages = [
            message for sender in self._senders.values() for message in sender.put_back(everything)
        ]
        for message in messages:
            del self._leased[message.delivery_id]
        release(messages)


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
    SELECT o.id, o.attempt, o.kind, o.detail, o.latency, %(now)s
    FROM outcome o JOIN notifications_delivery d ON d.id = o.id
    ON CONFLICT (delivery_id, number) DO UPDATE SET outcome = EXCLUDED.outcome,
        detail = EXCLUDED.detail, latency = EXCLUDED.latency, ended_at = EXCLUDED.ended_at
        WHERE notifications_attempt.outcome = 'uncertain'
)
UPDATE notifications_delivery d SET status = o.status, next_attempt_at = o.next_attempt_at,
    leased_until = NULL, reason = o.reason,
    finished_at = CASE WHEN o.next_attempt_at IS NULL THEN %(now)s END
FROM outcome o
WHERE d.id = o.id AND d.attempt = o.attempt
    AND (d.status = 'sending' OR (d.status = 'cancelled' AND o.status = 'sent'))
"""

# It goes back as it was: it has used no attempt.
RELEASE_SQL = """
UPDATE notifications_delivery d SET status = 'queued', attempt = d.attempt - 1,
    leased_until = NULL, next_attempt_at = greatest(d.next_attempt_at, c.held_until)
FROM unnest(%(ids)b::bigint[], %(attempts)b::int[]) AS o(id, attempt), notifications_channel c
WHERE c.id = d.channel_id AND d.id = o.id AND d.attempt = o.attempt AND d.status = 'sending'
"""


def record(outcomes: Sequence[Outcome], leased: Sequence[Leased], now: datetime) -> int:
    """Write each outcome of what was leased, where the lease is still ours; return how many."""
    verdicts = [
        _verdict(outcome, each.max_attempts, each.is_at_most_once, now)
        for outcome, each in zip(outcomes, leased, strict=True)
    ]
    with transaction.atomic(), bulk_cursor() as cursor:
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
            },
        )
        count: int = cursor.rowcount
        _disable_gone(outcomes, now)
    _hold(outcomes, now)
    _let_go(outcomes, leased)
    return count


def release(messages: Sequence[Message]) -> None:
    """Put back what was leased but never begun."""
    if not messages:
        return
    ids, attempts = [m.delivery_id for m in messages], [m.attempt for m in messages]
    with bulk_cursor() as cursor:
        cursor.execute(RELEASE_SQL, {"ids": ids, "attempts": attempts})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an outcome makes of its delivery."""

    outcome: str
    detail: str
    status: str
    next_attempt_at: datetime | None = None
    reason: str = ""


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
    """A held channel that has answered is as good as any other."""
    ids = {
        outcome.message.channel_id
        for outcome, each in zip(outcomes, leased, strict=True)
        if each.is_held and not (outcome.error and outcome.error.hung)
    }
    if ids:
        Channel.objects.filter(pk__in=ids).update(holds=0, held_until=None)


def _disable_gone(outcomes: Iterable[Outcome], now: datetime) -> None:
    gone = {o.message.channel_id: o.error.detail for o in outcomes if o.error and o.error.gone}
    for channel in Channel.objects.filter(pk__in=gone, disabled_at=None):
        channel.disable(gone[channel.pk], now)
