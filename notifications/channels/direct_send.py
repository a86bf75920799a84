"""Tests and challenges: messages that a user requests and waits for, sent in the request.

They are normal deliveries with one attempt, but do not wait for a worker. Their number per hour is
limited, together with that of codes, so that FOAM cannot be used to pester strangers.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from math import ceil
from operator import or_
from threading import BoundedSemaphore
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from accounts.models import User
from accounts.models.mail_budget import DAILY_LIMIT, HOURLY_LIMIT, take_mail
from notifications.links import verification_codes
from notifications.models import Attempt, Channel, Delivery
from notifications.outbox.lease import lease_this
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import deliver
from notifications.transports import Transport

TEST = "test:"
# A prefix of its own, as the message with a code has a link that answers it.
CHALLENGE = "challenge:"
LIMITED_PREFIXES = (TEST, CHALLENGE, verification_codes.PREFIX)
HOUR = timedelta(hours=1)
HOURLY_LIMIT_OF_CHANNEL = 5
HOURLY_LIMIT_OF_OWNER = 15
# Messages of one owner that web sends at the same time. A receiver that accepts and says nothing
# keeps a thread of web for as long as the patience below.
AT_ONCE_OF_OWNER = 2
# How long a person waits for a receiver's answer, in seconds.
TEST_PATIENCE = 14.0


class UnusableChannel(Exception):
    """Nothing can be sent to the channel now; the text is the reason."""


class HourlyLimitReached(Exception):
    """The hourly limit of a channel or an owner; `wait` is the seconds until the next message."""

    def __init__(self, subject: str, wait: timedelta) -> None:
        self.wait = ceil(wait.total_seconds())
        is_channel = subject == "channel"
        limit = HOURLY_LIMIT_OF_CHANNEL if is_channel else HOURLY_LIMIT_OF_OWNER
        super().__init__(
            f"Within an hour, {limit} test and verification messages are sent for one {subject}: "
            f"the next one in {ceil(self.wait / 60)} min."
        )


class ReceiverLimitReached(HourlyLimitReached):
    """The budget of an e-mail address that has not confirmed, over all channels and doors."""

    def __init__(self, wait: timedelta) -> None:
        self.wait = ceil(wait.total_seconds())
        # Not HourlyLimitReached's sentence: somebody else may have used the budget up.
        Exception.__init__(
            self,
            f"To an address that is not verified FOAM sends {HOURLY_LIMIT} mails an hour and "
            f"{DAILY_LIMIT} a day at most, whoever asks: the next one in {ceil(self.wait / 60)} "
            "min.",
        )


class TooManyAtOnce(Exception):
    """The owner's messages under way, or those of all owners, leave no thread for this one."""

    wait = ceil(TEST_PATIENCE)


