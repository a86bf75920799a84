"""The number of reminders that fire next in each of the next 24 hours.

Counted where they are few; else estimated from a sample of the table's pages, whose cost does not
grow with the table. The result is cached for a minute.
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
from reminders.models import Plan

HOURS = 24
# The key names the release, as another one may cache values of another shape.
KEY, CACHE_SECONDS = f"dashboard:due:{VERSION}", 60
# A page has about fifty plans.
PAGES = 1200

BY_HOUR = "floor(extract(epoch FROM next_fire_at - %(begin)s) / 3600)::int"
AHEAD = "next_fire_at > %(now)s AND next_fire_at < %(end)s"


@dataclass(frozen=True, slots=True)
class DueForecast:
    """`counts` are of the hours from `begin` on; the first hour began before `at`.

    `sample_size` is the number of reminders in the sample, or None if all were counted.
    """

    at: datetime
    begin: datetime
    counts: list[int]
    sample_size: int | None


def read(now: datetime) -> DueForecast:
    """Return the forecast from `now` on, as of a minute ago at most."""
    result = cache.get(KEY)
    if result is None:
        result = _count(now) or _estimate(now)
        cache.set(KEY, result, CACHE_SECONDS)
    at, counts, sample_size = result
    return DueForecast(at, beginning_of_hour(at), counts, sample_size)


def _count(now: datetime) -> tuple[datetime, list[int], int | None] | None:
    """Count the reminders due; return None when there are more than CAP."""
    begin = beginning_of_hour(now)
    ahead = Plan.objects.exclude_system().filter(
        status=Plan.Status.ACTIVE, next_fire_at__gt=now, next_fire_at__lt=begin + HOURS * HOUR
    )
    fires = ahead.order_by("next_fire_at").values_list("next_fire_at", flat=True)[: CAP + 1]
    counted = Counter((fire - begin) // HOUR for fire in fires if fire)
    return None if counted.total() > CAP else (now, _by_hour(counted), None)


def _estimate(now: datetime) -> tuple[datetime, list[int], int | None]:
    begin = beginning_of_hour(now)
    times = {"now": now, "begin": begin, "end": begin + HOURS * HOUR}
    sample, share = sampling.count(PAGES, BY_HOUR, AHEAD, **times)
    counts = _by_hour({hour: round(number / share) for hour, number in sample.items()})
    return now, counts, None if share == 1 else sum(sample.values())


def _by_hour(counts: Mapping[int, int]) -> list[int]:
    return [counts.get(hour, 0) for hour in range(HOURS)]
