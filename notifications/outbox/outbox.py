"""The outbox: `post` for other apps, and the round in which a worker leases, sends and records.

A delivery is a row until it has ended. Nothing is locked and no transaction is open while we talk
to the network.
"""

import logging
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

import orjson
from celery import current_app
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from kombu.exceptions import OperationalError as BrokerError

from notifications.metrics import store
from notifications.models import Delivery
from notifications.models.channel import NEEDS_NO_PROOF
from notifications.notices import SILENT
from notifications.outbox import digest, shutdown, unreachable
from notifications.outbox.hold_rules import Plan, plan
from notifications.outbox.lease import (
    BATCH,
    LEASE,
    LOOK_AT,
    Leased,
    channels_with_work,
    lease,
    lease_of_channels,
    release,
)
from notifications.outbox.record import record
from notifications.outbox.unreachable import Refused
from notifications.retry import MAX_ATTEMPTS
from notifications.sql import bulk_cursor
from notifications.transports import (
    TRANSPORTS,
    Fault,
    Message,
    Outcome,
    Transport,
    TransportError,
    transport,
)
from notifications.transports.base import Sender

log = logging.getLogger(__name__)

# A worker goes back to the queue after this, so that none is held for ever by a long backlog ...
BUDGET = LEASE * 5 / 12
# ... but while a receiver keeps it waiting it goes on for as long as this: others would wait too.
LONGEST = LEASE * 10
# When it ends it begins nothing more after this, of what it had taken.
SEND_WITHIN = LEASE / 2
# A crash repeats no more than what came in meanwhile.
RECORD_EVERY = timedelta(seconds=0.5)
# How long a round waits for its receivers, in seconds, before it looks again for what is due.
WAIT = 0.05
# How long it leaves it at that when it has found nothing for the channels that are not busy.
LOOK_AGAIN = timedelta(seconds=0.1)
# How often it looks for digests whose window has ended.
COLLECT_EVERY = timedelta(seconds=1)


class Post(NamedTuple):
    """What another app wants said: one message to one channel, once per `reference`.

    What is `urgent` is held by nothing: no quiet hours, no digest, no flood guard.
    """

    channel_id: int
    reference: str
    title: str
    body: str
    due_at: datetime
    data: Mapping[str, Any] = {}
    urgent: bool = False


# The last three arrays are empty where nothing is to be said by them. What is to be collected does
# not wait for a channel that hung as well: its digest does.
POST = """
WITH posted AS (
INSERT INTO notifications_delivery (channel_id, reference, title, body, due_at, data, status,
    attempt, max_attempts, next_attempt_at, reason, created_at, finished_at, urgent, held)
SELECT c.id, p.reference, p.title, p.body, p.due_at, p.data::jsonb,
    CASE WHEN usable THEN 'queued' ELSE 'cancelled' END, 0, %(max_attempts)s,
    CASE WHEN NOT usable THEN NULL WHEN p.held IN ('digest', 'flood') THEN p.at
         ELSE greatest(%(now)s, p.at, c.held_until) END,
    CASE WHEN usable THEN ''
         WHEN c.deleted_at IS NOT NULL THEN 'Channel deleted.'
         WHEN c.disabled_at IS NOT NULL THEN 'Channel disabled: ' || c.disabled_reason
         ELSE 'Channel not verified.' END,
    %(now)s, CASE WHEN NOT usable THEN %(now)s END, coalesce(p.urgent, FALSE), p.held
FROM unnest(%(channels)b::bigint[], %(references)b::text[], %(titles)b::text[], %(bodies)b::text[],
    %(dues)b::timestamptz[], %(datas)b::text[], %(urgents)b::boolean[], %(ats)b::timestamptz[],
    %(helds)b::text[]) AS p(channel_id, reference, title, body, due_at, data, urgent, at, held)
JOIN notifications_channel c ON c.id = p.channel_id
CROSS JOIN LATERAL (
    SELECT c.deleted_at IS NULL AND c.disabled_at IS NULL
        AND (c.verified_at IS NOT NULL OR c.kind = ANY (%(no_proof)b) OR %(to_unverified)s)
        AS usable
) u
ON CONFLICT (channel_id, reference) DO NOTHING
RETURNING channel_id, reference, status
)
SELECT count(*), array_agg(channel_id) FILTER (WHERE status = 'cancelled'),
    array_agg(reference) FILTER (WHERE status = 'cancelled')
FROM posted
"""


