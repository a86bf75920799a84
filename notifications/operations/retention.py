"""Retention: deliveries that ended long ago go, with their attempts; the tally keeps their sums."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection

from notifications.models import Channel, Delivery
from notifications.sql import bulk_cursor

# Rows in a batch, which is one short transaction.
BATCH = 1000

# A cause goes whole, or stays whole: with one of its deliveries unfinished, or held by someone who
# just retries it, all of them stay. Whoever locks them here holds them until the caller commits.
REMOVE = """
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest(%(references)b::text[], %(causes)b::text[]) AS a(reference, cause)
), ours AS MATERIALIZED (
    SELECT id FROM notifications_delivery
    WHERE reference = ANY (%(references)b::text[]) AND finished_at < %(before)s
    FOR UPDATE SKIP LOCKED
), kept AS MATERIALIZED (
    SELECT DISTINCT a.cause FROM notifications_delivery d JOIN asked a USING (reference)
    WHERE d.reference = ANY (%(references)b::text[]) AND d.id NOT IN (SELECT id FROM ours)
    -- A digest stays for as long as anything that it has collected.
    UNION SELECT a.cause FROM ours
    JOIN notifications_delivery g ON g.id = ours.id JOIN asked a USING (reference)
    WHERE EXISTS (SELECT FROM notifications_delivery c WHERE c.digest_id = ours.id)
), gone AS (
    DELETE FROM notifications_delivery d USING ours, asked a
    WHERE d.id = ours.id AND d.reference = a.reference
        AND a.cause NOT IN (SELECT cause FROM kept)
    RETURNING d.id, d.channel_id, d.created_at, d.status, d.reason
), tried AS (
    DELETE FROM notifications_attempt a USING gone WHERE a.delivery_id = gone.id RETURNING a.id
), counted AS (
    INSERT INTO notifications_tally (day, status, reason, recorded, pruned)
    SELECT (created_at AT TIME ZONE 'UTC')::date, status, left(split_part(reason, ':', 1), 100), 0,
        count(*)
    FROM gone WHERE channel_id <> 0 GROUP BY 1, 2, 3
)
SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM tried),
    ARRAY (SELECT cause FROM kept)
"""


@dataclass(frozen=True, slots=True)
class Gone:
    """What a batch removed, and the causes of which it had to keep something."""

    deliveries: int
    attempts: int
    kept: frozenset[str]


def remove(causes: Mapping[str, str], before: datetime) -> Gone:
    """Remove the deliveries of each cause of which all ended `before`.

    `causes` has what is to be looked at: references, each with the cause that it belongs to.
    """
    asked = {"references": list(causes), "causes": list(causes.values())}
    with bulk_cursor() as cursor:
        cursor.execute(REMOVE, {**asked, "before": before})
        deliveries, attempts, kept = cursor.fetchone() or (0, 0, [])
    return Gone(deliveries, attempts, frozenset(kept))


def old_references(before: datetime, prefix: str) -> Iterator[set[str]]:
    """Yield by batch the references of deliveries made `before`, without those with `prefix`.

    Ids grow with time: the first batch that holds nothing old is the end.
    """
    last = 0
    rows = Delivery.objects.order_by("pk").values_list("pk", "reference", "created_at")
    while batch := list(rows.filter(pk__gt=last)[:BATCH]):
        old = [reference for _, reference, made_at in batch if made_at < before]
        if not old:
            return
        yield {reference for reference in old if not reference.startswith(prefix)}
        last = batch[-1][0]


def forget_secrets(now: datetime) -> None:
    """Forget secrets of webhooks that no longer sign."""
    over = Channel.objects.filter(previous_secret_until__lte=now)
    over.update(previous_secret=None, previous_secret_until=None)


# One statement: what a trigger appends meanwhile is not seen by it, and stays.
COMPACT = """
WITH gone AS (
    DELETE FROM {tally} WHERE (day, status, reason) IN (
        SELECT day, status, reason FROM {tally} WHERE day < %(before)s
        GROUP BY 1, 2, 3 HAVING count(*) > 1
    ) RETURNING day, status, reason, recorded, pruned
)
INSERT INTO {tally} (day, status, reason, recorded, pruned)
SELECT day, status, reason, sum(recorded), sum(pruned) FROM gone GROUP BY 1, 2, 3
"""


def compact(tally: Any, before: date) -> None:
    """Add up what a tally has of each day `before`, so that one row remains of each reason."""
    with connection.cursor() as cursor:
        cursor.execute(COMPACT.format(tally=tally._meta.db_table), {"before": before})
