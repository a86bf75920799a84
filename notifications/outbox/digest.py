"""Digests: the messages that a channel has collected go out as one when the window has ended.

A window is a channel and an instant. The reference of its digest names both, so each window has one
digest. The worker that gathers a window locks its channel, and other workers skip it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from accounts.timezones import format_instant, iso, zone
from notifications.models import Delivery
from notifications.models.flood import flood_limit_of
from notifications.outbox.digest_windows import HOUR, hour_of
from notifications.outbox.hold_rules import rules_of
from notifications.sql import bulk_cursor

REFERENCE = "digest:"
# A digest lists this many messages, and counts the others: the list of deliveries has them all.
MESSAGES_LISTED = 50
# Characters of the first line of a body.
LINE_LENGTH = 200
# Windows gathered in one transaction.
WINDOW_BATCH_SIZE = 100

# The windows that have ended, oldest first: one probe of a partial index when none has.
WINDOWS = """
SELECT channel_id FROM notifications_delivery
WHERE next_attempt_at <= %(now)s AND next_attempt_at IS NOT NULL AND held IN ('digest', 'flood')
GROUP BY next_attempt_at, channel_id ORDER BY next_attempt_at LIMIT %(limit)s
"""

LOCK_CHANNELS = """
SELECT c.id, c.kind, c.flood_limit, u.timezone FROM notifications_channel c
JOIN accounts_user u ON u.id = c.owner_id
WHERE c.id = ANY (%(ids)b::bigint[]) ORDER BY c.id
FOR NO KEY UPDATE OF c SKIP LOCKED
"""

# All messages of a window. A row being cancelled is waited for, and then left out.
MESSAGES = """
SELECT id, channel_id, next_attempt_at, due_at, held FROM notifications_delivery
WHERE channel_id = ANY (%(ids)b::bigint[]) AND next_attempt_at <= %(now)s AND status = 'queued'
    AND held IN ('digest', 'flood')
ORDER BY id FOR UPDATE
"""

RELEASE_ALONE = """
UPDATE notifications_delivery SET held = 'alone' WHERE id = ANY (%(ids)b::bigint[])
"""

# A message committed after its digest had gone out waits until the next hour, not the next day.
PUT_OFF_LATE = """
UPDATE notifications_delivery d SET next_attempt_at = o.at
FROM unnest(%(ids)b::bigint[], %(ats)b::timestamptz[]) AS o(id, at) WHERE d.id = o.id
"""

MARK_COLLECTED = """
UPDATE notifications_delivery d SET status = 'collected', digest_id = g.id, next_attempt_at = NULL,
    finished_at = %(now)s, reason = CASE d.held WHEN 'flood'
        THEN 'Collected by the flood guard.' ELSE 'Collected in a digest.' END
FROM unnest(%(ids)b::bigint[], %(references)b::text[]) AS o(id, reference)
JOIN notifications_delivery g ON g.reference = o.reference
WHERE d.id = o.id AND g.channel_id = d.channel_id
"""


class CollectedMessage(NamedTuple):
    id: int
    channel_id: int
    ends_at: datetime
    due_at: datetime
    held: str


class DigestWindow(NamedTuple):
    """The messages of one window in the order of the digest, and the texts of those listed."""

    rows: Sequence[CollectedMessage]
    texts: Sequence[dict[str, Any]]
    timezone: str
    limit: int

    @property
    def reference(self) -> str:
        return reference(self.rows[0])

    def message(self) -> dict[str, Any]:
        """Return the fields of the digest's `Post`."""
        first, count = self.rows[0], len(self.rows)
        return {
            "channel_id": first.channel_id,
            "reference": self.reference,
            "title": f"Digest: {count} reminders",
            "body": "\n".join(self._lines()),
            "due_at": first.ends_at,
            "data": {
                "type": "reminder.digest",
                "held": first.held,
                "count": count,
                "timezone": self.timezone,
                "messages": [
                    {**text["data"], "title": text["title"], "due_at": iso(text["due_at"])}
                    for text in self.texts
                ],
            },
        }

    def _lines(self) -> Iterable[str]:
        end = self.rows[0].ends_at.astimezone(zone(self.timezone))
        until = format_instant(self.rows[0].ends_at, self.timezone)
        is_flood = self.rows[0].held == Delivery.Held.FLOOD and self.limit
        beyond = f", beyond the {self.limit} an hour that go out at once" if is_flood else ""
        yield f"{len(self.rows)} reminders collected until {until}{beyond}:"
        yield ""
        for text in self.texts:
            due = text["due_at"].astimezone(zone(self.timezone))
            day = "" if due.date() == end.date() else f"{due:%a} {due.day} {due:%b} "
            yield f"• {day}{due:%H:%M}  {text['title']}"
            if line := text["body"].lstrip().partition("\n")[0].strip():
                yield f"  {line[:LINE_LENGTH]}"
        if more := len(self.rows) - len(self.texts):
            yield f"… and {more} more: the list of your deliveries has them all."


