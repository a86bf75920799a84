"""Partitions of the attempts, by the ids of their deliveries."""

from datetime import timedelta

from django.db import connection

from notifications.operations.partitions import PartitionedTable

ATTEMPTS = PartitionedTable("notifications_attempt", "delivery_id", int)

MILLION = 1_000_000
# Ids of a partition. Many messages make larger ones, so that all that is kept takes about a dozen.
SMALLEST = 10 * MILLION
SHARE = 12
# The next id, and the oldest delivery that is there.
IDS = """
SELECT last_value + is_called::int, (SELECT min(id) FROM notifications_delivery)
FROM notifications_delivery_id_seq
"""
NEEDED = "SELECT FROM notifications_delivery WHERE id >= {lower} AND id < {upper}"
NEEDED_OF_FIRST = "SELECT FROM notifications_delivery WHERE id < {upper}"


def make_ahead(limit: timedelta | None = None) -> None:
    """Make the partition of the next delivery, and those of as many ids after it as one holds."""
    next_id, oldest_id = _ids()
    size = max(SMALLEST, -(-(next_id - oldest_id) // (SHARE * MILLION)) * MILLION)
    top = max([next_id // MILLION * MILLION, *(p.upper for p in ATTEMPTS.partitions())])
    while top < next_id + size and ATTEMPTS.make(top, top + size, f"from_{top}", limit):
        top += size


def drop_old() -> None:
    """Drop the partitions of deliveries that are all deleted."""
    _, oldest_id = _ids()
    for partition in ATTEMPTS.partitions():
        if partition.upper <= oldest_id:
            ATTEMPTS.drop(partition, NEEDED if partition.lower is not None else NEEDED_OF_FIRST)


def is_missing() -> bool:
    """Return whether the next attempt goes to the default partition."""
    return not ATTEMPTS.is_covered(_ids()[0])


def _ids() -> tuple[int, int]:
    """Return the id of the next delivery and that of the oldest; the former if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(IDS)
        next_id, oldest_id = cursor.fetchone()
    return next_id, next_id if oldest_id is None else oldest_id
