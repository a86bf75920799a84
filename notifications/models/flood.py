"""The flood guard's counter: the messages that go out to a channel within an hour."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models

from notifications.sql import bulk_cursor

# A channel's id, and the beginning of an hour.
Hour = tuple[int, datetime]
# A row older than this is not read any more.
RETENTION = timedelta(days=7)
# Kinds without a flood guard by default: programs want every message.
KINDS_WITHOUT_FLOOD_GUARD = ["inbox", "null", "webhook"]


class Flood(models.Model):
    """The number of messages to a guarded channel within an hour, without the urgent ones.

    Two transactions that post at once wait for each other at this row, so that the limit holds for
    both together.
    """

    channel = models.ForeignKey(
        "notifications.Channel", models.CASCADE, related_name="floods", db_index=False
    )
    hour = models.DateTimeField()
    count = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["channel", "hour"], name="notifications_flood_once"),
        ]

    def __str__(self) -> str:
        return f"{self.channel_id} in the hour from {self.hour:%H:%M} UTC: {self.count}"


# Sorted, so that two batches do not lock the rows in opposite orders (a deadlock).
COUNT = """
INSERT INTO notifications_flood (channel_id, hour, count)
SELECT * FROM unnest(%(channels)b::bigint[], %(hours)b::timestamptz[], %(counts)b::int[])
ORDER BY 1, 2
ON CONFLICT (channel_id, hour) DO UPDATE SET count = notifications_flood.count + EXCLUDED.count
RETURNING channel_id, hour, count
"""


def count_messages(posted: Mapping[Hour, int]) -> dict[Hour, int]:
    """Add the `posted` messages to each hour; return how many there were before.

    Another transaction that adds to one of these hours waits until the caller has committed.
    """
    with bulk_cursor() as cursor:
        cursor.execute(
            COUNT,
            {
                "channels": [channel for channel, _ in posted],
                "hours": [hour for _, hour in posted],
                "counts": list(posted.values()),
            },
            binary=True,
        )
        return {(row[0], row[1]): row[2] - posted[row[0], row[1]] for row in cursor.fetchall()}


def count_over_limit(channel_id: int, limit: int, now: datetime) -> int:
    """Return how many messages were over the hourly limit within the last day."""
    hours = Flood.objects.filter(channel=channel_id, hour__gt=now - timedelta(days=1))
    counts = hours.filter(count__gt=limit).values_list("count", flat=True)
    return sum(count - limit for count in counts)


def flood_limit_of(kind: str, flood_limit: int | None) -> int:
    """Return the hourly limit of a channel: its own, or its kind's default; 0 for no limit."""
    if flood_limit is not None:
        return flood_limit
    return 0 if kind in KINDS_WITHOUT_FLOOD_GUARD else settings.FOAM_FLOOD_LIMIT


def forget(now: datetime) -> None:
    Flood.objects.filter(hour__lt=now - RETENTION).delete()
