"""How many reminders speak next in each of the next 24 hours.

Exactly, where there are few; else from a sample of the table's pages, whose cost does not grow
with the table. What was found is kept for a minute.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db import connection

from accounts.models import FOAM_ID
from foam.metrics import CAP
from notifications.hours import HOUR, beginning
from reminders.models import Reminder

HOURS = 24
KEY, KEPT_S = "dashboard:due", 60
# Of some twenty reminders each.
PAGES = 1000

SIZE = """
SELECT pg_relation_size('reminders_reminder') / current_setting('block_size')::int
"""
SAMPLE = """
SELECT floor(extract(epoch FROM next_fire_at - %(begin)s) / 3600)::int AS hour, count(*)
FROM reminders_reminder TABLESAMPLE SYSTEM (%(percent)s)
WHERE status = 'active' AND id <> %(foam)s AND next_fire_at > %(now)s AND next_fire_at < %(end)s
GROUP BY hour
"""


@dataclass(frozen=True, slots=True)
class Due:
    """`counts` are of the hours from `begin` on, of which the first has begun before `at`.

    `seen` is how many reminders the sample found, or None where all were counted.
    """

    at: datetime
    begin: datetime
    counts: list[int]
    seen: int | None


def read(now: datetime) -> Due:
    """Return what is due from `now` on, as of a minute ago at most."""
    found = cache.get(KEY)
    if found is None:
        found = _count(now) or _estimate(now)
        cache.set(KEY, found, KEPT_S)
    at, counts, seen = found
    return Due(at, beginning(at), counts, seen)


def _count(now: datetime) -> tuple[datetime, list[int], int | None] | None:
    """Return nothing when there are more than CAP."""
    begin = beginning(now)
    ahead = Reminder.objects.of_users().filter(
        status=Reminder.Status.ACTIVE, next_fire_at__gt=now, next_fire_at__lt=begin + HOURS * HOUR
    )
    fires = ahead.order_by("next_fire_at").values_list("next_fire_at", flat=True)[: CAP + 1]
    counted = Counter((fire - begin) // HOUR for fire in fires if fire)
    return None if counted.total() > CAP else (now, _by_hour(counted.items()), None)


def _estimate(now: datetime) -> tuple[datetime, list[int], int | None]:
    begin = beginning(now)
    with connection.cursor() as cursor:
        cursor.execute(SIZE)
        (pages,) = cursor.fetchone() or (0,)
        share = min(1.0, PAGES / max(1, pages))
        values: dict[str, Any] = {"percent": 100 * share, "foam": FOAM_ID}
        times = {"now": now, "begin": begin, "end": begin + HOURS * HOUR}
        cursor.execute(SAMPLE, {**values, **times})
        found = cursor.fetchall()
    counts = _by_hour((hour, round(number / share)) for hour, number in found)
    return now, counts, sum(number for _, number in found)


def _by_hour(found: Iterable[tuple[int, int]]) -> list[int]:
    by_hour = dict(found)
    return [by_hour.get(hour, 0) for hour in range(HOURS)]