def post(
    posts: Sequence[Post],
    now: datetime,
    *,
    max_attempts: int = MAX_ATTEMPTS,
    to_unverified: bool = False,
) -> int:
    """Queue messages for sending, within the caller's transaction; return how many are new.

    A message whose (channel, reference) is there already is left as it is. One for a channel that
    is disabled, or not verified, is recorded as cancelled, so that it does not disappear; only what
    asks its receiver for an answer goes `to_unverified` ones. Workers are woken at commit.
    """
    if not posts:
        return 0
    return _insert(posts, plan(posts, now), now, max_attempts, to_unverified)


def _insert(
    posts: Sequence[Post],
    planned: Plan,
    now: datetime,
    max_attempts: int = MAX_ATTEMPTS,
    to_unverified: bool = False,
) -> int:
    with bulk_cursor() as cursor:
        cursor.execute(
            POST,
            {
                "now": now,
                "max_attempts": max_attempts,
                "to_unverified": to_unverified,
                "no_proof": list(NEEDS_NO_PROOF),
                "channels": [p.channel_id for p in posts],
                "references": [p.reference for p in posts],
                "titles": [p.title for p in posts],
                "bodies": [p.body for p in posts],
                "dues": [p.due_at for p in posts],
                "datas": [orjson.dumps(p.data).decode() for p in posts],
                "urgents": [p.urgent for p in posts] if any(p.urgent for p in posts) else [],
                "ats": planned.ats,
                "helds": planned.helds,
            },
        )
        count, channels, references = cursor.fetchone() or (0, [], [])
    if channels and references and not to_unverified:
        unreachable.tell(_unreached(posts, set(zip(channels, references, strict=True))), now)
    transaction.on_commit(wake, robust=True)
    return int(count)


def _unreached(posts: Sequence[Post], cancelled: set[tuple[int, str]]) -> list[Refused]:
    """Return the cancelled messages of those references that no other channel gets either."""
    sent = {p.reference for p in posts if (p.channel_id, p.reference) not in cancelled}
    return [
        Refused(p.channel_id, p.reference, p.title)
        for p in posts
        if p.reference not in sent and not p.reference.startswith(SILENT)
    ]


def collect(now: datetime) -> int:
    """Post a digest for each window that has ended; return how many messages these collected.

    In one transaction: whoever dies in it leaves everything as it was, to whoever comes next.
    """
    if not digest.has_ended_windows(now):
        return 0
    with transaction.atomic():
        gathered = digest.gather(now)
        posts = [Post(**each.message()) for each in gathered]
        if posts and _insert(posts, Plan([], []), now) != len(posts):
            raise IntegrityError("A digest is there already whose messages have just been taken.")
        return digest.mark(gathered, now)


def _collect_or_log(now: datetime) -> None:
    """Collect; where that fails, nobody else's messages wait for it, and it is tried again."""
    try:
        collect(now)
    except OperationalError:
        raise
    except Exception:
        store.error("digest")
        log.exception("digests could not be collected")


def has_due(now: datetime) -> bool:
    return Delivery.objects.due(now).exists()


def count_due(now: datetime, limit: int) -> int:
    """Return how many deliveries wait for a worker, up to `limit`."""
    due = Delivery.objects.due(now).exclude(held__in=Delivery.TO_COLLECT)
    return due.order_by("next_attempt_at")[:limit].count()


def due_since(now: datetime) -> datetime | None:
    """Return since when what is due and not being sent has waited, at the longest."""
    due = Delivery.objects.due(now).order_by("next_attempt_at")
    return due.values_list("next_attempt_at", flat=True).first()


