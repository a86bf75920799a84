"""Which channels fail at present: nothing has been accepted there in the last attempts.

The rule reads a bounded number of rows for each channel, by the index of the API's list. So a list
of channels or of reminders can ask about all that it shows in one statement.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from notifications.bulk import bulk_cursor

# So many attempts in a row make a channel a failing one; a single failure may be chance.
IN_A_ROW = 3
# Among the attempts of so many of its newest deliveries.
DELIVERIES = 50

FAILING = """
SELECT c.id, max(a.ended_at), (array_agg(a.detail ORDER BY a.ended_at DESC))[1]
FROM unnest(%(channels)b::bigint[]) AS c(id)
CROSS JOIN LATERAL (
    SELECT a.outcome, a.detail, a.ended_at FROM (
        SELECT id, attempt FROM notifications_delivery
        WHERE channel_id = c.id ORDER BY id DESC LIMIT %(deliveries)s
    ) d
    JOIN notifications_attempt a ON a.delivery_id = d.id AND d.attempt > 0
    ORDER BY a.ended_at DESC LIMIT %(in_a_row)s
) a
GROUP BY c.id
HAVING count(*) = %(in_a_row)s AND bool_and(a.outcome <> 'sent')
"""


class Failure(NamedTuple):
    """When the last attempt failed, and what it failed with."""

    at: datetime
    detail: str

    def __str__(self) -> str:
        why = f": {self.detail}" if self.detail else ""
        return (
            f"Failing: the last {IN_A_ROW} attempts failed, the last one at "
            f"{self.at:%Y-%m-%d %H:%M} UTC{why}"
        )


def failing(channels: Iterable[int]) -> dict[int, Failure]:
    """Return, by id, those of these channels whose last attempts all failed."""
    ids = sorted(set(channels))
    if not ids:
        return {}
    values = {"channels": ids, "deliveries": DELIVERIES, "in_a_row": IN_A_ROW}
    with bulk_cursor() as cursor:
        cursor.execute(FAILING, values)
        return {pk: Failure(at, detail) for pk, at, detail in cursor.fetchall()}
