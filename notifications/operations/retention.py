"""Retention: deletes deliveries that ended long ago, with their attempts; the tally counts them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection

from notifications.models import Channel, Delivery
from notifications.sql import bulk_cursor

# Rows deleted in one transaction, which must stay short.
BATCH = 1000

# The deliveries of a cause are deleted together. All of them stay while one is unfinished, or
# locked by a retry; the rows locked here stay locked until the caller commits.
REMOVE = """
WITH candidates AS MATERIALIZED (
    SELECT * FROM unnest(%(references)b::text[], %(causes)b::text[]) AS a(reference, cause)
), ours AS MATERIALIZED (
    SELECT id FROM notifications_delivery
    WHERE reference = ANY (%(references)b::text[]) AND finished_at < %(before)s
    FOR UPDATE SKIP LOCKED
), blocked AS MATERIALIZED (
    SELECT DISTINCT a.cause FROM notifications_delivery d JOIN candidates a USING (reference)
    WHERE d.reference = ANY (%(references)b::text[]) AND d.id NOT IN (SELECT id FROM ours)
    -- A digest stays as long as any message that it has collected.
    UNION SELECT a.cause FROM ours
    JOIN notifications_delivery g ON g.id = ours.id JOIN candidates a USING (reference)
    WHERE EXISTS (SELECT FROM notifications_delivery c WHERE c.digest_id = ours.id)
), deleted AS (
    DELETE FROM notifications_delivery d USING ours, candidates a
    WHERE d.id = ours.id AND d.reference = a.reference
        AND a.cause NOT IN (SELECT cause FROM blocked)
    RETURNING d.id, d.channel_id, d.created_at, d.status, d.reason
), tried AS (
    DELETE FROM notifications_attempt a USING deleted
    WHERE a.delivery_id = ANY (ARRAY[deleted.id]) RETURNING a.id
), counted AS (
    INSERT INTO notifications_tally (day, status, reason, recorded, pruned)
    SELECT (created_at AT TIME ZONE 'UTC')::date, status, left(split_part(reason, ':', 1), 100), 0,
        count(*)
    FROM deleted WHERE channel_id <> 0 GROUP BY 1, 2, 3
)
SELECT (SELECT count(*) FROM deleted), (SELECT count(*) FROM tried),
    ARRAY (SELECT cause FROM blocked)
"""


@dataclass(frozen=True, slots=True)
class RemovedBatch:
    """The numbers of deleted rows, and the causes whose deliveries had to stay."""

    deliveries: int
    attempts: int
    blocked: frozenset[str]


def remove(causes: Mapping[str, str], before: datetime) -> RemovedBatch:
    """Delete the deliveries of each cause if all of them ended `before`.

    `causes` maps references to their causes.
    """
    values = {"references": list(causes), "causes": list(causes.values())}
    with bulk_cursor() as cursor:
        cursor.execute(REMOVE, {**values, "before": before})
        deliveries, attempts, blocked = cursor.fetchone() or (0, 0, [])
    return RemovedBatch(deliveries, attempts, frozenset(blocked))


def old_references(before: datetime, prefix: str) -> Iterator[set[str]]:
    """Yield by batch the references of deliveries created `before`, except those with `prefix`.

    Ids grow with time, so the first batch without an old delivery is the last.
    """
    last = 0
    rows = Delivery.objects.order_by("pk").values_list("pk", "reference", "created_at")
    while batch := list(rows.filter(pk__gt=last)[:BATCH]):
        old = [reference for _, reference, created_at in batch if created_at < before]
        if not old:
            return
        yield {reference for reference in old if not reference.startswith(prefix)}
        last = batch[-1][0]


def forget_secrets(now: datetime) -> None:
    """Erase previous secrets of webhooks that are no longer used for signing."""
    expired = Channel.objects.filter(previous_secret_until__lte=now)
    expired.update(previous_secret=None, previous_secret_until=None)


# One statement does not see the rows that the trigger appends meanwhile, so they stay.
COMPACT_TALLY = """
WITH merged AS (
    DELETE FROM {tally} WHERE (day, status, reason) IN (
        SELECT day, status, reason FROM {tally} WHERE day < %(before)s
        GROUP BY 1, 2, 3 HAVING count(*) > 1
    ) RETURNING day, status, reason, recorded, pruned
)
INSERT INTO {tally} (day, status, reason, recorded, pruned)
SELECT day, status, reason, sum(recorded), sum(pruned) FROM merged GROUP BY 1, 2, 3
"""


def compact_tally(tally: Any, before: date) -> None:
    """Merge a tally's rows of each day `before` into one for each status and reason."""
    with connection.cursor() as cursor:
        cursor.execute(COMPACT_TALLY.format(tally=tally._meta.db_table), {"before": before})
