"""Chat, push and SMS services through Apprise, whose plug-ins run in helper processes.

A plug-in that hangs, raises or ends its process fails only its message. A whole URL such as
tgram://TOKEN/ROOM is secret: it is stored as the channel's secret, and the visible address contains
only the service and its host.
"""

import hmac
import os
import time
from collections import Counter, deque
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError

from accounts.email_addresses import domain_to_ascii
from notifications.links.signed_links import links
from notifications.transports.apprise_worker.client import Helper, HelperEnded, HelperPool, wait_for
from notifications.transports.base import (
    HELD_UP_SECONDS,
    SEND_BATCH_SIZE,
    Fault,
    Message,
    Sender,
    SendOutcome,
    Transport,
    TransportError,
    internal_error,
    send_within,
)
from notifications.transports.http.curl_multi import ca_file
from notifications.transports.http.egress_policy import LONGEST_URL
from notifications.transports.mail.mime import one_line
from notifications.transports.mail.rendering import below_title, link_lines

# Helpers of one worker process, of 60 MB each: without slow ones, and in all.
MAX_PUNCTUAL_HELPERS = 4
MAX_HELPERS = 8
# With more messages waiting than this, a channel gets no more, so that it leaves room for others.
FULL_CHANNEL = 20
# For one message, including the start of a helper.
TIMEOUT_SECONDS = 15.0
# More than most services accept, and small enough for the buffer of a pipe before its helper reads.
MAX_BODY_LENGTH = 10_000


class AppriseTransport(Transport):
    label = "Chat, push or SMS (Apprise)"

    def __init__(self, timeout: float = TIMEOUT_SECONDS) -> None:
        self._timeout = timeout
        # By process, as a child process must not use its parent's helpers.
        self._pools: dict[int, HelperPool] = {}

    def clean(
        self, address: str, secret: str, *, may_reach_private: bool = True
    ) -> tuple[str, str]:
        address, secret = address.strip(), secret.strip()
        name, url = ("secret", secret) if not address or "…" in address else ("address", address)
        if url and address.endswith(_fingerprint(url)):
            return address, url
        try:
            return _visible_address(url, self._host(url, may_reach_private)), url
        except ValueError as refusal:
            raise ValidationError({name: str(refusal)}) from None

    def mask(self, secret: str) -> str:
        return f"{secret.partition('://')[0]}://…" if secret else ""

    def _host(self, url: str, may_reach_private: bool) -> str:
        """Return the host that messages would be sent to; ValueError with the reason."""
        if len(url) > LONGEST_URL or any(c.isspace() or not c.isprintable() for c in url):
            raise ValueError(f"An address has up to {LONGEST_URL} characters and no blanks.")
        helper = self._pool().take()
        try:
            request = _request("check", url, may_reach_private=may_reach_private)
            reply = helper.ask(request, self._timeout)
        except (HelperEnded, TimeoutError):
            helper.end()
            raise ValueError("The service's plug-in could not make anything of this.") from None
        self._pool().give_back(helper)
        if "host" not in reply:
            raise ValueError(reply["error"])
        if not reply["host"].isascii():
            # Its plug-in would encode it by IDNA 2003, which maps some letters to others.
            encoded = domain_to_ascii(reply["host"])
            raise ValueError(f"Write the host in ASCII: {encoded} for {reply['host']}.")
        return reply["host"]

    def sender(self) -> Sender:
        return AppriseSender(self._pool(), self._timeout)

    def _pool(self) -> HelperPool:
        return self._pools.setdefault(os.getpid(), HelperPool())

    def close(self) -> None:
        self._pool().close()


class HelperTask(NamedTuple):
    message: Message
    helper: Helper
    began: float


