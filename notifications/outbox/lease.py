"""The lease: due deliveries belong to one worker until `leased_until`.

If the worker dies, its lease runs out and another worker leases the delivery again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
from django.conf import settings
from django.db import transaction

from accounts.models import SYSTEM_USER_ID
from accounts.models.pause import EVERYTHING
from notifications.links import verification_codes
from notifications.metrics import store
from notifications.models.delivery import message_id
from notifications.sql import bulk_cursor
from notifications.transports import Message

LEASE_BATCH_SIZE = 500
# Must exceed the time that the slowest message takes: a transport gives it up within 20 s.
LEASE = timedelta(seconds=settings.FOAM_LEASE_SECONDS)

# A delivery held for a digest is never leased, even after its window has ended: the digest is sent.
# While everything is paused, only the canary's delivery is sent.
IS_FREE = f"""
(held IS NULL OR held NOT IN ('digest', 'flood'))
  AND (channel_id = {SYSTEM_USER_ID} OR NOT {EVERYTHING})
"""

# Oldest due first. SKIP LOCKED skips the rows that another worker is leasing; LEASE_SQL leases the
# locked ones. While everything is paused, the scan begins at the canary's delivery, as many others
# may wait before it.
OLDEST = """
due AS MATERIALIZED (
    SELECT id, channel_id, status, attempt, {ends_as} AS ends_as FROM notifications_delivery d
    WHERE next_attempt_at <= %(now)s AND (leased_until IS NULL OR leased_until <= %(now)s)
        AND {is_free} AND next_attempt_at >= (
            SELECT CASE WHEN {everything} THEN (
                SELECT min(next_attempt_at) FROM notifications_delivery
                WHERE channel_id = 0 AND next_attempt_at IS NOT NULL
            ) ELSE '-infinity' END
        )
    ORDER BY next_attempt_at LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
"""

# Channels with unfinished deliveries, by id after `after`: one index probe for each.
CHANNELS_WITH_WORK = """
WITH RECURSIVE head AS (
    SELECT 1 AS number, (
        SELECT channel_id FROM notifications_delivery
        WHERE channel_id > %(after)s AND next_attempt_at IS NOT NULL
        ORDER BY channel_id, next_attempt_at LIMIT 1
    ) AS channel_id
    UNION ALL
    SELECT number + 1, (
        SELECT channel_id FROM notifications_delivery
        WHERE channel_id > head.channel_id AND next_attempt_at IS NOT NULL
        ORDER BY channel_id, next_attempt_at LIMIT 1
    )
    FROM head WHERE channel_id IS NOT NULL AND number < %(limit)s
)
SELECT channel_id FROM head WHERE channel_id IS NOT NULL
"""

# A few due deliveries of each of these channels. The condition is a range of both columns, so that
# PostgreSQL can use only the index of both, and never the one of all channels' times.
OF_CHANNELS = """
due AS MATERIALIZED (
    SELECT d.* FROM notifications_channel c
    CROSS JOIN LATERAL (
        SELECT id, channel_id, status, attempt, {ends_as} AS ends_as FROM notifications_delivery d
        WHERE next_attempt_at IS NOT NULL
            AND (channel_id, next_attempt_at) >= (c.id, '-infinity'::timestamptz)
            AND (channel_id, next_attempt_at) <= (c.id, %(now)s)
            AND (leased_until IS NULL OR leased_until <= %(now)s) AND {is_free}
        ORDER BY channel_id, next_attempt_at LIMIT %(per_channel)s
        FOR UPDATE SKIP LOCKED
    ) d
    WHERE c.id = ANY (%(channels)s) AND c.kind = ANY (%(kinds)s)
    LIMIT %(limit)s
)
"""

# One delivery, inserted by the same transaction: no other worker can see it yet.
THIS = """
due AS MATERIALIZED (
    SELECT id, channel_id, status, attempt, {ends_as} AS ends_as FROM notifications_delivery d
    WHERE id = %(id)s AND status = 'queued' AND {is_free}
    FOR UPDATE SKIP LOCKED
)
"""

# A `sending` row whose lease ran out belonged to a worker that died. Without attempts left it ends
# here, before it is sent again: a message that kills its worker never reaches a later check.
#
# A delivery to an account that is switched off ends here as well. PostgreSQL first checks once per
# statement whether any account is, by an index that is nearly always empty.
ENDS_AS = """
CASE WHEN attempt >= max_attempts OR status = 'sending' AND (
    SELECT at_most_once FROM notifications_channel WHERE id = d.channel_id
) THEN 'dead' WHEN EXISTS (
    SELECT 1 FROM accounts_pause WHERE scope = 'account' AND ended_at IS NULL
) AND EXISTS (
    SELECT 1 FROM accounts_pause WHERE scope = 'account' AND ended_at IS NULL
        AND owner_id = (SELECT owner_id FROM notifications_channel WHERE id = d.channel_id)
) THEN 'cancelled' END
"""
SWITCHED_OFF = "The account of its owner is switched off."

# The lease. The attempt of a worker that died is uncertain. A delivery that was queued to a channel
# while it was being paused is put off to the end of the pause.
LEASE_SQL = """
WITH RECURSIVE {due}, lost AS (
    INSERT INTO notifications_attempt (delivery_id, number, outcome, detail, ended_at)
    SELECT id, attempt, 'uncertain', 'The worker ended before it could record an outcome.', %(now)s
    FROM due WHERE status = 'sending'
    ON CONFLICT (delivery_id, number) DO NOTHING
    RETURNING 1
), counted AS (
    INSERT INTO notifications_meter (series, value)
    SELECT '{lost}', count(*) FROM lost HAVING count(*) > 0
), ended AS (
    UPDATE notifications_delivery d SET status = ends_as, next_attempt_at = NULL,
        leased_until = NULL, finished_at = %(now)s,
        reason = CASE WHEN ends_as = 'cancelled' THEN '{switched_off}'
            WHEN d.attempt >= d.max_attempts
            THEN 'Gave up after ' || d.attempt || ' attempts; the last one has no known outcome.'
            ELSE 'It may have arrived: the worker ended during attempt ' || d.attempt
                || ', and this channel would rather lose a message than repeat it.' END
    FROM due WHERE d.id = ANY (ARRAY[due.id]) AND ends_as IS NOT NULL
), paused AS MATERIALIZED (
    SELECT id, paused_until FROM notifications_channel WHERE paused_until > %(now)s
), put_off AS (
    UPDATE notifications_delivery d SET status = 'queued', leased_until = NULL, held = 'paused',
        next_attempt_at = paused.paused_until
    FROM paused JOIN due ON due.channel_id = paused.id
    WHERE d.id = ANY (ARRAY[due.id]) AND ends_as IS NULL
)
UPDATE notifications_delivery d SET status = 'sending', attempt = d.attempt + 1,
    leased_until = %(until)s
FROM due JOIN notifications_channel c ON c.id = due.channel_id
WHERE d.id = ANY (ARRAY[due.id]) AND ends_as IS NULL
    AND (c.paused_until IS NULL OR c.paused_until <= %(now)s)
RETURNING d.id, d.attempt, d.max_attempts, d.created_at, d.title, d.body, d.due_at, d.data::text,
    d.reference, c.holds > 0 OR c.deaths > 0 OR c.lost_at IS NOT NULL, c.at_most_once,
    CASE WHEN d.attempt = 1 AND d.held IS NULL AND c.holds = 0
        THEN extract(epoch FROM least(d.due_at, d.created_at))::float8 END,
    c.id, c.kind, c.address, c.secret,
    CASE WHEN c.previous_secret_until > %(now)s THEN c.previous_secret END,
    c.verified_at IS NOT NULL, true AS may_reach_private
"""
# In place of `true`, where private networks are allowed to staff: a probe for each delivery.
OWNER_IS_STAFF = "(SELECT is_staff AND is_active FROM accounts_user WHERE id = c.owner_id)"
LEASE_OLDEST, LEASE_OF_CHANNELS, LEASE_THIS = (
    LEASE_SQL.format(
        due=due.format(ends_as=ENDS_AS, is_free=IS_FREE, everything=EVERYTHING),
        lost=store.LOST.series(),
        switched_off=SWITCHED_OFF,
    )
    for due in (OLDEST, OF_CHANNELS, THIS)
)
# While some channels are busy, a lease looks at this many others, and takes this many deliveries of
# each.
CHANNELS_AT_ONCE = 500
DELIVERIES_PER_CHANNEL = 20


class Leased(NamedTuple):
    """A delivery that belongs to this worker until the lease runs out.

    `has_failed`: its channel hung last time, or an earlier delivery to it ended dead. `since`: its
    due time in seconds of the epoch; None for a delivery that was held, and for a retry.
    """

    message: Message
    kind: str
    max_attempts: int
    has_failed: bool = False
    is_at_most_once: bool = False
    since: float | None = None


def lease_oldest(now: datetime, limit: int = LEASE_BATCH_SIZE) -> list[Leased]:
    """Lease up to `limit` due deliveries, oldest first; other workers skip them."""
    return _lease(LEASE_OLDEST, {"now": now, "until": now + LEASE, "limit": limit})


def lease_of_channels(
    now: datetime, channels: Sequence[int], kinds: Sequence[str], limit: int = LEASE_BATCH_SIZE
) -> list[Leased]:
    """Lease a few due deliveries of each of these channels, if its kind is among `kinds`.

    A backlog of other channels costs nothing, as it is not read.
    """
    values = {
        "now": now,
        "until": now + LEASE,
        "limit": limit,
        "per_channel": DELIVERIES_PER_CHANNEL,
    }
    return _lease(LEASE_OF_CHANNELS, {**values, "channels": list(channels), "kinds": list(kinds)})


def lease_this(delivery_id: int, now: datetime) -> Leased | None:
    """Lease a delivery posted in the same transaction; return None if it was not queued."""
    leased = _lease(LEASE_THIS, {"now": now, "until": now + LEASE, "id": delivery_id})
    return leased[0] if leased else None


def channels_with_work(after: int, limit: int = CHANNELS_AT_ONCE) -> list[int]:
    """Return up to `limit` channels with unfinished deliveries, by id after `after`."""
    with transaction.atomic(), bulk_cursor(by_index=True) as cursor:
        cursor.execute(CHANNELS_WITH_WORK, {"after": after, "limit": limit})
        return [channel for (channel,) in cursor.fetchall()]


def _lease(sql: str, values: dict[str, Any]) -> list[Leased]:
    # Without private networks no owner is looked up: nothing is allowed there anyway.
    networks, users = settings.FOAM_ALLOWED_PRIVATE_NETWORKS, settings.FOAM_PRIVATE_NETWORKS_FOR
    if networks and users == "staff":
        sql = sql.replace("true AS may_reach_private", OWNER_IS_STAFF)
    with transaction.atomic(), bulk_cursor(by_index=True) as cursor:
        cursor.execute(sql, values, binary=True)
        rows = cursor.fetchall()
    return [_leased(row) for row in rows]


def _leased(row: tuple[Any, ...]) -> Leased:
    id_, attempt, max_attempts, created_at, title, body, due_at, data, reference, *channel = row
    has_failed, is_at_most_once, since, channel_id, kind, address, secret, *rights = channel
    if reference.startswith(verification_codes.PREFIX):
        body = verification_codes.fill(body, reference)
    # By position: keyword arguments would take twice the time for a batch.
    message = Message(
        *(id_, attempt, message_id(id_, created_at), channel_id, address, title, body, due_at),
        *(orjson.loads(data), secret, reference, *rights),
    )
    return Leased(message, kind, max_attempts, has_failed, is_at_most_once, since)


# A released delivery has used no attempt.
RELEASE_SQL = """
UPDATE notifications_delivery d SET status = 'queued', attempt = d.attempt - 1,
    leased_until = NULL, next_attempt_at = greatest(d.next_attempt_at, (
        SELECT held_until FROM notifications_channel c WHERE c.id = d.channel_id
    ))
FROM unnest(%(ids)b::bigint[], %(attempts)b::int[]) AS o(id, attempt)
WHERE d.id = ANY (ARRAY[o.id]) AND d.attempt = o.attempt
    AND d.status = 'sending'
"""


def release(messages: Sequence[Message]) -> None:
    """Return leased deliveries that were not sent to the queue."""
    if not messages:
        return
    ids, attempts = [m.delivery_id for m in messages], [m.attempt for m in messages]
    with transaction.atomic(), bulk_cursor(by_index=True) as cursor:
        cursor.execute(RELEASE_SQL, {"ids": ids, "attempts": attempts})
