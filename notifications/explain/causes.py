"""The causes of deliveries, and what followed: `occurrence:12` and, later, `occurrence:12:nag:1`.

A reference that continues with a colon belongs to the same cause. References are compared byte by
byte, so those of a cause are a range of the index on (reference, channel): from the colon up to the
next byte. The app of a cause registers a function that describes it.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from notifications.sql import bulk_cursor

# DISTINCT, as a reference has a delivery to each of its channels.
FOLLOWING = """
SELECT d.reference, c.cause FROM unnest(%(causes)b::text[]) AS c(cause)
CROSS JOIN LATERAL (
    SELECT DISTINCT reference FROM notifications_delivery
    WHERE reference > c.cause || ':' AND reference < c.cause || ';'
) d
"""


def following(causes: Iterable[str]) -> dict[str, str]:
    """Return the references that follow from causes, each with its cause."""
    references = list(causes)
    if not references:
        return {}
    with bulk_cursor() as cursor:
        cursor.execute(FOLLOWING, {"causes": references})
        return dict(cursor.fetchall())


class Cause(NamedTuple):
    """The cause of a delivery, for staff; `at` is its due instant, `url` its page in the admin."""

    text: str
    at: datetime | None = None
    url: str = ""


# Takes a reference; returns None if the cause no longer exists.
Describe = Callable[[str], Cause | None]

_registered: dict[str, Describe] = {}
# The causes of FOAM's own messages about channels, by the prefix of the reference.
OWN_CAUSES = {
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
    """Register the description of all causes whose reference begins with `prefix` and a colon."""
    _registered[prefix] = describe


def cause_of(reference: str) -> Cause:
    """Return the cause of a reference, as its app describes it; else the reference alone."""
    prefix = reference.partition(":")[0]
    describe = _registered.get(prefix)
    cause = describe(reference) if describe else None
    return cause or Cause(OWN_CAUSES.get(prefix, f"caused by {reference}"))
