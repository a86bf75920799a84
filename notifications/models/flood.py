"""The flood guard's count: how many messages to a channel are to go out within an hour."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import models

from notifications.sql import bulk_cursor

# (channel, the beginning of an hour)
Hour = tuple[int, datetime]
# No longer than this is counted on.
KEEP = timedelta(days=7)


class Flood(models.Model):
    """How many messages to a guarded channel were to go out within an hour; urgent ones apart.

    Two that post at once wait for each other at this row, so that the limit holds for both.
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


# In one order for all, so that two batches do not wait for each other crosswise.
COUNT = """
INSERT INTO notifications_flood (channel_id, hour, count)
SELECT * FROM unnest(%(channels)b::bigint[], %(hours)b::timestamptz[], %(counts)b::int[])
ORDER BY 1, 2
ON CONFLICT (channel_id, hour) DO UPDATE SET count = notifications_flood.count + EXCLUDED.count
RETURNING channel_id, hour, count
"""


def count(posted: Mapping[Hour, int]) -> dict[Hour, int]:
    """Add so many messages to each of these hours; return how many there were before.

    Whoever adds to one of them meanwhile waits until the caller has committed.
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


def beyond(channel_id: int, limit: int, now: datetime) -> int:
    """Return how many messages were beyond the limit in the hours of the last day."""
    hours = Flood.objects.filter(channel=channel_id, hour__gt=now - timedelta(days=1))
    counts = hours.filter(count__gt=limit).values_list("count", flat=True)
    return sum(each - limit for each in counts)


def forget(now: datetime) -> None:
    Flood.objects.filter(hour__lt=now - KEEP).delete()
