"""Webhooks by the standard of standardwebhooks.com: signed, with the same id at each retry."""

import base64
import binascii
import hmac
import os
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

import orjson
import pycurl
from cryptography.hazmat.primitives.hashes import SHA256
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.timezones import iso
from notifications.links.hmac_key import Mac
from notifications.links.signed_links import urls
from notifications.retry import requested_wait
from notifications.transports.base import (
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
from notifications.transports.http.curl_multi import HttpReply, HttpRequest, Multi, ca_file
from notifications.transports.http.egress_policy import (
    Policy,
    RefusedUrl,
    Target,
    check_name,
    check_url,
)
from notifications.transports.http.lanes import Lane, Lanes
from notifications.transports.http.proxy import OutboundProxy, goes_directly

PREFIX = "whsec_"
# Requests under way at once, without late ones and in all: well below the usual limit of 1,024 open
# files for each process.
MAX_PUNCTUAL_REQUESTS = 256
MAX_REQUESTS = 768
# Messages that a sender holds, so that it has work while the round leases the next batch.
MAX_MESSAGES = 2 * SEND_BATCH_SIZE
# Characters of an answer's text in the detail of an attempt.
ANSWER_LENGTH = 200

FAILURES = {
    pycurl.E_COULDNT_RESOLVE_HOST: "the host name could not be looked up",
    pycurl.E_COULDNT_CONNECT: "could not connect",
    pycurl.E_GOT_NOTHING: "the connection was closed without an answer",
    pycurl.E_RECV_ERROR: "the connection was lost",
    pycurl.E_SEND_ERROR: "the connection was lost",
    pycurl.E_UNSUPPORTED_PROTOCOL: "the answer is not HTTP",
    pycurl.E_FTP_WEIRD_SERVER_REPLY: "the answer is not HTTP",
    pycurl.E_SSL_CONNECT_ERROR: "the TLS handshake failed",
    pycurl.E_PEER_FAILED_VERIFICATION: "the TLS certificate was not accepted",
    pycurl.E_SSL_CACERT_BADFILE: "this server has no certificate authorities to check TLS with",
}

# The failures that the system's errno explains.
CONNECTION_ERRORS = {pycurl.E_COULDNT_CONNECT, pycurl.E_RECV_ERROR, pycurl.E_SEND_ERROR}

# A message, its checked target, and the time at which it was added.
QueuedMessage = tuple[Message, Target, float]
# The lane and the ticket of a request, its message and its target.
Sending = tuple[Lane[QueuedMessage], int, Message, Target]


@lru_cache(maxsize=4)
def _policy(networks: tuple[str, ...], ports: tuple[int | Sequence[int], ...]) -> Policy:
    return Policy.of(networks, ports)


def policy(may_reach_private: bool = True) -> Policy:
    networks = settings.FOAM_ALLOWED_PRIVATE_NETWORKS if may_reach_private else ()
    return _policy(tuple(networks), tuple(settings.FOAM_WEBHOOK_PORTS))


def proxy_for(host: str) -> OutboundProxy | None:
    """Return the proxy for requests to a host; None for a direct connection."""
    proxy: OutboundProxy | None = settings.FOAM_OUTBOUND_PROXY
    return None if proxy is None or goes_directly(host, policy()) else proxy


class WebhookTransport(Transport):
    """Sends many messages at once, over connections that stay open between batches."""

    label = "Webhook"
    secret_leads = False
    answers_challenges = True

    def __init__(
        self,
        connect_timeout: float = 5,
        timeout: float = 15,
        options: Mapping[int, Any] | None = None,
    ) -> None:
        self._extra = dict(options or {})
        self._options = {
            pycurl.CONNECTTIMEOUT_MS: int(connect_timeout * 1000),
            pycurl.TIMEOUT_MS: int(timeout * 1000),
            **({pycurl.CAINFO: file} if (file := ca_file()) else {}),
            **self._extra,
        }
        # By process and thread. A child process must not close its parent's: that would end the TLS
        # sessions of the parent's connections.
        self._multis: dict[tuple[int, int], Multi[Sending]] = {}

    def clean(
        self, address: str, secret: str, *, may_reach_private: bool = True
    ) -> tuple[str, str]:
        try:
            target = check_url(address.strip(), policy(may_reach_private))
            check_name(target.host)
            url = target.url
        except RefusedUrl as refused:
            raise ValidationError({"address": str(refused)}) from None
        return url, _clean_secret(secret.strip())

    def make_secret(self) -> str:
        return _clean_secret("")

    def in_time(self, seconds: float) -> Transport:
        return WebhookTransport(timeout=seconds, options=self._extra)

    def sender(self) -> Sender:
        return WebhookSender(self._multi())

    def _multi(self) -> Multi[Sending]:
        key = os.getpid(), threading.get_ident()
        if key not in self._multis:
            self._multis[key] = Multi(policy, self._options)
        return self._multis[key]

    def close(self) -> None:
        """Close this thread's connections."""
        multi = self._multis.pop((os.getpid(), threading.get_ident()), None)
        # `is not None`: without requests under way its length is 0.
        if multi is not None:
            multi.close()


class WebhookSender:
    """Sends to many hosts at once, each with a lane of its own."""

    def __init__(self, multi: Multi[Sending]) -> None:
        self._multi = multi
        self._lanes: Lanes[QueuedMessage] = Lanes()
        self._channels: defaultdict[str, set[int]] = defaultdict(set)
        self._macs: dict[str, Mac] = {}
        self._targets: dict[tuple[str, bool], Target] = {}
        self._outcomes: list[SendOutcome] = []
        self._unsent: list[Message] = []

    def room(self) -> int:
        """Return how many more messages can be added; those in a full lane do not count."""
        waiting = sum(lane.waiting for lane in self._lanes if not lane.is_full)
        return MAX_MESSAGES - waiting - len(self._multi)

    def busy(self) -> Collection[int]:
        now = time.monotonic()
        full = [lane.peer for lane in self._lanes if lane.is_full]
        late = [lane.late_channels(now) for lane in self._lanes if lane.is_slow(now)]
        return set().union(*late, *(self._channels[peer] for peer in full))

    def add(self, messages: Sequence[Message]) -> None:
        for message in messages:
            try:
                target = self._target(message.address, message.may_reach_private)
            except RefusedUrl as refused:
                error = TransportError(str(refused), permanent=True)
                self._outcomes.append(SendOutcome(message, timedelta(0), error=error))
            except Exception as bug:
                error = internal_error(bug, message.delivery_id)
                self._outcomes.append(SendOutcome(message, timedelta(0), error=error))
            else:
                self._channels[target.peer].add(message.channel_id)
                now = time.monotonic()
                self._lanes.add(target.peer, message.channel_id, (message, target, now), now)
        self._begin()

    def _target(self, address: str, may_reach_private: bool) -> Target:
        """Check the address again, as the policy may have changed since it was stored."""
        key = address, may_reach_private
        if key not in self._targets:
            self._targets[key] = check_url(address, policy(may_reach_private))
        return self._targets[key]

    def poll(self, wait: float) -> list[SendOutcome]:
        if self._multi:
            for (lane, ticket, message, target), reply in self._multi.wait(
                0 if self._outcomes else wait
            ):
                now = time.monotonic()
                if reply.is_hung:
                    self._unsent += [
                        unsent for unsent, *_ in self._lanes.end_hung(lane, ticket, now)
                    ]
                else:
                    self._lanes.end(lane, ticket, reply.seconds, now)
                self._outcomes.append(_outcome(message, target, reply))
            self._begin()
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def put_back(self, everything: bool) -> list[Message]:
        now = time.monotonic()
        for lane in self._lanes:
            oldest = min((queue[0][2] for queue in lane.queues.values()), default=now)
            if everything or now - oldest > send_within():
                self._unsent += [message for message, *_ in self._lanes.clear(lane)]
            elif lane.is_slow(now):
                waiting = self._lanes.clear(lane, lane.late_channels(now))
                self._unsent += [message for message, *_ in waiting]
        unsent, self._unsent = self._unsent, []
        return unsent

    def is_held_up(self) -> bool:
        now = time.monotonic()
        return any(lane.is_slow(now) for lane in self._lanes)

    def __len__(self) -> int:
        return self._lanes.waiting + len(self._multi) + len(self._outcomes) + len(self._unsent)

    def close(self) -> None:
        self._multi.abandon()

    def _begin(self) -> None:
        now = time.monotonic()
        # A late request does not take the place of a new one.
        limit = min(MAX_PUNCTUAL_REQUESTS + self._lanes.count_late(now), MAX_REQUESTS)
        while self._lanes and len(self._multi) < limit:
            lane, ticket, (message, target, _) = self._lanes.take(now)
            try:
                request = _request(message, target, self._macs)
                self._multi.start(request, (lane, ticket, message, target))
            except Exception as bug:
                self._lanes.end(lane, ticket, 0, now)
                error = internal_error(bug, message.delivery_id)
                self._outcomes.append(SendOutcome(message, timedelta(0), error=error))


def _clean_secret(secret: str) -> str:
    if not secret:
        return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not 24 <= len(key) <= 64:
        text = (
            f"A secret is {PREFIX} and 24 to 64 bytes in base64. Leave it empty to have one made."
        )
        raise ValidationError({"secret": text})
    return secret


def _request(message: Message, target: Target, macs: dict[str, Mac]) -> HttpRequest:
    """Return the signed request; `macs` caches the keys by the encrypted secret."""
    mac = macs.get(message.sealed_secret)
    if mac is None:
        mac = macs[message.sealed_secret] = _mac(message.secret)
    body = build_payload(message)
    timestamp = int(time.time())
    signature = _sign(mac, message.id, timestamp, body)
    if message.sealed_previous_secret:
        previous = _mac(message.previous_secret)
        signature = f"{signature} {_sign(previous, message.id, timestamp, body)}"
    headers = [
        "Content-Type: application/json",
        "Expect:",
        f"webhook-id: {message.id}",
        f"webhook-timestamp: {timestamp}",
        f"webhook-signature: {signature}",
    ]
    proxy = proxy_for(target.host)
    return HttpRequest(target.url, headers, body, proxy, message.may_reach_private)


def _mac(secret: str) -> Mac:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    if not key:
        raise ValueError("a webhook without a secret cannot be signed")
    return Mac(key, SHA256())


def _sign(mac: Mac, message_id: str, timestamp: int, body: bytes) -> str:
    """Sign by Standard Webhooks 1.0, "Symmetric", in a fraction of the time of its library."""
    signed = mac(f"{message_id}.{timestamp}.".encode() + body)
    return f"v1,{base64.b64encode(signed).decode()}"


def build_payload(message: Message) -> bytes:
    due_at = iso(message.due_at)
    fields: dict[str, Any] = {"title": message.title, "body": message.body, "due_at": due_at}
    if action_urls := urls(message):
        fields["actions"] = action_urls
    # These fields come first, and `message.data` must not overwrite them.
    data = {**fields, **message.data, **fields}
    kind = data.pop("type", "reminder.due")
    return orjson.dumps({"type": kind, "timestamp": due_at, "data": data})


def _outcome(message: Message, target: Target, reply: HttpReply) -> SendOutcome:
    latency = timedelta(seconds=reply.seconds)
    if 200 <= reply.status < 300:
        if challenge := message.data.get("challenge"):
            return _challenged(message, latency, reply, challenge)
        # The status counts, even if the rest of the response was cut off.
        return SendOutcome(message, latency, answer=f"answered {reply.status}")
    if reply.proxy_error:
        error = TransportError(reply.proxy_error, fault=Fault.FOAM)
        return SendOutcome(message, latency, error=error)
    try:
        error = _answered(message, reply) if reply.status else _failed(message, target, reply)
    except Exception as bug:
        error = internal_error(bug, message.delivery_id)
    return SendOutcome(message, latency, error=error)


def _challenged(
    message: Message, latency: timedelta, reply: HttpReply, challenge: str
) -> SendOutcome:
    """Return `sent` if the answer contains the challenge: as text, or in JSON as `challenge`."""
    text = reply.body.decode(errors="replace").strip()
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        content = text
    answer = content.get("challenge") if isinstance(content, dict) else content
    if isinstance(answer, str) and hmac.compare_digest(answer.encode(), challenge.encode()):
        return SendOutcome(message, latency, answer=f"answered {reply.status} with the challenge")
    error = TransportError(f"answered {reply.status} without the challenge", permanent=True)
    return SendOutcome(message, latency, error=error)


def _answered(message: Message, reply: HttpReply) -> TransportError:
    """Return the error of a status. Only 410 is final; a redirect may be a mistake to be fixed."""
    if reply.status == 410:
        return TransportError(
            "answered 410: the receiver wants no more messages", address_gone=True
        )
    wait = requested_wait(reply.retry_after, timezone.now())
    if not message.is_verified:
        # The receiver may be anybody's: its words would tell the owner what runs there.
        return TransportError(f"answered {reply.status}", retry_after=wait)
    text = _readable(reply.body.decode(errors="replace"), message)
    if 300 <= reply.status < 400:
        to = f" to {_readable(reply.redirect, message)}" if reply.redirect else ""
        text = f"a redirect{to}, which is not followed"
    detail = f"answered {reply.status}: {text}" if text else f"answered {reply.status}"
    return TransportError(detail, retry_after=wait)


def _failed(message: Message, target: Target, reply: HttpReply) -> TransportError:
    if reply.refusal:
        return TransportError(f"{target.host} is refused: {reply.refusal}", permanent=True)
    if reply.is_hung:
        detail = f"timed out after {reply.seconds:.0f} s{_phase(reply.error)}"
        return TransportError(detail, hung=True, uncertain=reply.is_sent)
    failure = FAILURES.get(reply.errno, "failed")
    # The errno of another failure may belong to another address of the name, tried before.
    has_errno = reply.os_errno and reply.errno in CONNECTION_ERRORS
    reason = os.strerror(reply.os_errno) if has_errno else _readable(reply.error, message)
    return TransportError(f"{failure}: {reason}", uncertain=reply.is_sent)


def _phase(error: str) -> str:
    for beginning, phase in (
        ("Resolving", " looking up the host name"),
        ("Connection", " connecting"),
        ("SSL", " in the TLS handshake"),
    ):
        if error.startswith(beginning):
            return phase
    return ""


def _readable(text: str, message: Message) -> str:
    """Return the beginning of a receiver's text on one line, without the channel's secrets."""
    for secret in filter(None, (message.secret, message.previous_secret)):
        text = text.replace(secret.removeprefix(PREFIX), "…")
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:ANSWER_LENGTH]
