"""The contract between the outbox and the code that can send."""

import logging
import time
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple, Protocol

from django.conf import settings

from notifications.encryption import decrypt
from notifications.metrics import store

log = logging.getLogger(__name__)


class Fault(StrEnum):
    """Where the cause of a failure lies; only RECEIVER counts towards disabling a channel."""

    RECEIVER = "receiver"  # the address, or the server behind it
    MESSAGE = "message"  # this message: another one may pass
    FOAM = "foam"  # FOAM itself is refused, or not set up: for the operator to mend
    SPAM = "spam"  # a filter's judgement of content or reputation
    PASSING = "passing"  # a full mailbox, a busy server, the network


class TransportError(Exception):
    """A send that failed.

    `permanent`: trying again cannot help. `retry_after`: how long the receiver asked us to wait.
    `gone`: the address itself is dead, so its channel is to be disabled. `hung`: there was no
    answer in time, so its channel is to be left alone for a while. `uncertain`: the receiver may
    have taken the message all the same. `fault`: where the cause lies. `login`: the mail server
    has refused FOAM's name or password.
    """

    def __init__(
        self,
        detail: str,
        *,
        permanent: bool = False,
        retry_after: timedelta | None = None,
        gone: bool = False,
        hung: bool = False,
        uncertain: bool = False,
        fault: Fault = Fault.RECEIVER,
        login: bool = False,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.permanent = permanent or gone
        self.retry_after = retry_after
        self.gone = gone
        self.hung = hung
        self.uncertain = uncertain
        self.fault = fault
        self.login = login


class Message(NamedTuple):
    """One delivery as a transport sees it. `id` is the same at every attempt.

    `reference` names the cause, and is opaque here.
    """

    delivery_id: int
    attempt: int
    id: str
    channel_id: int
    address: str
    title: str
    body: str
    due_at: datetime
    data: Mapping[str, Any] = {}
    sealed_secret: str = ""
    reference: str = ""
    # The secret before, while both are good.
    sealed_previous_secret: str | None = None

    def __repr__(self) -> str:
        return f"<Message {self.id} to channel {self.channel_id}>"

    @property
    def secret(self) -> str:
        """The channel's secret; InvalidToken when its key is no longer among ours."""
        return decrypt(self.sealed_secret) if self.sealed_secret else ""

    @property
    def previous_secret(self) -> str:
        return decrypt(self.sealed_previous_secret) if self.sealed_previous_secret else ""


class Outcome(NamedTuple):
    """What became of one message: sent when `error` is None. `answer` is the receiver's, short."""

    message: Message
    latency: timedelta
    answer: str = ""
    error: TransportError | None = None


class Transport:
    """The code that can send through one kind of channel.

    A transport implements `send`; one that can do better with many at once implements
    `send_many`. It opens no database transaction, catches only what its own library raises, and
    begins no message after `deadline` (on the monotonic clock): what it leaves out stays queued.
    """

    label: str
    # Whether the secret is part of what leads to the receiver, as in an address with a token.
    secret_leads = True
    # Whether a receiver shows by its answer that it wants what is sent; people get a code instead.
    answers_challenges = False

    def unavailable(self) -> str:
        """Say in a sentence why nothing can be sent this way on this server; empty when it can."""
        return ""

    def paused(self, now: datetime) -> str:
        """Say in a sentence why FOAM sends nothing this way for a while; empty as a rule."""
        return ""

    def clean(self, address: str, secret: str) -> tuple[str, str]:
        """Return both as they are to be stored; raise ValidationError({field: why}) instead."""
        raise NotImplementedError

    def mask(self, secret: str) -> str:
        """Return what is shown of a secret: enough to tell it from another."""
        return f"{secret[:6]}…{secret[-4:]}" if secret else ""

    def make_secret(self) -> str:
        """Return a new secret; empty when it is not FOAM that makes them for this kind."""
        return ""

    def in_time(self, seconds: float) -> "Transport | None":
        """Return one for whoever waits for the answer: it gives up within so many seconds.

        None: this kind cannot promise that, and is left to the workers.
        """
        return None

    def close(self) -> None:
        """Let go of what is kept open between batches."""

    def send(self, message: Message) -> str:
        """Send one message and return the receiver's answer; raise TransportError on failure."""
        raise NotImplementedError

    def send_many(self, messages: Sequence[Message], deadline: float) -> Iterator[Outcome | None]:
        """Yield the outcome of each message begun before `deadline`, in any order.

        Also None now and then while it waits, so that what has come in can be recorded.
        """
        for message in messages:
            if time.monotonic() >= deadline:
                return
            yield self.attempt(message)

    def sender(self) -> "Sender":
        """Return what sends this kind in one round of the outbox."""
        return ThreadSender(self)

    def attempt(self, message: Message) -> Outcome:
        """Send one message and tell what became of it; a bug of ours costs only this message."""
        started = time.monotonic()
        answer, error = "", None
        try:
            answer = self.send(message)
        except TransportError as failure:
            error = failure
        except Exception as bug:
            error = internal_error(bug, message.delivery_id)
        return Outcome(message, timedelta(seconds=time.monotonic() - started), answer, error)


class Sender(Protocol):
    """Messages of one kind on their way in one round, for one thread of one process.

    The round adds messages while there is room and records what comes out, again and again, so
    that a receiver that keeps us waiting holds back nobody else's.
    """

    def room(self) -> int:
        """Return how many more messages it is worth adding now; 0 while it has enough to do."""

    def busy(self) -> Collection[int]:
        """Return the channels with as much waiting as they will take for a while: add no more."""

    def add(self, messages: Sequence[Message]) -> None:
        """Take charge of messages; each comes out once, of `poll` or of `put_back`."""

    def poll(self, wait: float) -> list[Outcome]:
        """Move everything on; return what has come in, if need be after up to `wait` seconds."""

    def put_back(self, everything: bool) -> list[Message]:
        """Take out what was not begun: everything, or what hangs or has waited for too long."""

    def is_held_up(self) -> bool:
        """Tell whether a receiver has kept us waiting for a second."""

    def __len__(self) -> int:
        """Count the messages that have not come out."""

    def close(self) -> None:
        """End the round; break off what is still under way."""


# What a sender takes of one kind at a time.
BATCH = 500
# Who has been waiting for longer is held up.
HELD_UP = 1.0


class DirectSender:
    """Sends in the round's own thread, which has the connection to the database."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._waiting: dict[int, Message] = {}
        self._batch: Iterator[Outcome | None] | None = None

    def room(self) -> int:
        return BATCH - len(self._waiting)

    def busy(self) -> Collection[int]:
        return ()

    def add(self, messages: Sequence[Message]) -> None:
        self._waiting |= {message.delivery_id: message for message in messages}

    def poll(self, wait: float) -> list[Outcome]:
        outcomes: list[Outcome] = []
        if self._batch is None:
            self._batch = outcomes_of(self._transport, list(self._waiting.values()))
        for outcome in self._batch:
            if outcome is None:
                return outcomes
            del self._waiting[outcome.message.delivery_id]
            outcomes.append(outcome)
        self._batch = None
        return outcomes

    def put_back(self, everything: bool) -> list[Message]:
        if not everything or self._batch is not None:
            return []
        messages, self._waiting = list(self._waiting.values()), {}
        return messages

    def is_held_up(self) -> bool:
        return False

    def __len__(self) -> int:
        return len(self._waiting)

    def close(self) -> None:
        pass


class ThreadSender:
    """Lets a transport that blocks send in a thread of its own, one batch after another."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        # With the time since which it waits.
        self._waiting: deque[tuple[float, Message]] = deque()
        self._sending: dict[int, tuple[float, Message]] = {}
        self._heard_at = 0.0
        self._outcomes: SimpleQueue[Outcome | None] = SimpleQueue()
        self._thread: Thread | None = None

    def room(self) -> int:
        return BATCH - len(self._waiting)

    def busy(self) -> Collection[int]:
        return ()

    def add(self, messages: Sequence[Message]) -> None:
        now = time.monotonic()
        self._waiting.extend((now, message) for message in messages)
        self._begin()

    def poll(self, wait: float) -> list[Outcome]:
        outcomes: list[Outcome] = []
        with suppress(Empty):
            while self._thread:
                outcome = self._outcomes.get(timeout=0 if outcomes else wait)
                if outcome is None:
                    self._end()
                else:
                    del self._sending[outcome.message.delivery_id]
                    self._heard_at = time.monotonic()
                    outcomes.append(outcome)
        return outcomes

    def put_back(self, everything: bool) -> list[Message]:
        messages = []
        too_long_ago = time.monotonic() - send_within()
        while self._waiting and (everything or self._waiting[0][0] < too_long_ago):
            messages.append(self._waiting.popleft()[1])
        return messages

    def is_held_up(self) -> bool:
        return bool(self._sending) and time.monotonic() - self._heard_at > HELD_UP

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sending)

    def close(self) -> None:
        if self._thread:
            self._thread.join()

    def _begin(self) -> None:
        if self._thread or not self._waiting:
            return
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        self._sending = {each[1].delivery_id: each for each in batch}
        self._heard_at = time.monotonic()
        messages = [message for _, message in batch]
        self._thread = Thread(target=self._run, args=(messages,), daemon=True)
        self._thread.start()

    def _run(self, batch: Sequence[Message]) -> None:
        for outcome in outcomes_of(self._transport, batch):
            if outcome is not None:
                self._outcomes.put(outcome)
        self._outcomes.put(None)

    def _end(self) -> None:
        """What the batch left out waits again, in front."""
        if self._thread:
            self._thread.join()
        self._thread = None
        self._waiting.extendleft(reversed(self._sending.values()))
        self._sending = {}
        self._begin()


def send_within() -> float:
    """Return how long a message may wait, and how long a batch goes on beginning messages.

    In seconds; both of them and the slowest message are less than a lease.
    """
    return settings.FOAM_LEASE_SECONDS / 4


def outcomes_of(transport: Transport, batch: Sequence[Message]) -> Iterator[Outcome | None]:
    """Send a batch; when the transport breaks down, that is the outcome of what it left out."""
    missing = {message.delivery_id: message for message in batch}
    try:
        for outcome in transport.send_many(batch, time.monotonic() + send_within()):
            if outcome is not None:
                missing.pop(outcome.message.delivery_id, None)
            yield outcome
    except Exception as bug:
        # Whether these went out is not known: at worst they go again, with the same id.
        error = internal_error(bug, *missing)
        for message in missing.values():
            yield Outcome(message, timedelta(0), error=error)


def internal_error(bug: Exception, *delivery_ids: int) -> TransportError:
    """Log an exception that no transport foresaw; the error to record: ours, so it may pass."""
    store.error("transport")
    log.error("deliveries %s: internal error", delivery_ids, exc_info=bug)
    return TransportError(
        f"Internal error: {type(bug).__name__}. The server's log has more.", fault=Fault.FOAM
    )