# Half of the threads of a process of web go on with other requests while receivers hang.
_threads = BoundedSemaphore(max(1, settings.FOAM_WEB_THREADS // 2))


@dataclass(frozen=True, slots=True)
class Sent:
    """A requested message and its outcome.

    `attempt` is None if the message was left to the workers, or has no known outcome.
    `destination` is the channel's destination at that time.
    """

    delivery: Delivery
    destination: str
    attempt: Attempt | None = None

    def __str__(self) -> str:
        if self.attempt is None:
            return f"the test message is delivery {self.delivery.pk}, and on its way"
        took = (
            f" after {self.attempt.latency.total_seconds():.2f} s" if self.attempt.latency else ""
        )
        return f"{self.attempt.outcome}{took} · {self.attempt.detail}"


class DirectMessage(NamedTuple):
    title: str
    body: str
    data: Mapping[str, Any]


TEST_MESSAGE = DirectMessage(
    "Test message",
    "This is a test of a FOAM channel. There is nothing to do.",
    {"type": "channel.test"},
)


def test(channel: Channel, now: datetime) -> Sent:
    """Send a test message to the channel, verified or not, and return its outcome."""
    return send(channel, TEST, TEST_MESSAGE, now, TEST_PATIENCE)


def send(
    channel: Channel, prefix: str, message: DirectMessage, now: datetime, patience: float
) -> Sent:
    """Post a message and send it in this process within `patience` seconds.

    1. Take one of the threads for such messages; TooManyAtOnce.
    2. Lock owner and channel, and check the limits; HourlyLimitReached, UnusableChannel.
    3. Post the message, and lease it in the same transaction.
    4. Send it. A transport without a time limit leaves it to the workers instead.
    """
    limited_transport = channel.transport.in_time(patience)
    if limited_transport is None:
        return _send(channel, prefix, message, now, None)
    with closing(limited_transport), _thread():
        return _send(channel, prefix, message, now, limited_transport)


@contextmanager
def _thread() -> Iterator[None]:
    if not _threads.acquire(blocking=False):
        raise TooManyAtOnce(
            "Too many test and verification messages are being sent just now: try again in "
            f"{TooManyAtOnce.wait} s."
        )
    try:
        yield
    finally:
        _threads.release()


def _send(
    channel: Channel,
    prefix: str,
    message: DirectMessage,
    now: datetime,
    limited_transport: Transport | None,
) -> Sent:
    with transaction.atomic():
        channel = lock_if_allowed(channel, now)
        if limited_transport:
            _check_under_way(channel, now)
        title, body, data = message
        post = Post(channel.pk, reference(prefix, channel), title, body, now, data, urgent=True)
        post_messages([post], now, max_attempts=1, to_unverified=True)
        delivery = Delivery.objects.get(channel=channel, reference=post.reference)
        leased = lease_this(delivery.pk, now) if limited_transport else None
    if limited_transport is None or leased is None:
        return Sent(delivery, channel.destination)
    deliver([leased], now, lambda kind: limited_transport)
    delivery.refresh_from_db()
    return Sent(delivery, channel.destination, delivery.attempts.first())


def reference(prefix: str, channel: Channel) -> str:
    """Return a new reference, unique by its nonce."""
    return f"{prefix}{channel.pk}:{secrets.token_hex(8)}"


def lock_if_allowed(channel: Channel, now: datetime) -> Channel:
    """Lock and return the channel if one more message may be sent to it, within a transaction.

    The owner is locked, too, so that two requests at once cannot both count 14 messages. Raises
    HourlyLimitReached or UnusableChannel.
    """
    User.objects.select_for_update(no_key=True).get(pk=channel.owner_id)
    channel = Channel.objects.select_for_update(no_key=True).get(pk=channel.pk)
    if channel.deleted_at or channel.disabled_at:
        raise UnusableChannel("This channel is disabled: enable it first.")
    if reason := channel.transport.unavailable():
        raise UnusableChannel(reason)
    _check_limits(channel, now)
    is_unconfirmed = channel.kind == Channel.Kind.EMAIL and not channel.is_verified
    if is_unconfirmed and (wait := take_mail(channel.address, now)):
        raise ReceiverLimitReached(wait)
    return channel


def _check_under_way(channel: Channel, now: datetime) -> None:
    """Raise TooManyAtOnce if web is sending enough messages of the owner, whose row is locked."""
    prefixes = reduce(or_, map(_begins, (TEST, CHALLENGE)))
    own = Delivery.objects.filter(prefixes, channel__owner=channel.owner_id, leased_until__gt=now)
    if own.filter(status="sending", created_at__gt=now - HOUR).count() >= AT_ONCE_OF_OWNER:
        raise TooManyAtOnce(
            f"{AT_ONCE_OF_OWNER} test or verification messages of yours are being sent: wait for "
            f"their answers, or try again in {TooManyAtOnce.wait} s."
        )


def _check_limits(channel: Channel, now: datetime) -> None:
    lately = Delivery.objects.filter(created_at__gt=now - HOUR).order_by("-created_at")
    of_channel = reduce(or_, (_begins(prefix, channel) for prefix in LIMITED_PREFIXES))
    of_owner = Q(channel__owner=channel.owner_id) & reduce(or_, map(_begins, LIMITED_PREFIXES))
    for subject, messages, limit in (
        ("channel", of_channel, HOURLY_LIMIT_OF_CHANNEL),
        ("owner", of_owner, HOURLY_LIMIT_OF_OWNER),
    ):
        times = lately.filter(messages).values_list("created_at", flat=True)
        if oldest := times[limit - 1 : limit].first():
            raise HourlyLimitReached(subject, oldest + HOUR - now)


def _begins(prefix: str, channel: Channel | None = None) -> Q:
    """Return the condition of a prefix: a range of the index on (reference, channel)."""
    return Q(reference__startswith=f"{prefix}{channel.pk}:" if channel else prefix)