class AppriseSender:
    """Sends several messages at once, each in a helper, but one at a time to each channel."""

    def __init__(self, pool: HelperPool, timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout
        # Each with the time at which it was added.
        self._waiting: deque[tuple[float, Message]] = deque()
        self._under_way: dict[int, HelperTask] = {}
        self._outcomes: list[SendOutcome] = []

    def room(self) -> int:
        return SEND_BATCH_SIZE - sum(min(count, FULL_CHANNEL) for count in self._counts().values())

    def busy(self) -> Collection[int]:
        return self._slow() | {c for c, count in self._counts().items() if count > FULL_CHANNEL}

    def add(self, messages: Sequence[Message]) -> None:
        now = time.monotonic()
        self._waiting.extend((now, message) for message in messages)
        self._begin()

    def poll(self, wait: float) -> list[SendOutcome]:
        if self._under_way and not self._outcomes:
            wait_for((task.helper for task in self._under_way.values()), wait)
        for task in list(self._under_way.values()):
            self._check_task(task)
        self._begin()
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def put_back(self, everything: bool) -> list[Message]:
        too_long_ago = time.monotonic() - send_within()
        slow = self._slow()
        unsent: list[Message] = []
        waiting: deque[tuple[float, Message]] = deque()
        for since, message in self._waiting:
            if everything or since < too_long_ago or message.channel_id in slow:
                unsent.append(message)
            else:
                waiting.append((since, message))
        self._waiting = waiting
        return unsent

    def is_held_up(self) -> bool:
        return bool(self._slow())

    def __len__(self) -> int:
        return len(self._waiting) + len(self._under_way) + len(self._outcomes)

    def close(self) -> None:
        for task in self._under_way.values():
            task.helper.end()
        self._under_way.clear()

    def _counts(self) -> Counter[int]:
        return Counter(message.channel_id for _, message in self._waiting)

    def _slow(self) -> set[int]:
        now = time.monotonic()
        return {c for c, task in self._under_way.items() if now - task.began > HELD_UP_SECONDS}

    def _begin(self) -> None:
        # A slow helper does not take the place of another.
        places = min(MAX_PUNCTUAL_HELPERS + len(self._slow()), MAX_HELPERS) - len(self._under_way)
        for _ in range(len(self._waiting) if places > 0 else 0):
            since, message = self._waiting.popleft()
            if places <= 0 or message.channel_id in self._under_way:
                self._waiting.append((since, message))
                continue
            places -= 1
            try:
                self._start(message)
            except Exception as bug:
                self._end(message, 0, internal_error(bug, message.delivery_id))

    def _start(self, message: Message) -> None:
        request = _request(
            "send", message.secret, self._timeout, may_reach_private=message.may_reach_private
        )
        request |= {"is_verified": message.is_verified, **_text_fields(message)}
        helper = self._pool.take()
        began = time.monotonic()
        self._under_way[message.channel_id] = HelperTask(message, helper, began)
        # `_check_task` finds out that the helper has ended.
        with suppress(HelperEnded):
            helper.send_request(request)

    def _check_task(self, task: HelperTask) -> None:
        took = time.monotonic() - task.began
        try:
            reply = task.helper.reply()
        except HelperEnded:
            error = TransportError("the plug-in ended its process", uncertain=task.helper.has_begun)
        else:
            if reply is not None:
                self._pool.give_back(task.helper)
                self._end_with_reply(task.message, took, reply)
                return
            if took < self._timeout:
                return
            detail = f"timed out after {took:.0f} s"
            error = TransportError(detail, hung=True, uncertain=task.helper.has_begun)
        task.helper.end()
        self._end(task.message, took, error)

    def _end_with_reply(self, message: Message, took: float, reply: dict[str, Any]) -> None:
        if "answer" in reply:
            self._end(message, took, None, reply["answer"])
            return
        wait = reply.get("retry_after", 0)
        error = TransportError(
            reply["error"],
            permanent=reply.get("permanent", False),
            address_gone=reply.get("gone", False),
            hung=reply.get("hung", False),
            uncertain=reply.get("uncertain", False),
            retry_after=timedelta(seconds=wait) if wait > 0 else None,
            fault=Fault(reply.get("fault", Fault.RECEIVER)),
        )
        self._end(message, took, error)

    def _end(
        self, message: Message, took: float, error: TransportError | None, answer: str = ""
    ) -> None:
        self._under_way.pop(message.channel_id, None)
        self._outcomes.append(SendOutcome(message, timedelta(seconds=took), answer, error))


def _request(
    do: str, url: str, seconds: float = TIMEOUT_SECONDS, *, may_reach_private: bool
) -> dict[str, Any]:
    return {
        "do": do,
        "url": url,
        "networks": settings.FOAM_ALLOWED_PRIVATE_NETWORKS if may_reach_private else [],
        "ports": settings.FOAM_WEBHOOK_PORTS,
        "ca_file": ca_file() or True,
        "proxy": _proxy(),
        # The helper must time out first, as its error is more precise.
        "seconds": max(seconds - 3, seconds / 2),
    }


def _proxy() -> dict[str, Any] | None:
    """Return the proxy, with its password, in the form of a helper's request."""
    proxy = settings.FOAM_OUTBOUND_PROXY
    if proxy is None:
        return None
    url, name = proxy.secret_address, proxy.name
    return {"url": url, "name": name, "host": proxy.host, "port": proxy.port}


def _text_fields(message: Message) -> dict[str, str]:
    body = below_title(message)
    lines = link_lines(links(message))
    return {
        "title": one_line(message.title),
        "body": body if len(body) <= MAX_BODY_LENGTH else f"{body[:MAX_BODY_LENGTH]}…",
        "links": f"\n\n{lines}" if lines else "",
    }


def _visible_address(url: str, host: str) -> str:
    """Return the visible address of a URL: service, host and a fingerprint of the URL."""
    schema = url.partition("://")[0].lower()
    return f"{schema}://{host}{_fingerprint(url)}"


def _fingerprint(url: str) -> str:
    key = settings.SECRET_KEY.encode()
    return f"/…{hmac.digest(key, b'foam.notifications.apprise' + url.encode(), 'sha256').hex()[:8]}"
