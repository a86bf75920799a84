"""Notices: FOAM's own messages to the owners of channels, and how they are posted.

A notice goes to the owner's inbox and to another working channel, if there is one. It is a normal
delivery, posted in the transaction of the event that it reports, once for each reference.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import orjson
from django.conf import settings

from notifications.retry import MAX_ATTEMPTS
from notifications.sql import bulk_cursor
from notifications.transports import TRANSPORTS, transport

LONGEST_REASON = 500
LONGEST_TITLE = 200

DISABLED, UNVERIFIED = "notice:channel:", "unverified:channel:"
LOST, UNREACHABLE = "lost:channel:", "unreachable:channel:"
# The loss of a message of these kinds is not reported: it is no reminder.
SILENT = ("notice:", "unverified:", "lost:", "unreachable:", "test:", "challenge:", "verify:")


class Notice(NamedTuple):
    """A message to the owner of a channel, about that channel."""

    channel_id: int
    reference: str
    title: str
    body: str
    data: dict[str, object]


# A channel that has not lost a message lately is preferred, then the oldest.
INSERT_NOTICES = """
INSERT INTO notifications_delivery (channel_id, reference, title, body, due_at, data, status,
    attempt, max_attempts, next_attempt_at, reason, created_at, urgent)
SELECT t.id, n.reference, n.title, n.body, %(now)s, n.data::jsonb, 'queued', 0, %(max_attempts)s,
    %(now)s, '', %(now)s, FALSE
FROM unnest(%(channels)b::bigint[], %(references)b::text[], %(titles)b::text[], %(bodies)b::text[],
    %(datas)b::text[]) AS n(channel_id, reference, title, body, data)
JOIN notifications_channel c ON c.id = n.channel_id
CROSS JOIN LATERAL (
    (SELECT i.id FROM notifications_channel i
     WHERE i.owner_id = c.owner_id AND i.kind = 'inbox' AND i.id <> c.id
         AND i.deleted_at IS NULL AND i.disabled_at IS NULL)
    UNION ALL
    (SELECT o.id FROM notifications_channel o
     WHERE o.owner_id = c.owner_id AND o.kind = ANY (%(kinds)b) AND o.id <> c.id
         AND o.deleted_at IS NULL AND o.disabled_at IS NULL AND o.verified_at IS NOT NULL
         AND (o.held_until IS NULL OR o.held_until <= %(now)s)
         AND (o.paused_until IS NULL OR o.paused_until <= %(now)s)
     ORDER BY o.lost_at IS NOT NULL, o.id LIMIT %(others)s)
) t
ON CONFLICT (channel_id, reference) DO NOTHING
"""


def post_notices(notices: Sequence[Notice], now: datetime, *, inbox_only: bool = False) -> None:
    """Queue notices for their owners, whose inboxes exist, within the caller's transaction."""
    if not notices:
        return
    kinds = [kind for kind in TRANSPORTS if kind not in ("inbox", "null")]
    with bulk_cursor() as cursor:
        cursor.execute(
            INSERT_NOTICES,
            {
                "now": now,
                "max_attempts": MAX_ATTEMPTS,
                "channels": [notice.channel_id for notice in notices],
                "references": [notice.reference for notice in notices],
                "titles": [notice.title for notice in notices],
                "bodies": [notice.body for notice in notices],
                "datas": [orjson.dumps(notice.data).decode() for notice in notices],
                "kinds": [kind for kind in kinds if not transport(kind).unavailable()],
                "others": 0 if inbox_only else 1,
            },
        )


def disabled(channel: str, reason: str, channel_id: int, at: datetime) -> Notice:
    """Return the notice that a channel was disabled, with the reason and how to enable it."""
    return Notice(
        channel_id,
        disabled_reference(channel_id, at),
        f"FOAM no longer sends to {channel}"[:LONGEST_TITLE],
        f"{channel} was disabled.\n"
        f"Why: {_sentence(reason[:LONGEST_REASON])}\n\n"
        "Your reminders still go to their other channels. Once it works again, enable it: press "
        f"“Enable again” here, POST {_address(channel_id)}enable/, or ask your administrator. "
        "What was cancelled meanwhile is not sent again.",
        {"type": "channel.disabled", "channel_id": channel_id},
    )


def disabled_reference(channel_id: int, at: datetime) -> str:
    return f"{DISABLED}{channel_id}:{_stamp(at)}"


def unverified(channel: str, channel_id: int, at: datetime) -> Notice:
    """Return the notice that a channel must be verified again, as its address was changed."""
    return Notice(
        channel_id,
        f"{UNVERIFIED}{channel_id}:{_stamp(at)}",
        f"FOAM sends nothing to {channel} until it is verified"[:LONGEST_TITLE],
        f"The address of {channel} was changed, so it has to be verified again. What waited for "
        "it was cancelled, and reminders do not go there until then.\n\n"
        f"Verify it: POST {_address(channel_id)}verify/, or ask your administrator.",
        {"type": "channel.unverified", "channel_id": channel_id},
    )


class LostDelivery(NamedTuple):
    """The id, the title and the reason of a delivery that ended dead."""

    delivery_id: int
    title: str
    reason: str


def lost(channel: str, delivery: LostDelivery, channel_id: int, at: datetime) -> Notice:
    """Return the notice that a message did not arrive; the channel's next losses are silent."""
    delivery_id, title, reason = delivery
    return Notice(
        channel_id,
        f"{LOST}{channel_id}:{_stamp(at)}",
        f"Did not arrive: {title}"[:LONGEST_TITLE],
        f"“{title}” did not reach {channel}.\n"
        f"Why: {_sentence(reason[:LONGEST_REASON])}\n\n"
        "Further messages to this channel may be lost as well. FOAM says this once, until a "
        f"message is accepted there. Test the channel: POST {_address(channel_id)}test/. Send the "
        f"message again: POST {settings.FOAM_BASE_URL}/api/v1/deliveries/{delivery_id}/retry/. "
        "Or ask your administrator.",
        {"type": "delivery.lost", "channel_id": channel_id, "delivery_id": delivery_id},
    )


def unreachable(channel: str, title: str, reason: str, channel_id: int, at: datetime) -> Notice:
    """Return the notice that a reminder was due, but none of its channels takes messages."""
    return Notice(
        channel_id,
        f"{UNREACHABLE}{channel_id}:{_stamp(at)}",
        f"Reached no one: {title}"[:LONGEST_TITLE],
        f"“{title}” was due, and was not sent: none of its channels takes messages.\n"
        f"Why: {channel}: {_sentence(reason[:LONGEST_REASON])}\n\n"
        "Other reminders may lead there as well. FOAM says this once for a channel. See which: "
        f"GET {settings.FOAM_BASE_URL}/api/v1/reminders/, those with `is_deliverable` false; give "
        "them another channel, or enable or verify this one.",
        {"type": "reminder.unreachable", "channel_id": channel_id},
    )


def _address(channel_id: int) -> str:
    return f"{settings.FOAM_BASE_URL}/api/v1/channels/{channel_id}/"


def _stamp(at: datetime) -> str:
    return f"{at:%Y%m%dT%H%M%S%fZ}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "…", "!", "?")) else f"{text}."
