"""Chat, push and SMS services through Apprise, whose plug-ins run in processes of their own.

A plug-in that hangs, raises or ends its process costs the message that it was given, and no more.
An address such as tgram://TOKEN/ROOM is a secret as a whole: it is kept as one, and what stands in
its place everywhere else tells the service's host and nothing of it.
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
from notifications.transports.apprise_worker.client import Ended, Helper, Pool, wait_for
from notifications.transports.base import (
    BATCH,
    HELD_UP,
    Fault,
    Message,
    Outcome,
    Sender,
    Transport,
    TransportError,
    internal_error,
    send_within,
)
from notifications.transports.http.curl_multi import ca_file
from notifications.transports.http.egress_policy import LONGEST_URL
from notifications.transports.mail.mime import one_line
from notifications.transports.mail.rendering import below_title, link_lines

# Helpers of one worker process, of 60 MB each: those that have not kept us waiting, and all.
HELPERS = 4
MOST_HELPERS = 8
# Of what waits for one channel, more than this takes no room, and no more is added to it.
FULL = 20
# For one message, starting a helper included.
TIMEOUT = 15.0
# More than most of the services take, and little enough for a pipe that nobody reads from yet.
LONGEST_BODY = 10_000


class AppriseTransport(Transport):
    label = "Chat, push or SMS (Apprise)"

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        # By process: a parent's helpers are not its child's.
        self._pools: dict[int, Pool] = {}

    def clean(self, address: str, secret: str) -> tuple[str, str]:
        address, secret = address.strip(), secret.strip()
        name, url = ("secret", secret) if not address or "…" in address else ("address", address)
        if url and address.endswith(_fingerprint(url)):
            return address, url
        try:
            return _shown(url, self._host(url)), url
        except ValueError as refusal:
            raise ValidationError({name: str(refusal)}) from None

    def mask(self, secret: str) -> str:
        return f"{secret.partition('://')[0]}://…" if secret else ""

    def _host(self, url: str) -> str:
        """Return the host that messages would go to; ValueError with the reason instead."""
        if len(url) > LONGEST_URL or any(c.isspace() or not c.isprintable() for c in url):
            raise ValueError(f"An address has up to {LONGEST_URL} characters and no blanks.")
        helper = self._pool().take()
        try:
            reply = helper.ask(_request("check", url), self._timeout)
        except (Ended, TimeoutError):
            helper.end()
            raise ValueError("The service's plug-in could not make anything of this.") from None
        self._pool().give_back(helper)
        if "host" not in reply:
            raise ValueError(reply["error"])
        if not reply["host"].isascii():
            # Its plug-in would look it up by IDNA 2003, where some letters are another's.
            encoded = domain_to_ascii(reply["host"])
            raise ValueError(f"Write the host in ASCII: {encoded} for {reply['host']}.")
        return reply["host"]

    def sender(self) -> Sender:
        return AppriseSender(self._pool(), self._timeout)

    def _pool(self) -> Pool:
        return self._pools.setdefault(os.getpid(), Pool())

    def close(self) -> None:
        self._pool().close()


class UnderWay(NamedTuple):
    message: Message
    helper: Helper
    began: float


class AppriseSender:
    """Several messages at once, each in a helper; one at a time through each channel."""

    def __init__(self, pool: Pool, timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout
        # With the time since which it waits.
        self._waiting: deque[tuple[float, Message]] = deque()
        self._under_way: dict[int, UnderWay] = {}
        self._outcomes: list[Outcome] = []

    def room(self) -> int:
        return BATCH - sum(min(count, FULL) for count in self._counts().values())

    def busy(self) -> Collection[int]:
        return self._slow() | {c for c, count in self._counts().items() if count > FULL}

    def add(self, messages: Sequence[Message]) -> None:
        now = time.monotonic()
        self._waiting.extend((now, message) for message in messages)
        self._begin()

    def poll(self, wait: float) -> list[Outcome]:
        if self._under_way and not self._outcomes:
            wait_for((each.helper for each in self._under_way.values()), wait)
        for each in list(self._under_way.values()):
            self._look_after(each)
        self._begin()
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def put_back(self, everything: bool) -> list[Message]:
        too_long_ago = time.monotonic() - send_within()
        slow = self._slow()
        left: list[Message] = []
        kept: deque[tuple[float, Message]] = deque()
        for since, message in self._waiting:
            if everything or since < too_long_ago or message.channel_id in slow:
                left.append(message)
            else:
                kept.append((since, message))
        self._waiting = kept
        return left

    def is_held_up(self) -> bool:
        return bool(self._slow())

    def __len__(self) -> int:
        return len(self._waiting) + len(self._under_way) + len(self._outcomes)

    def close(self) -> None:
        for each in self._under_way.values():
            each.helper.end()
        self._under_way.clear()

    def _counts(self) -> Counter[int]:
        return Counter(message.channel_id for _, message in self._waiting)

    def _slow(self) -> set[int]:
        now = time.monotonic()
        return {c for c, each in self._under_way.items() if now - each.began > HELD_UP}

    def _begin(self) -> None:
        # Those that hang leave the places to others.
        places = min(HELPERS + len(self._slow()), MOST_HELPERS) - len(self._under_way)
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
        request = _request("send", message.secret, self._timeout) | _words(message)
        helper = self._pool.take()
        began = time.monotonic()
        self._under_way[message.channel_id] = UnderWay(message, helper, began)
        # Whether it is gone is seen when it is looked after.
        with suppress(Ended):
            helper.tell(request)

    def _look_after(self, each: UnderWay) -> None:
        took = time.monotonic() - each.began
        try:
            reply = each.helper.reply()
        except Ended:
            error = TransportError("the plug-in ended its process", uncertain=each.helper.has_begun)
        else:
            if reply is not None:
                self._pool.give_back(each.helper)
                self._settle(each.message, took, reply)
                return
            if took < self._timeout:
                return
            what = f"timed out after {took:.0f} s"
            error = TransportError(what, hung=True, uncertain=each.helper.has_begun)
        each.helper.end()
        self._end(each.message, took, error)

    def _settle(self, message: Message, took: float, reply: dict[str, Any]) -> None:
        if "answer" in reply:
            self._end(message, took, None, reply["answer"])
            return
        wait = reply.get("retry_after", 0)
        error = TransportError(
            reply["error"],
            permanent=reply.get("permanent", False),
            gone=reply.get("gone", False),
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
        self._outcomes.append(Outcome(message, timedelta(seconds=took), answer, error))


def _request(do: str, url: str, seconds: float = TIMEOUT) -> dict[str, Any]:
    return {
        "do": do,
        "url": url,
        "networks": settings.FOAM_ALLOWED_PRIVATE_NETWORKS,
        "ports": settings.FOAM_WEBHOOK_PORTS,
        "ca_file": ca_file() or True,
        "proxy": _proxy(),
        # The helper is to give up first, in words of its own.
        "seconds": max(seconds - 3, seconds / 2),
    }


def _proxy() -> dict[str, Any] | None:
    """Return the proxy, with its password, as a helper takes it."""
    proxy = settings.FOAM_OUTBOUND_PROXY
    if proxy is None:
        return None
    url, name = proxy.secret_address, proxy.name
    return {"url": url, "name": name, "host": proxy.host, "port": proxy.port}


def _words(message: Message) -> dict[str, str]:
    body = below_title(message)
    answers = link_lines(links(message))
    return {
        "title": one_line(message.title),
        "body": body if len(body) <= LONGEST_BODY else f"{body[:LONGEST_BODY]}…",
        "links": f"\n\n{answers}" if answers else "",
    }


def _shown(url: str, host: str) -> str:
    """Return what is shown for an address, the same for the same one and for no other."""
    schema = url.partition("://")[0].lower()
    return f"{schema}://{host}{_fingerprint(url)}"


def _fingerprint(url: str) -> str:
    key = settings.SECRET_KEY.encode()
    return f"/…{hmac.digest(key, b'foam.notifications.apprise' + url.encode(), 'sha256').hex()[:8]}"
