"""The growth of metrics by the hour, from marks: the sums at the beginning of each hour.

The marks are in FOAM's cache for as long as the dashboard shows them. An hour without a mark, as no
tick ran in it, has no figures.
"""

from collections import Counter as Sums
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import cache

from notifications.metrics import store

HOUR = timedelta(hours=1)
MARK_LIFETIME = timedelta(hours=26)
MARKED_METRICS = (store.ATTEMPTS.name, store.ENDED.name, f"{store.LATENESS.name}_bucket")


@dataclass(frozen=True, slots=True)
class Hour:
    """The hour that begins at `begin`, in UTC, and the growth of each series in it.

    `counted_from` is the time of its mark, later than `begin` if FOAM was started within the hour;
    None, with empty sums, for an hour without a mark.
    """

    begin: datetime
    counted_from: datetime | None
    sums: "Sums[str]"


def beginning_of_hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)


def mark(now: datetime) -> None:
    """Store the sums of the metrics, at the first call in a UTC hour."""
    key = _key(beginning_of_hour(now))
    if not cache.has_key(key):
        cache.add(key, (now, _marked_sums()), MARK_LIFETIME.total_seconds())


def last(count: int, now: datetime) -> list[Hour]:
    """Return the last `count` hours, the current one at the end."""
    begins = [beginning_of_hour(now) - HOUR * back for back in reversed(range(count))]
    marks = cache.get_many([_key(begin) for begin in begins])
    starts = [marks.get(_key(begin)) for begin in begins]
    ends = [*starts[1:], (now, _marked_sums())]
    return [
        Hour(begin, start[0], _growth(start[1], end[1]))
        if start and end
        else Hour(begin, None, Sums())
        for begin, start, end in zip(begins, starts, ends, strict=True)
    ]


def _growth(before: dict[str, float], after: dict[str, float]) -> "Sums[str]":
    """Return the growth of each series; as in Prometheus, a smaller value is a reset."""
    grown = {
        series: int(value - before.get(series, 0) if value >= before.get(series, 0) else value)
        for series, value in after.items()
    }
    return Sums({series: growth for series, growth in grown.items() if growth})


def _marked_sums() -> dict[str, float]:
    return {s: value for s, value in store.sums().items() if s.partition("{")[0] in MARKED_METRICS}


def _key(begin: datetime) -> str:
    return f"meter:{begin:%Y-%m-%dT%H}"
