"""Digests: what a channel has collected goes out as one message when the window has ended.

A window is a channel and an instant, and the reference of its digest names both: there is one.
Who gathers holds the channel, and others pass it by.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from accounts.timezones import format_instant, iso, zone
from notifications.models import Delivery
from notifications.models.channel import limit_of
from notifications.outbox.digest_windows import HOUR, hour_of
from notifications.outbox.hold_rules import rules_of
from notifications.sql import bulk_cursor

REFERENCE = "digest:"
# So many messages are told in a digest; the others are counted, and listed where deliveries are.
SHOWN = 50
# Of the first line of a body.
LINE = 200
# Windows that are gathered in one transaction.
BATCH = 100

# The windows that have ended, oldest first: one probe of a partial index when none has.
WINDOWS = """
SELECT channel_id FROM notifications_delivery
WHERE next_attempt_at <= %(now)s AND next_attempt_at IS NOT NULL AND held IN ('digest', 'flood')
GROUP BY next_attempt_at, channel_id ORDER BY next_attempt_at LIMIT %(limit)s
"""

OURS = """
SELECT c.id, c.kind, c.flood_limit, u.timezone FROM notifications_channel c
JOIN accounts_user u ON u.id = c.owner_id
WHERE c.id = ANY (%(ids)b::bigint[]) ORDER BY c.id
FOR NO KEY UPDATE OF c SKIP LOCKED
"""

# All of a window, also what someone is just cancelling: that is waited for, and then left out.
ENDED = """
SELECT id, channel_id, next_attempt_at, due_at, held FROM notifications_delivery
WHERE channel_id = ANY (%(ids)b::bigint[]) AND next_attempt_at <= %(now)s AND status = 'queued'
    AND held IN ('digest', 'flood')
ORDER BY id FOR UPDATE
"""

ALONE = """
UPDATE notifications_delivery SET held = 'alone' WHERE id = ANY (%(ids)b::bigint[])
"""

# What was committed after its digest had gone out: it waits for one more, not for a day.
LATE = """
UPDATE notifications_delivery d SET next_attempt_at = o.at
FROM unnest(%(ids)b::bigint[], %(ats)b::timestamptz[]) AS o(id, at) WHERE d.id = o.id
"""

COLLECTED = """
UPDATE notifications_delivery d SET status = 'collected', digest_id = g.id, next_attempt_at = NULL,
    finished_at = %(now)s, reason = CASE d.held WHEN 'flood'
        THEN 'Collected by the flood guard.' ELSE 'Collected in a digest.' END
FROM unnest(%(ids)b::bigint[], %(references)b::text[]) AS o(id, reference)
JOIN notifications_delivery g ON g.reference = o.reference
WHERE d.id = o.id AND g.channel_id = d.channel_id
"""


class Row(NamedTuple):
    id: int
    channel_id: int
    ends_at: datetime
    due_at: datetime
    held: str


class Gathered(NamedTuple):
    """The messages of one window, in the order in which they are told, and the words of some."""

    rows: Sequence[Row]
    words: Sequence[dict[str, Any]]
    timezone: str
    limit: int

    @property
    def reference(self) -> str:
        return reference(self.rows[0])

    def message(self) -> dict[str, Any]:
        """Return what the digest says, by the names that a Post has."""
        first, count = self.rows[0], len(self.rows)
        return {
            "channel_id": first.channel_id,
            "reference": self.reference,
            "title": f"Digest: {count} reminders",
            "body": "\n".join(self._lines()),
            "due_at": first.ends_at,
            "data": {
                "type": "digest",
                "held": first.held,
                "count": count,
                "timezone": self.timezone,
                "messages": [
                    {**each["data"], "title": each["title"], "due_at": iso(each["due_at"])}
                    for each in self.words
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
        for each in self.words:
            due = each["due_at"].astimezone(zone(self.timezone))
            day = "" if due.date() == end.date() else f"{due:%a} {due.day} {due:%b} "
            yield f"• {day}{due:%H:%M}  {each['title']}"
            if line := each["body"].lstrip().partition("\n")[0].strip():
                yield f"  {line[:LINE]}"
        if more := len(self.rows) - len(self.words):
            yield f"… and {more} more: the list of your deliveries has them all."


def reference(row: Row) -> str:
    return f"{REFERENCE}{row.channel_id}:{int(row.ends_at.timestamp())}"


def has_ended_windows(now: datetime) -> bool:
    return bool(_windows(now, 1))


def _windows(now: datetime, limit: int = BATCH) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(WINDOWS, {"now": now, "limit": limit})
        return [channel for (channel,) in cursor.fetchall()]


def gather(now: datetime) -> list[Gathered]:
    """Take the windows that have ended; return those of which a digest is to be made.

    Within a transaction, which holds their channels until it ends. One that is alone in its window
    goes out as itself.
    """
    with bulk_cursor() as cursor:
        cursor.execute(OURS, {"ids": _windows(now)})
        ours = {pk: (limit_of(kind, limit), zone_) for pk, kind, limit, zone_ in cursor.fetchall()}
        cursor.execute(ENDED, {"ids": list(ours), "now": now}, binary=True)
        rows = [Row._make(row) for row in cursor.fetchall()]
    windows: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        windows[reference(row)].append(row)
    _let_go([window[0] for window in windows.values() if len(window) == 1])
    made = {name: window for name, window in windows.items() if len(window) > 1}
    late = set(Delivery.objects.filter(reference__in=made).values_list("reference", flat=True))
    _put_off([row for name in late for row in made.pop(name)], now)
    ordered = [sorted(window, key=lambda row: (row.due_at, row.id)) for window in made.values()]
    words = _words([row.id for window in ordered for row in window[:SHOWN]])
    return [
        Gathered(window, [words[row.id] for row in window[:SHOWN]], timezone, limit)
        for window in ordered
        for limit, timezone in [ours[window[0].channel_id]]
    ]


def _words(ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    rows = Delivery.objects.filter(pk__in=ids).values("pk", "title", "body", "due_at", "data")
    return {row["pk"]: dict(row) for row in rows}


def _let_go(rows: Sequence[Row]) -> None:
    if rows:
        with bulk_cursor() as cursor:
            cursor.execute(ALONE, {"ids": [row.id for row in rows]})


def _put_off(rows: Sequence[Row], now: datetime) -> None:
    if not rows:
        return
    rules = rules_of({row.channel_id for row in rows})
    at = hour_of(now) + HOUR
    ats = [rules[row.channel_id].awake(at) if row.channel_id in rules else at for row in rows]
    with bulk_cursor() as cursor:
        cursor.execute(LATE, {"ids": [row.id for row in rows], "ats": ats})


def mark(gathered: Sequence[Gathered], now: datetime) -> int:
    """End what these digests, which are there now, have collected; return how many that is."""
    if not gathered:
        return 0
    rows = [(row.id, each.reference) for each in gathered for row in each.rows]
    with bulk_cursor() as cursor:
        ids, references = map(list, zip(*rows, strict=True))
        cursor.execute(COLLECTED, {"ids": ids, "references": references, "now": now})
        return cursor.rowcount
