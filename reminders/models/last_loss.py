"""The last message of a reminder, if it did not arrive: computed when the reminder is read."""

from datetime import datetime
from typing import NamedTuple, Self

from django.db.models import JSONField
from django.db.models.expressions import RawSQL

# The last message to each channel about the latest occurrence that fired; a collected message
# counts by its digest. Only the latest 5 occurrences are searched: this takes a few index probes
# for each reminder.
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
    """A message that did not arrive, and the reason."""

    at: datetime
    channel: int
    delivery: int
    reason: str

    @classmethod
    def of(cls, row: dict | None) -> Self | None:
        """Return the annotated loss; None if the last message arrived or is still queued."""
        if row is None:
            return None
        return cls(
            datetime.fromisoformat(row["at"]), row["channel"], row["delivery"], row["reason"]
        )


def expression() -> RawSQL:
    return RawSQL(SQL, (), output_field=JSONField())  # noqa: S611  no user input is in it
