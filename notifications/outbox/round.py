"""The round: a worker leases due deliveries, sends them and records the outcomes.

No row is locked and no transaction is open while a round talks to the network.
"""

import logging
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Self

from django.db import InterfaceError, OperationalError, connection

from notifications.metrics import store
from notifications.outbox import shutdown
from notifications.outbox.lease import (
    CHANNELS_AT_ONCE,
    LEASE,
    LEASE_BATCH_SIZE,
    Leased,
    channels_with_work,
    lease_of_channels,
    lease_oldest,
    release,
)
from notifications.outbox.post import collect_digests
from notifications.outbox.queue import wake_workers
from notifications.outbox.record import record_outcomes
from notifications.transports import (
    TRANSPORTS,
    Fault,
    Message,
    SendOutcome,
    Transport,
    TransportError,
    transport,
)
from notifications.transports.base import Sender

log = logging.getLogger(__name__)

# A worker returns to Celery's queue after this, so that a long backlog does not occupy it for
# ever ...
ROUND_BUDGET = LEASE * 5 / 12
# ... but while a receiver hangs it goes on for as long as this: other deliveries would wait too.
LONGEST_ROUND = LEASE * 10
# A round that is to end starts no leased message after this.
SEND_WITHIN = LEASE / 2
# After a crash, only messages sent within this time are repeated.
RECORD_EVERY = timedelta(seconds=0.5)
# A round polls its receivers for this long before it leases again.
POLL_SECONDS = 0.05
# A round waits for this long after it has found no work for the channels that are not busy.
LEASE_AGAIN_AFTER = timedelta(seconds=0.1)
# A round looks for digests whose window has ended this often.
COLLECT_EVERY = timedelta(seconds=1)


def _collect_or_log(now: datetime) -> None:
    """Post the digests; log an error of the digest itself, so that other messages still go out."""
    try:
        collect_digests(now)
    except OperationalError:
        raise
    except Exception:
        store.error("digest")
        log.exception("digests could not be collected")


def deliver_due(now: datetime) -> int:
    """Lease, send and record until nothing is due or the round is to end; return how many ended.

    `now` is the round's clock; time that passes while sending is added to it.
    """
    with Round(now) as delivery_round:
        while delivery_round.takes_more():
            delivery_round.step()
        is_cut_short = delivery_round.is_to_end()
        delivery_round.finish()
    if is_cut_short:
        wake_workers()
    store.flush()
    return delivery_round.recorded


def deliver(
    leased: Sequence[Leased],
    now: datetime,
    transports: Callable[[str], Transport] | None = None,
) -> int:
    """Send deliveries leased at `now`, record each outcome and return how many were recorded."""
    with Round(now, transports) as delivery_round:
        delivery_round.add(leased)
        delivery_round.finish()
    return delivery_round.recorded


