"""Causes and what followed from them: `occurrence:12` and, much later, `occurrence:12:nag:1`.

A reference that goes on after a colon is of the same cause. References are compared byte by byte,
so they are a range of the index on (reference, channel): from the colon up to the next byte.

What a cause is, its own app tells: here they are words.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from notifications.sql import bulk_cursor

# DISTINCT: one reference has a delivery to each of several channels.
FOLLOWING = """
SELECT d.reference, c.cause FROM unnest(%(causes)b::text[]) AS c(cause)
CROSS JOIN LATERAL (
    SELECT DISTINCT reference FROM notifications_delivery
    WHERE reference > c.cause || ':' AND reference < c.cause || ';'
) d
"""


def following(causes: Iterable[str]) -> dict[str, str]:
    """Return the references that go on from some causes, each with its cause."""
    asked = list(causes)
    if not asked:
        return {}
    with bulk_cursor() as cursor:
        cursor.execute(FOLLOWING, {"causes": asked})
        return dict(cursor.fetchall())


class Cause(NamedTuple):
    """What caused a delivery, for staff; `at` is when it was due, `url` its page in the admin."""

    text: str
    at: datetime | None = None
    url: str = ""


# From a reference; None for a cause that is there no longer.
Describe = Callable[[str], Cause | None]

_registered: dict[str, Describe] = {}
# What FOAM sends on behalf of a channel.
OF_CHANNELS = {
    "challenge": "the challenge that verifies a webhook",
    "digest": "a digest of messages that were collected",
    "lost": "a notice that a message did not arrive",
    "notice": "a notice that a channel was disabled",
    "test": "a test message that somebody asked for",
    "unreachable": "a notice that a reminder had no channel left",
    "unverified": "a notice that a channel is to be verified again",
    "verify": "the code that verifies a channel",
}


def register(prefix: str, describe: Describe) -> None:
    """Describe all causes whose reference begins with `prefix` and a colon."""
    _registered[prefix] = describe


def cause_of(reference: str) -> Cause:
    """Return what is known of a cause; its reference alone where nobody tells more."""
    prefix = reference.partition(":")[0]
    describe = _registered.get(prefix)
    found = describe(reference) if describe else None
    return found or Cause(OF_CHANNELS.get(prefix, f"caused by {reference}"))
