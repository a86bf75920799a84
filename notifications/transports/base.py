"""The contract between the outbox and the code that can send."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from notifications.encryption import decrypt

log = logging.getLogger(__name__)


class TransportError(Exception):
    """A send that failed.

    `permanent`: trying again cannot help. `retry_after`: how long the receiver asked us to wait.
    `gone`: the address itself is dead, so its channel is to be disabled.
    """

    def __init__(
        self,
        detail: str,
        *,
        permanent: bool = False,
        retry_after: timedelta | None = None,
        gone: bool = False,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.permanent = permanent or gone
        self.retry_after = retry_after
        self.gone = gone


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery as a transport sees it. `id` is the same at every attempt."""

    delivery_id: int
    attempt: int
    id: str
    channel_id: int
    address: str
    title: str
    body: str
    due_at: datetime
    data: dict[str, Any] = field(default_factory=dict)
    sealed_secret: str = field(default="", repr=False)

    @property
    def secret(self) -> str:
        """The channel's secret; InvalidToken when its key is no longer among ours."""
        return decrypt(self.sealed_secret) if self.sealed_secret else ""


@dataclass(frozen=True, slots=True)
class Outcome:
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

    def unavailable(self) -> str:
        """Say in a sentence why nothing can be sent this way on this server; empty when it can."""
        return ""

    def clean(self, address: str, secret: str) -> tuple[str, str]:
        """Return both as they are to be stored; raise ValidationError({field: why}) instead."""
        raise NotImplementedError

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


def internal_error(bug: Exception, *delivery_ids: int) -> TransportError:
    """Log an exception that no transport foresaw; the error to record: ours, so it may pass."""
    log.error("deliveries %s: internal error", delivery_ids, exc_info=bug)
    return TransportError(f"Internal error: {type(bug).__name__}. The server's log has more.")