class Round:
    """One worker's round: it leases while there is room, and records outcomes as they come in.

    Each kind of channel has its own sender and all of them send at once, so that a slow receiver
    delays no other. Outcomes that the database does not take, as when it restarts, stay in memory
    and are written again until the lease has run out: to drop one would repeat its message.
    """

    def __init__(self, now: datetime, transports: Callable[[str], Transport] | None = None) -> None:
        self.recorded = 0
        self._transport = transports or transport
        self._now = now
        self._began = time.monotonic()
        self._senders: dict[str, Sender] = {}
        self._leased: dict[int, Leased] = {}
        self._outcomes: list[SendOutcome] = []
        # Pairs of an arrival, in seconds of the epoch, and the number of outcomes after it.
        self._arrivals: list[tuple[float, int]] = []
        self._unsent: list[Message] = []
        self._failure: Exception | None = None
        self._leased_until = now + LEASE
        self._recorded_at = self._began
        self._has_drained = False
        self._after = -1
        self._leases_at = now
        self._collects_at = now
        # Random, so that not all workers end their rounds at once.
        self._longest = LONGEST_ROUND * random.uniform(0.5, 1)  # noqa: S311  jitter is no secret

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sender in self._senders.values():
            sender.close()

    def clock(self) -> datetime:
        return self._now + timedelta(seconds=time.monotonic() - self._began)

    def is_to_end(self) -> bool:
        """Tell whether the time is up; a receiver that hangs extends it to `LONGEST_ROUND`."""
        took = self.clock() - self._now
        if shutdown.requested.is_set() or took >= self._longest:
            return True
        return took >= ROUND_BUDGET and not any(
            sender.is_held_up() for sender in self._senders.values()
        )

    def takes_more(self) -> bool:
        is_done = self._has_drained and self._is_idle()
        return not (is_done or self.is_to_end() or self._failure)

    def step(self) -> None:
        """Lease as many deliveries as there is room for, and advance those being sent."""
        leased = self._lease()
        self.add(leased)
        self._poll(0 if leased else POLL_SECONDS)
        self._release_unsent(everything=False)

    def _lease(self) -> list[Leased]:
        leased: list[Leased] = []
        now = self.clock()
        with self._database():
            if now >= self._collects_at:
                self._collects_at = now + COLLECT_EVERY
                _collect_or_log(now)
            leased = self._lease_for_free_senders(now)
            self._leased_until = now + LEASE
        return leased

    def _lease_for_free_senders(self, now: datetime) -> list[Leased]:
        """Lease the oldest deliveries, or a few of each channel while some channels are busy."""
        kinds = [kind for kind in TRANSPORTS if self._has_room(kind)]
        busy = [channel for sender in self._senders.values() for channel in sender.busy()]
        self._has_drained = False
        if not busy and len(kinds) == len(TRANSPORTS):
            leased = lease_oldest(now, LEASE_BATCH_SIZE)
            self._has_drained = not leased
            return leased
        if not kinds or now < self._leases_at:
            return []
        # The next lease continues after the last channel of this one: each channel has its turn.
        channels = channels_with_work(self._after)
        self._after = channels[-1] if len(channels) == CHANNELS_AT_ONCE else -1
        leased = lease_of_channels(now, list(set(channels).difference(busy)), kinds)
        if not leased and self._after == -1:
            self._leases_at = now + LEASE_AGAIN_AFTER
        return leased

    def add(self, leased: Sequence[Leased]) -> None:
        by_kind: dict[str, list[Message]] = defaultdict(list)
        for delivery in leased:
            self._leased[delivery.message.delivery_id] = delivery
            by_kind[delivery.kind].append(delivery.message)
        for kind, messages in by_kind.items():
            self._add(kind, messages)

    def finish(self) -> None:
        """Lease nothing more; send the leased messages, wait for their outcomes and record them."""
        while not self._is_idle() or self._outcomes or self._unsent:
            if self._failure and self.clock() >= self._leased_until:
                store.error("record")
                log.error("outcomes not recorded: uncertain outcomes=%d", len(self._outcomes))
                raise self._failure
            if shutdown.requested.is_set() or self.clock() - self._now >= SEND_WITHIN:
                self._release_unsent(everything=True)
            self._poll(POLL_SECONDS)
            self._release_unsent(everything=False)

    @contextmanager
    def _database(self) -> Iterator[None]:
        """Remember a failure of the database in this block, and go on without it."""
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
        """Tell whether the sender takes half a batch: a lease costs the same for one row."""
        return kind not in self._senders or self._senders[kind].room() >= LEASE_BATCH_SIZE // 2

    def _is_idle(self) -> bool:
        return not any(len(sender) for sender in self._senders.values())

    def _add(self, kind: str, messages: Sequence[Message]) -> None:
        kind_transport = self._transport(kind)
        if reason := kind_transport.unavailable() or kind_transport.paused(self.clock()):
            error = TransportError(reason, fault=Fault.FOAM)
            self._outcomes += [SendOutcome(m, timedelta(0), error=error) for m in messages]
            return
        if kind not in self._senders:
            self._senders[kind] = kind_transport.sender()
        self._senders[kind].add(messages)

    def _poll(self, wait: float) -> None:
        """Poll the senders, the first busy one for up to `wait` seconds; record when it is time."""
        for sender in self._senders.values():
            if len(sender):
                self._take_in(sender.poll(wait))
                wait = 0
        if self._failure and self._is_idle():
            time.sleep(POLL_SECONDS)
        is_time = time.monotonic() - self._recorded_at >= RECORD_EVERY.total_seconds()
        is_full = len(self._outcomes) >= LEASE_BATCH_SIZE or self._is_idle()
        if is_time or (is_full and not self._failure):
            self._record_and_release()

    def _take_in(self, outcomes: Sequence[SendOutcome]) -> None:
        """Keep outcomes with the time they arrived: lateness ends there, not at the recording."""
        if outcomes:
            self._outcomes += outcomes
            self._arrivals.append((self.clock().timestamp(), len(self._outcomes)))

    def _release_unsent(self, *, everything: bool) -> None:
        for sender in self._senders.values():
            self._unsent += sender.put_back(everything)
        if self._unsent and not self._failure:
            self._record_and_release()

    def _record_and_release(self) -> None:
        self._recorded_at = time.monotonic()
        with self._database():
            if self._outcomes:
                self._record()
            if self._unsent:
                release(self._unsent)
                self._forget(self._unsent)
                self._unsent = []

    def _record(self) -> None:
        outcomes = self._outcomes
        leased = [self._leased[outcome.message.delivery_id] for outcome in outcomes]
        count = record_outcomes(outcomes, leased, self.clock(), self._arrivals)
        self._forget(outcome.message for outcome in outcomes)
        self._outcomes = []
        self._arrivals = []
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
