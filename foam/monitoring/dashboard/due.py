"""How many reminders speak next in each of the next 24 hours.

Exactly, where there are few; else from a sample of the table's pages, whose cost does not grow
with the table. What was found is kept for a minute.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache

from foam.monitoring.dashboard import sampling
from foam.monitoring.metrics import CAP
from foam.version import VERSION
from notifications.metrics.hourly import HOUR, beginning_of_hour
from reminders.models import Reminder

HOURS = 24
# Another release may keep something else.
KEY, KEPT_S = f"dashboard:due:{VERSION}", 60
# Of some twenty reminders each.
PAGES = 3000

BY_HOUR = "floor(extract(epoch FROM next_fire_at - %(begin)s) / 3600)::int"
AHEAD = "next_fire_at > %(now)s AND next_fire_at < %(end)s"


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
    return Due(at, beginning_of_hour(at), counts, seen)


def _count(now: datetime) -> tuple[datetime, list[int], int | None] | None:
    """Return nothing when there are more than CAP."""
    begin = beginning_of_hour(now)
    ahead = Reminder.objects.exclude_system().filter(
        status=Reminder.Status.ACTIVE, next_fire_at__gt=now, next_fire_at__lt=begin + HOURS * HOUR
    )
    fires = ahead.order_by("next_fire_at").values_list("next_fire_at", flat=True)[: CAP + 1]
    counted = Counter((fire - begin) // HOUR for fire in fires if fire)
    return None if counted.total() > CAP else (now, _by_hour(counted), None)


def _estimate(now: datetime) -> tuple[datetime, list[int], int | None]:
    begin = beginning_of_hour(now)
    times = {"now": now, "begin": begin, "end": begin + HOURS * HOUR}
    found, share = sampling.count(PAGES, BY_HOUR, AHEAD, **times)
    counts = _by_hour({hour: round(number / share) for hour, number in found.items()})
    return now, counts, None if share == 1 else sum(found.values())


def _by_hour(found: Mapping[int, int]) -> list[int]:
    return [found.get(hour, 0) for hour in range(HOURS)]
