"""The contract between the outbox and the transports."""

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
    """The cause of a failure; only RECEIVER counts towards disabling a channel."""

    RECEIVER = "receiver"  # the address, or the server behind it
    MESSAGE = "message"  # this message: another one may pass
    FOAM = "foam"  # FOAM itself is refused or not set up: the operator must act
    SPAM = "spam"  # a filter's judgement of content or reputation
    PASSING = "passing"  # a full mailbox, a busy server, the network


class TransportError(Exception):
    """A failed attempt.

    `permanent`: a retry cannot succeed. `retry_after`: the wait that the receiver asks for.
    `address_gone`: the address no longer exists, so its channel is disabled. `hung`: no answer came
    in time, so its channel is held for a while. `uncertain`: the receiver may have accepted the
    message. `fault`: the cause. `login`: the mail server has refused FOAM's name or password.
    """

    def __init__(
        self,
        detail: str,
        *,
        permanent: bool = False,
        retry_after: timedelta | None = None,
        address_gone: bool = False,
        hung: bool = False,
        uncertain: bool = False,
        fault: Fault = Fault.RECEIVER,
        login: bool = False,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.permanent = permanent or address_gone
        self.retry_after = retry_after
        self.address_gone = address_gone
        self.hung = hung
        self.uncertain = uncertain
        self.fault = fault
        self.login = login


class Message(NamedTuple):
    """A delivery as a transport sees it; `id` is the same at every attempt.

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
    # The secret before the rotation, while both are good.
    sealed_previous_secret: str | None = None
    # Whether the channel is verified: otherwise its owner is shown no words of the answer.
    is_verified: bool = True
    # Whether the channel may lead into the networks of FOAM_ALLOWED_PRIVATE_NETWORKS.
    may_reach_private: bool = True

    def __repr__(self) -> str:
        return f"<Message {self.id} to channel {self.channel_id}>"

    @property
    def secret(self) -> str:
        """The decrypted secret of the channel; InvalidToken if its key was removed."""
        return decrypt(self.sealed_secret) if self.sealed_secret else ""

    @property
    def previous_secret(self) -> str:
        return decrypt(self.sealed_previous_secret) if self.sealed_previous_secret else ""


class SendOutcome(NamedTuple):
    """The outcome of an attempt: sent if `error` is None. `answer` is the receiver's, shortened."""

    message: Message
    latency: timedelta
    answer: str = ""
    error: TransportError | None = None


class Transport:
    """The code that sends to one kind of channel.

    A transport implements `send`, or `send_many` if it can send many messages at once. It opens no
    database transaction, catches only the errors of its own library, and starts no message after
    `deadline` (on the monotonic clock): the others stay queued.
    """

    label: str
    # True if the secret is a part of the destination, as in a URL with a token.
    secret_leads = True
    # True if a receiver verifies its channel by answering a challenge; people get a code instead.
    answers_challenges = False

    def unavailable(self) -> str:
        """Return the sentence why this server cannot send this way; empty if it can."""
        return ""

    def paused(self, now: datetime) -> str:
        """Return the sentence why FOAM sends nothing this way for a while; usually empty."""
        return ""

    def clean(
        self, address: str, secret: str, *, may_reach_private: bool = True
    ) -> tuple[str, str]:
        """Return address and secret in the stored form; ValidationError({field: reason})."""
        raise NotImplementedError

    def mask(self, secret: str) -> str:
        """Return the visible part of a secret, enough to distinguish it from another."""
        return f"{secret[:6]}…{secret[-4:]}" if secret else ""

    def make_secret(self) -> str:
        """Return a new secret; empty for a kind whose secrets FOAM does not make."""
        return ""

    def in_time(self, seconds: float) -> "Transport | None":
        """Return a transport that gives up within `seconds`, for a request that waits for it.

        None for a kind without such a limit: its messages are left to the workers.
        """
        return None

    def close(self) -> None:
        """Close the connections that stay open between batches."""

    def send(self, message: Message) -> str:
        """Send one message and return the receiver's answer; TransportError on failure."""
        raise NotImplementedError

    def send_many(
        self, messages: Sequence[Message], deadline: float
    ) -> Iterator[SendOutcome | None]:
        """Yield the outcome of each message started before `deadline`, in any order.

        It also yields None now and then while it waits, so that the round can record outcomes.
        """
        for message in messages:
            if time.monotonic() >= deadline:
                return
            yield self.attempt(message)

    def sender(self) -> "Sender":
        """Return the sender of this kind for one round of the outbox."""
        return ThreadSender(self)

    def attempt(self, message: Message) -> SendOutcome:
        """Send one message and return its outcome, also of an unexpected exception."""
        started = time.monotonic()
        answer, error = "", None
        try:
            answer = self.send(message)
        except TransportError as failure:
            error = failure
        except Exception as bug:
            error = internal_error(bug, message.delivery_id)
        return SendOutcome(message, timedelta(seconds=time.monotonic() - started), answer, error)


class Sender(Protocol):
    """Sends the messages of one kind in one round, in one thread of one process.

    The round adds messages while there is room and records their outcomes, again and again, so that
    a slow receiver does not delay the others.
    """

    def room(self) -> int:
        """Return how many more messages can be added now; 0 or less if there are enough."""

    def busy(self) -> Collection[int]:
        """Return the channels with enough messages waiting, to which none should be added."""

    def add(self, messages: Sequence[Message]) -> None:
        """Add messages; each is returned once, by `poll` as an outcome or by `put_back` unsent."""

    def poll(self, wait: float) -> list[SendOutcome]:
        """Advance all messages and return the outcomes, after up to `wait` seconds."""

    def put_back(self, everything: bool) -> list[Message]:
        """Remove and return unsent messages: all of them, or only if they wait for too long."""

    def is_held_up(self) -> bool:
        """Tell whether a receiver has not answered for a second."""

    def __len__(self) -> int:
        """Count the messages that were added, but not returned yet."""

    def close(self) -> None:
        """End the round and abort the requests under way."""


# Messages that a sender sends at a time.
SEND_BATCH_SIZE = 500
# A receiver that has not answered within this time holds its sender up.
HELD_UP_SECONDS = 1.0


class DirectSender:
    """Sends in the round's thread, which has the database connection."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._waiting: dict[int, Message] = {}
        self._batch: Iterator[SendOutcome | None] | None = None

    def room(self) -> int:
        return SEND_BATCH_SIZE - len(self._waiting)

    def busy(self) -> Collection[int]:
        return ()

    def add(self, messages: Sequence[Message]) -> None:
        self._waiting |= {message.delivery_id: message for message in messages}

    def poll(self, wait: float) -> list[SendOutcome]:
        outcomes: list[SendOutcome] = []
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
    """Runs a blocking transport in a thread of its own, one batch after another."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        # Each with the time at which it was added.
        self._waiting: deque[tuple[float, Message]] = deque()
        self._sending: dict[int, tuple[float, Message]] = {}
        self._answered_at = 0.0
        self._outcomes: SimpleQueue[SendOutcome | None] = SimpleQueue()
        self._thread: Thread | None = None

    def room(self) -> int:
        return SEND_BATCH_SIZE - len(self._waiting)

    def busy(self) -> Collection[int]:
        return ()

    def add(self, messages: Sequence[Message]) -> None:
        now = time.monotonic()
        self._waiting.extend((now, message) for message in messages)
        self._begin()

    def poll(self, wait: float) -> list[SendOutcome]:
        outcomes: list[SendOutcome] = []
        with suppress(Empty):
            while self._thread:
                outcome = self._outcomes.get(timeout=0 if outcomes else wait)
                if outcome is None:
                    self._end()
                else:
                    del self._sending[outcome.message.delivery_id]
                    self._answered_at = time.monotonic()
                    outcomes.append(outcome)
        return outcomes

    def put_back(self, everything: bool) -> list[Message]:
        messages = []
        too_long_ago = time.monotonic() - send_within()
        while self._waiting and (everything or self._waiting[0][0] < too_long_ago):
            messages.append(self._waiting.popleft()[1])
        return messages

    def is_held_up(self) -> bool:
        return bool(self._sending) and time.monotonic() - self._answered_at > HELD_UP_SECONDS

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sending)

    def close(self) -> None:
        if self._thread:
            self._thread.join()

    def _begin(self) -> None:
        if self._thread or not self._waiting:
            return
        batch = [self._waiting.popleft() for _ in range(min(SEND_BATCH_SIZE, len(self._waiting)))]
        self._sending = {message.delivery_id: (since, message) for since, message in batch}
        self._answered_at = time.monotonic()
        messages = [message for _, message in batch]
        self._thread = Thread(target=self._run, args=(messages,), daemon=True)
        self._thread.start()

    def _run(self, batch: Sequence[Message]) -> None:
        for outcome in outcomes_of(self._transport, batch):
            if outcome is not None:
                self._outcomes.put(outcome)
        self._outcomes.put(None)

    def _end(self) -> None:
        """Put the batch's unsent messages at the front of the queue, and start the next batch."""
        if self._thread:
            self._thread.join()
        self._thread = None
        self._waiting.extendleft(reversed(self._sending.values()))
        self._sending = {}
        self._begin()


def send_within() -> float:
    """Return the seconds that a message may wait, and those in which a batch may start messages.

    Both together, and the slowest message after them, take less than a lease.
    """
    return settings.FOAM_LEASE_SECONDS / 4


def outcomes_of(transport: Transport, batch: Sequence[Message]) -> Iterator[SendOutcome | None]:
    """Send a batch; an exception of the transport is the outcome of all messages not returned."""
    missing = {message.delivery_id: message for message in batch}
    try:
        for outcome in transport.send_many(batch, time.monotonic() + send_within()):
            if outcome is not None:
                missing.pop(outcome.message.delivery_id, None)
            yield outcome
    except Exception as bug:
        # It is not known whether these were sent; a retry repeats them with the same id.
        error = internal_error(bug, *missing)
        for message in missing.values():
            yield SendOutcome(message, timedelta(0), error=error)


def internal_error(bug: Exception, *delivery_ids: int) -> TransportError:
    """Log an unexpected exception, and return the error to record: FOAM's fault, so retried."""
    store.error("transport")
    log.error("deliveries %s: internal error", delivery_ids, exc_info=bug)
    return TransportError(
        f"Internal error: {type(bug).__name__}. The server's log has more.", fault=Fault.FOAM
    )