@transaction.atomic
def retry(ids: Sequence[int], now: datetime) -> dict[int, str]:
    """Try deliveries at once, dead and waiting ones; return by id why some are left as they are.

    A dead one gets a whole new ladder, a waiting one its next attempt before its time. The rows are
    locked: what a worker has leased meanwhile is left to it. Workers are woken at commit.
    """
    rows = Delivery.objects.filter(pk__in=ids).order_by("pk").select_related("channel__owner")
    rows = rows.defer("channel__secret", "channel__previous_secret")
    locked = rows.select_for_update(of=("self",))
    reasons = {each.pk: each.why_not_retried(now) for each in locked}
    ready = Delivery.objects.filter(pk__in=[pk for pk, reason in reasons.items() if not reason])
    ready.revive(now)
    ready.filter(next_attempt_at__gt=now).update(next_attempt_at=now)
    transaction.on_commit(wake, robust=True)
    return {pk: reason for pk, reason in reasons.items() if reason}


def wake() -> None:
    """Tell workers that there is work. Lost or doubled it does no harm: the tick does it too."""
    try:
        current_app.send_task("notifications.tasks.deliver", expires=60)
    except BrokerError as error:
        store.error("wake")
        log.warning("could not wake the deliverers: %s", error)


def deliver_due(now: datetime) -> int:
    """Lease, send and record until nothing is due or it is time to end; return how many ended.

    `now` is the round's clock; time that passes while sending is added to it.
    """
    with Round(now) as going:
        while going.takes_more():
            going.step()
        is_cut_short = going.is_to_end()
        going.finish()
    if is_cut_short:
        wake()
    store.settle()
    return going.recorded


def deliver(
    leased: Sequence[Leased],
    now: datetime,
    transports: Callable[[str], Transport] | None = None,
) -> int:
    """Send what was leased at `now` and record each outcome; return how many were recorded."""
    with Round(now, transports) as going:
        going.add(leased)
        going.finish()
    return going.recorded


