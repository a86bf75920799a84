"""The channels whose messages do not arrive: one was lost, or the last attempts all failed.

Either holds until a message is accepted there. The rule reads a bounded number of rows for each
channel, by the index of the API's list. So a list of channels or of reminders can ask about all
that it shows in one statement.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from notifications.sql import bulk_cursor

# So many attempts in a row make a channel a failing one; a single failure may be chance.
IN_A_ROW = 3
# Among the attempts of so many of its newest deliveries.
DELIVERIES = 50

FAILING = """
SELECT c.id, c.lost_at, max(a.ended_at), (array_agg(a.detail ORDER BY a.ended_at DESC))[1]
FROM notifications_channel c
LEFT JOIN LATERAL (
    SELECT a.outcome, a.detail, a.ended_at FROM (
        SELECT id, attempt FROM notifications_delivery
        WHERE channel_id = c.id ORDER BY id DESC LIMIT %(deliveries)s
    ) d
    JOIN notifications_attempt a ON a.delivery_id = d.id AND d.attempt > 0
    ORDER BY a.ended_at DESC LIMIT %(in_a_row)s
) a ON true
WHERE c.id = ANY (%(channels)b::bigint[])
GROUP BY c.id
HAVING c.lost_at IS NOT NULL
    OR count(a.outcome) = %(in_a_row)s AND bool_and(a.outcome <> 'sent')
"""


class Failure(NamedTuple):
    """Since when messages are lost, if they are, and when and how the last attempt ended."""

    lost_at: datetime | None
    at: datetime | None
    detail: str | None

    def __str__(self) -> str:
        detail = f": {self.detail}" if self.detail else ""
        if self.lost_at:
            return f"Its messages have not arrived since {self.lost_at:%Y-%m-%d %H:%M} UTC{detail}"
        return (
            f"Failing: the last {IN_A_ROW} attempts failed, the last one at "
            f"{self.at:%Y-%m-%d %H:%M} UTC{detail}"
        )


def failing(channels: Iterable[int]) -> dict[int, Failure]:
    """Return, by id, those of these channels whose messages do not arrive."""
    values = {"channels": sorted(set(channels)), "deliveries": DELIVERIES, "in_a_row": IN_A_ROW}
    with bulk_cursor() as cursor:
        cursor.execute(FAILING, values)
        return {pk: Failure(*failure) for pk, *failure in cursor.fetchall()}
