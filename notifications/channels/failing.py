"""Failing channels: a message was lost, or the last attempts all failed.

A channel is failing until it accepts a message. The rule reads a bounded number of rows for each
channel, by the index of the API's list. So one statement serves a whole page of a list.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from notifications.sql import bulk_cursor

# A channel is failing after this many failed attempts in a row; a single failure may be chance.
FAILURES_IN_A_ROW = 3
# Only the attempts at this many of its newest deliveries are read.
DELIVERIES_READ = 50

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


class ChannelFailure(NamedTuple):
    """The time of the first lost message, if any, and the time and detail of the last attempt."""

    lost_at: datetime | None
    at: datetime | None
    detail: str | None

    def __str__(self) -> str:
        detail = f": {self.detail}" if self.detail else ""
        if self.lost_at:
            return f"Its messages have not arrived since {self.lost_at:%Y-%m-%d %H:%M} UTC{detail}"
        return (
            f"Failing: the last {FAILURES_IN_A_ROW} attempts failed, the last one at "
            f"{self.at:%Y-%m-%d %H:%M} UTC{detail}"
        )


def find_failing(channels: Iterable[int]) -> dict[int, ChannelFailure]:
    """Return the failures of the failing channels among these, by id."""
    values = {"channels": sorted(set(channels)), "deliveries": DELIVERIES_READ}
    values |= {"in_a_row": FAILURES_IN_A_ROW}
    with bulk_cursor() as cursor:
        cursor.execute(FAILING, values)
        return {pk: ChannelFailure(*failure) for pk, *failure in cursor.fetchall()}