class Round:
    """One worker's round: leases as long as there is room, and records what comes in meanwhile.

    Each kind of channel has a sender of its own and all of them send at once, so that nobody waits
    for another's receiver. What the database does not take, as when it restarts, is kept and tried
    again until the lease has run out: to drop it would be to send it again.
    """

    def __init__(self, now: datetime, transports: Callable[[str], Transport] | None = None) -> None:
        self.recorded = 0
        self._transport = transports or transport
        self._now = now
        self._began = time.monotonic()
        self._senders: dict[str, Sender] = {}
        self._leased: dict[int, Leased] = {}
        self._outcomes: list[Outcome] = []
        # When, in seconds of the epoch, so many of them had come in.
        self._came_in: list[tuple[float, int]] = []
        self._left: list[Message] = []
        self._failure: Exception | None = None
        self._leased_until = now + LEASE
        self._recorded_at = self._began
        self._has_drained = False
        self._after = -1
        self._looks_at = now
        self._collects_at = now
        # Not all workers at once.
        self._longest = LONGEST * random.uniform(0.5, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sender in self._senders.values():
            sender.close()

    def clock(self) -> datetime:
        return self._now + timedelta(seconds=time.monotonic() - self._began)

    def is_to_end(self) -> bool:
        """Tell whether time is up; not while a receiver hangs, for whom the rest would wait."""
        took = self.clock() - self._now
        if shutdown.requested.is_set() or took >= self._longest:
            return True
        return took >= BUDGET and not any(each.is_held_up() for each in self._senders.values())

    def takes_more(self) -> bool:
        is_done = self._has_drained and self._is_idle()
        return not (is_done or self.is_to_end() or self._failure)

    def step(self) -> None:
        """Lease what there is room for, and move what is under way."""
        leased = self._lease()
        self.add(leased)
        self._poll(0 if leased else WAIT)
        self._give_back(everything=False)

    def _lease(self) -> list[Leased]:
        leased: list[Leased] = []
        now = self.clock()
        with self._database():
            if now >= self._collects_at:
                self._collects_at = now + COLLECT_EVERY
                _collect_or_log(now)
            leased = self._take(now)
            self._leased_until = now + LEASE
        return leased

    def _take(self, now: datetime) -> list[Leased]:
        kinds = [kind for kind in TRANSPORTS if self._has_room(kind)]
        busy = [channel for sender in self._senders.values() for channel in sender.busy()]
        self._has_drained = False
        if not busy and len(kinds) == len(TRANSPORTS):
            leased = lease(now, BATCH)
            self._has_drained = not leased
            return leased
        if not kinds or now < self._looks_at:
            return []
        # Round and round, so that every channel has its turn.
        channels = channels_with_work(self._after)
        self._after = channels[-1] if len(channels) == LOOK_AT else -1
        leased = lease_of_channels(now, list(set(channels).difference(busy)), kinds)
        if not leased and self._after == -1:
            self._looks_at = now + LOOK_AGAIN
        return leased

    def add(self, leased: Sequence[Leased]) -> None:
        by_kind: dict[str, list[Message]] = defaultdict(list)
        for each in leased:
            self._leased[each.message.delivery_id] = each
            by_kind[each.kind].append(each.message)
        for kind, messages in by_kind.items():
            self._add(kind, messages)

    def finish(self) -> None:
        """Begin nothing more than what was taken; wait for what is under way, and record it."""
        while not self._is_idle() or self._outcomes or self._left:
            if self._failure and self.clock() >= self._leased_until:
                store.error("record")
                log.error("outcomes not recorded: uncertain outcomes=%d", len(self._outcomes))
                raise self._failure
            if shutdown.requested.is_set() or self.clock() - self._now >= SEND_WITHIN:
                self._give_back(everything=True)
            self._poll(WAIT)
            self._give_back(everything=False)

    @contextmanager
    def _database(self) -> Iterator[None]:
        """Note whether the database does what it is asked in here, and go on if it does not."""
        try:
            yield
            self._failure = None
        except (OperationalError, InterfaceError) as failure:
            if self._failure is None:
                store.error("database")
                log.error("deliver: the database fails: %s", failure)
            self._failure = failure
            connection.close_if_unusable_or_obsolete()

    def _has_room(self, kind: str) -> bool:
        """Not for a few: a lease costs the same for one row as for many."""
        return kind not in self._senders or self._senders[kind].room() >= BATCH // 2

    def _is_idle(self) -> bool:
        return not any(len(sender) for sender in self._senders.values())

    def _add(self, kind: str, messages: Sequence[Message]) -> None:
        one = self._transport(kind)
        if why := one.unavailable() or one.paused(self.clock()):
            error = TransportError(why, fault=Fault.FOAM)
            self._outcomes += [Outcome(m, timedelta(0), error=error) for m in messages]
            return
        if kind not in self._senders:
            self._senders[kind] = self._transport(kind).sender()
        self._senders[kind].add(messages)

    def _poll(self, wait: float) -> None:
        """Wait with the first that has anything under way; the others are asked in passing."""
        for sender in self._senders.values():
            if len(sender):
                self._take_in(sender.poll(wait))
                wait = 0
        if self._failure and self._is_idle():
            time.sleep(WAIT)
        is_time = time.monotonic() - self._recorded_at >= RECORD_EVERY.total_seconds()
        is_full = len(self._outcomes) >= BATCH or self._is_idle()
        if is_time or (is_full and not self._failure):
            self._settle()

    def _take_in(self, outcomes: Sequence[Outcome]) -> None:
        """Note when these came in: that is how late they were, and not when they are recorded."""
        if outcomes:
            self._outcomes += outcomes
            self._came_in.append((self.clock().timestamp(), len(self._outcomes)))

    def _give_back(self, *, everything: bool) -> None:
        for sender in self._senders.values():
            self._left += sender.put_back(everything)
        if self._left and not self._failure:
            self._settle()

    def _settle(self) -> None:
        """Record what has come in and release what was left out."""
        self._recorded_at = time.monotonic()
        with self._database():
            if self._outcomes:
                self._record()
            if self._left:
                release(self._left)
                self._forget(self._left)
                self._left = []

    def _record(self) -> None:
        outcomes = self._outcomes
        leased = [self._leased[outcome.message.delivery_id] for outcome in outcomes]
        count = record(outcomes, leased, self.clock(), self._came_in)
        self._forget(outcome.message for outcome in outcomes)
        self._outcomes = []
        self._came_in = []
        self.recorded += count
        failed = sum(outcome.error is not None for outcome in outcomes)
        log.info(
            "delivered recorded=%d sent=%d failed=%d seconds=%.3f",
            count,
            len(outcomes) - failed,
            failed,
            time.monotonic() - self._began,
        )

    def _forget(self, messages: Iterable[Message]) -> None:
        for message in messages:
            del self._leased[message.delivery_id]
