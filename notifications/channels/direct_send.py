"""Messages that somebody asks for and waits for: tests and challenges, sent at once.

They are deliveries like any other, with one attempt, but do not wait for a worker. So many of
them, codes included, may be asked for within an hour: FOAM pesters no strangers.
"""

import secrets
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from math import ceil
from operator import or_
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Q

from accounts.models import User
from notifications.links import verification_codes
from notifications.models import Attempt, Channel, Delivery
from notifications.outbox import outbox
from notifications.outbox.lease import lease_this
from notifications.outbox.outbox import Post

TEST = "test:"
# Not as a code, whose message has a link that answers it.
CHALLENGE = "challenge:"
ASKED_FOR = (TEST, CHALLENGE, verification_codes.PREFIX)
HOUR = timedelta(hours=1)
OF_CHANNEL = 5
OF_OWNER = 15
# How long a person waits for a receiver's answer, in seconds.
TEST_PATIENCE = 14.0


class Unusable(Exception):
    """A channel to which nothing can be sent now; says why."""


class TooMany(Exception):
    """Asked for too often; `wait` says in how many seconds again."""

    def __init__(self, whose: str, wait: timedelta) -> None:
        self.wait = ceil(wait.total_seconds())
        limit = OF_CHANNEL if whose == "channel" else OF_OWNER
        super().__init__(
            f"Within an hour, {limit} test and verification messages are sent for one {whose}: "
            f"the next one in {ceil(self.wait / 60)} min."
        )


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was asked for, and what came of it.

    `attempt` is None when it was left to the workers, or has no known outcome. `destination` is
    that to which it went.
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


class Words(NamedTuple):
    title: str
    body: str
    data: Mapping[str, Any]


TEST_WORDS = Words(
    "Test message",
    "This is a test of a FOAM channel. There is nothing to do.",
    {"type": "channel.test"},
)


def test(channel: Channel, now: datetime) -> Sent:
    """Send a test message through the channel, verified or not, and return what came of it."""
    return send(channel, TEST, TEST_WORDS, now, TEST_PATIENCE)


def send(channel: Channel, prefix: str, words: Words, now: datetime, patience: float) -> Sent:
    """Post a message and send it in this process, within so many seconds.

    A kind that cannot promise that, or is not set up, is left to the workers. TooMany, Unusable.
    """
    hurried = channel.transport.in_time(patience)
    with transaction.atomic():
        channel = allowed(channel, now)
        title, body, data = words
        post = Post(channel.pk, reference(prefix, channel), title, body, now, data, urgent=True)
        outbox.post([post], now, max_attempts=1, to_unverified=True)
        delivery = Delivery.objects.get(channel=channel, reference=post.reference)
        leased = lease_this(delivery.pk, now) if hurried else None
    if hurried is None or leased is None:
        return Sent(delivery, channel.destination)
    with closing(hurried):
        outbox.deliver([leased], now, lambda kind: hurried)
    delivery.refresh_from_db()
    return Sent(delivery, channel.destination, delivery.attempts.first())


def reference(prefix: str, channel: Channel) -> str:
    """Return the reference of a message of which there are many: told apart by its nonce."""
    return f"{prefix}{channel.pk}:{secrets.token_hex(8)}"


def allowed(channel: Channel, now: datetime) -> Channel:
    """Return the channel as it is now, locked, if one more may be sent to it; TooMany, Unusable.

    Within a transaction. The owner is locked, too, so that two at once do not both count 14.
    """
    User.objects.select_for_update(no_key=True).get(pk=channel.owner_id)
    channel = Channel.objects.select_for_update(no_key=True).get(pk=channel.pk)
    if channel.deleted_at or channel.disabled_at:
        raise Unusable("This channel is disabled: enable it first.")
    if why := channel.transport.unavailable():
        raise Unusable(why)
    _within_limits(channel, now)
    return channel


def _within_limits(channel: Channel, now: datetime) -> None:
    lately = Delivery.objects.filter(created_at__gt=now - HOUR).order_by("-created_at")
    of_channel = reduce(or_, (_begins(each, channel) for each in ASKED_FOR))
    of_owner = Q(channel__owner=channel.owner_id) & reduce(or_, map(_begins, ASKED_FOR))
    for whose, theirs, limit in (
        ("channel", of_channel, OF_CHANNEL),
        ("owner", of_owner, OF_OWNER),
    ):
        times = lately.filter(theirs).values_list("created_at", flat=True)
        if oldest := times[limit - 1 : limit].first():
            raise TooMany(whose, oldest + HOUR - now)


def _begins(prefix: str, channel: Channel | None = None) -> Q:
    """By the constraint on (reference, channel), whose order is that of bytes: a range of it."""
    return Q(reference__startswith=f"{prefix}{channel.pk}:" if channel else prefix)
