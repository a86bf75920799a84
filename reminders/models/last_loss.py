"""The last message of a reminder, where it did not arrive: derived when it is read."""

from datetime import datetime
from typing import NamedTuple, Self

from django.db.models import JSONField
from django.db.models.expressions import RawSQL

# Of the latest occurrence that fired, the last message to each channel: sent by its digest, or
# lost. A few probes of indexes for each reminder that is shown. Occurrences that did not fire are
# passed over, but not many.
SQL = """
(SELECT jsonb_build_object('at', l.finished_at, 'channel', l.channel_id, 'delivery', l.id,
        'reason', l.reason)
FROM (
    SELECT DISTINCT ON (d.channel_id) d.id, d.channel_id,
        coalesce(g.status, d.status) AS status, coalesce(g.finished_at, d.finished_at)
        AS finished_at, coalesce(g.reason, d.reason) AS reason
    FROM (
        SELECT 'occurrence:' || recent.id AS reference FROM (
            SELECT id, status, due_at FROM reminders_occurrence
            WHERE reminder_id = reminders_reminder.id ORDER BY due_at DESC LIMIT 5
        ) recent
        WHERE recent.status NOT IN ('missed', 'skipped') ORDER BY recent.due_at DESC LIMIT 1
    ) o
    CROSS JOIN LATERAL (
        SELECT * FROM notifications_delivery WHERE reference = o.reference
        UNION ALL
        SELECT * FROM notifications_delivery
        WHERE reference > o.reference || ':' AND reference < o.reference || ';'
    ) d
    LEFT JOIN notifications_delivery g ON g.id = d.digest_id
    ORDER BY d.channel_id, d.id DESC
) l
WHERE l.status = 'dead' OR l.status = 'cancelled' AND l.reason LIKE 'Channel %%'
ORDER BY l.finished_at DESC LIMIT 1)
"""
NAME = "last_loss_row"


class LastLoss(NamedTuple):
    """A message that did not arrive, and why."""

    at: datetime
    channel: int
    delivery: int
    reason: str

    @classmethod
    def of(cls, row: dict | None) -> Self | None:
        """Read the annotation; None where the last message arrived, or is on its way."""
        if row is None:
            return None
        return cls(
            datetime.fromisoformat(row["at"]), row["channel"], row["delivery"], row["reason"]
        )


def expression() -> RawSQL:
    return RawSQL(SQL, (), output_field=JSONField())  # noqa: S611  no value of anybody's is in it
