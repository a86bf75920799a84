"""Posting: how other apps queue messages, and how the digests of ended windows are queued."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from django.db import IntegrityError, transaction

from notifications.models.verification import NEEDS_NO_PROOF
from notifications.notices import SILENT
from notifications.outbox import digest, unreachable
from notifications.outbox.hold_rules import SendPlan, plan_sends
from notifications.outbox.queue import wake_workers
from notifications.outbox.unreachable import CancelledMessage
from notifications.retry import MAX_ATTEMPTS
from notifications.sql import bulk_cursor


class Post(NamedTuple):
    """A message of another app to one channel, sent once per `reference`.

    An `urgent` one is held by nothing: no quiet hours, no digest, no flood guard.
    """

    channel_id: int
    reference: str
    title: str
    body: str
    due_at: datetime
    data: Mapping[str, Any] = {}
    urgent: bool = False


# %(urgents)b, %(ats)b and %(helds)b may be empty arrays. A message held for a digest ignores
# `channel.held_until`, which is set after a hang: the digest itself waits for it.
INSERT_POSTS = """
WITH posted AS (
INSERT INTO notifications_delivery (channel_id, reference, title, body, due_at, data, status,
    attempt, max_attempts, next_attempt_at, reason, created_at, finished_at, urgent, held)
SELECT c.id, p.reference, p.title, p.body, p.due_at, p.data::jsonb,
    CASE WHEN usable THEN 'queued' ELSE 'cancelled' END, 0, %(max_attempts)s,
    CASE WHEN NOT usable THEN NULL WHEN p.held IN ('digest', 'flood') THEN p.at
         ELSE greatest(%(now)s, p.at, c.held_until) END,
    CASE WHEN usable THEN ''
         WHEN c.deleted_at IS NOT NULL THEN 'Channel deleted.'
         WHEN c.disabled_at IS NOT NULL THEN 'Channel disabled: ' || c.disabled_reason
         ELSE 'Channel not verified.' END,
    %(now)s, CASE WHEN NOT usable THEN %(now)s END, coalesce(p.urgent, FALSE), p.held
FROM unnest(%(channels)b::bigint[], %(references)b::text[], %(titles)b::text[], %(bodies)b::text[],
    %(dues)b::timestamptz[], %(datas)b::text[], %(urgents)b::boolean[], %(ats)b::timestamptz[],
    %(helds)b::text[]) AS p(channel_id, reference, title, body, due_at, data, urgent, at, held)
JOIN notifications_channel c ON c.id = p.channel_id
CROSS JOIN LATERAL (
    SELECT c.deleted_at IS NULL AND c.disabled_at IS NULL
        AND (c.verified_at IS NOT NULL OR c.kind = ANY (%(no_proof)b) OR %(to_unverified)s)
        AS usable
) u
ON CONFLICT (channel_id, reference) DO NOTHING
RETURNING channel_id, reference, status
)
SELECT count(*), array_agg(channel_id) FILTER (WHERE status = 'cancelled'),
    array_agg(reference) FILTER (WHERE status = 'cancelled')
FROM posted
"""


def post_messages(
    posts: Sequence[Post],
    now: datetime,
    *,
    max_attempts: int = MAX_ATTEMPTS,
    to_unverified: bool = False,
) -> int:
    """Queue messages for sending, within the caller's transaction; return how many are new.

    1. Decide when each may go out, and which rule holds it until then.
    2. Insert a delivery for each. A (channel, reference) that exists already is left unchanged; a
       message for a disabled or unverified channel is recorded as cancelled. Only a message that
       asks its receiver for an answer is sent `to_unverified` channels.
    3. Post a notice about messages that no channel of the same reference takes.
    4. Wake the workers at commit.
    """
    if not posts:
        return 0
    return _insert(posts, plan_sends(posts, now), now, max_attempts, to_unverified)


def _insert(
    posts: Sequence[Post],
    planned: SendPlan,
    now: datetime,
    max_attempts: int = MAX_ATTEMPTS,
    to_unverified: bool = False,
) -> int:
    with bulk_cursor() as cursor:
        cursor.execute(
            INSERT_POSTS,
            {
                "now": now,
                "max_attempts": max_attempts,
                "to_unverified": to_unverified,
                "no_proof": list(NEEDS_NO_PROOF),
                "channels": [p.channel_id for p in posts],
                "references": [p.reference for p in posts],
                "titles": [p.title for p in posts],
                "bodies": [p.body for p in posts],
                "dues": [p.due_at for p in posts],
                "datas": [orjson.dumps(p.data).decode() for p in posts],
                "urgents": [p.urgent for p in posts] if any(p.urgent for p in posts) else [],
                "ats": planned.ats,
                "helds": planned.helds,
            },
        )
        count, channels, references = cursor.fetchone() or (0, [], [])
    if channels and references and not to_unverified:
        cancelled = set(zip(channels, references, strict=True))
        unreachable.notify_owners(_undelivered(posts, cancelled), now)
    transaction.on_commit(wake_workers, robust=True)
    return int(count)


def _undelivered(posts: Sequence[Post], cancelled: set[tuple[int, str]]) -> list[CancelledMessage]:
    """Return the cancelled messages whose reference goes to no other channel either."""
    delivered = {p.reference for p in posts if (p.channel_id, p.reference) not in cancelled}
    return [
        CancelledMessage(p.channel_id, p.reference, p.title)
        for p in posts
        if p.reference not in delivered and not p.reference.startswith(SILENT)
    ]


def collect_digests(now: datetime) -> int:
    """Post a digest for each window that has ended; return how many messages they collected.

    One transaction: if the worker dies in it, the next worker finds everything as it was.
    """
    if not digest.has_ended_windows(now):
        return 0
    with transaction.atomic():
        windows = digest.gather(now)
        posts = [Post(**window.message()) for window in windows]
        if posts and _insert(posts, SendPlan([], []), now) != len(posts):
            raise IntegrityError("A digest exists already for messages that were still queued.")
        return digest.mark_collected(windows, now)