def reference(row: CollectedMessage) -> str:
    return f"{REFERENCE}{row.channel_id}:{int(row.ends_at.timestamp())}"


def has_ended_windows(now: datetime) -> bool:
    return bool(_windows(now, 1))


def _windows(now: datetime, limit: int = WINDOW_BATCH_SIZE) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(WINDOWS, {"now": now, "limit": limit})
        return [channel for (channel,) in cursor.fetchall()]


def gather(now: datetime) -> list[DigestWindow]:
    """Return the ended windows that become digests, within the caller's transaction.

    1. Lock their channels, skipping channels locked by another worker.
    2. Release a message that is alone in its window: it goes out as itself.
    3. Put off messages that came after the digest of their window.
    4. Read the texts of the messages to list.
    """
    with bulk_cursor() as cursor:
        cursor.execute(LOCK_CHANNELS, {"ids": _windows(now)})
        channels = {
            pk: (flood_limit_of(kind, limit), zone_) for pk, kind, limit, zone_ in cursor.fetchall()
        }
        cursor.execute(MESSAGES, {"ids": list(channels), "now": now}, binary=True)
        rows = [CollectedMessage._make(row) for row in cursor.fetchall()]
    windows: dict[str, list[CollectedMessage]] = defaultdict(list)
    for row in rows:
        windows[reference(row)].append(row)
    _release_alone([window[0] for window in windows.values() if len(window) == 1])
    groups = {name: window for name, window in windows.items() if len(window) > 1}
    late = set(Delivery.objects.filter(reference__in=groups).values_list("reference", flat=True))
    _put_off([row for name in late for row in groups.pop(name)], now)
    ordered = [sorted(window, key=lambda row: (row.due_at, row.id)) for window in groups.values()]
    texts = _texts_of([row.id for window in ordered for row in window[:MESSAGES_LISTED]])
    return [
        DigestWindow(window, [texts[row.id] for row in window[:MESSAGES_LISTED]], timezone, limit)
        for window in ordered
        for limit, timezone in [channels[window[0].channel_id]]
    ]


def _texts_of(ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    rows = Delivery.objects.filter(pk__in=ids).values("pk", "title", "body", "due_at", "data")
    return {row["pk"]: dict(row) for row in rows}


def _release_alone(rows: Sequence[CollectedMessage]) -> None:
    if rows:
        with bulk_cursor() as cursor:
            cursor.execute(RELEASE_ALONE, {"ids": [row.id for row in rows]})


def _put_off(rows: Sequence[CollectedMessage], now: datetime) -> None:
    if not rows:
        return
    rules = rules_of({row.channel_id for row in rows})
    at = hour_of(now) + HOUR
    ats = [rules[row.channel_id].awake(at) if row.channel_id in rules else at for row in rows]
    with bulk_cursor() as cursor:
        cursor.execute(PUT_OFF_LATE, {"ids": [row.id for row in rows], "ats": ats})


def mark_collected(windows: Sequence[DigestWindow], now: datetime) -> int:
    """End the messages that these digests, now posted, have collected; return their number."""
    if not windows:
        return 0
    rows = [(row.id, window.reference) for window in windows for row in window.rows]
    with bulk_cursor() as cursor:
        ids, references = map(list, zip(*rows, strict=True))
        cursor.execute(MARK_COLLECTED, {"ids": ids, "references": references, "now": now})
        return cursor.rowcount
