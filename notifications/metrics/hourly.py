"""What each hour brought: marks of how far the meter had come when it began.

They are kept in FOAM's cache for as long as they are shown. An hour that nobody marked, as nothing
ticked, is not known.
"""

from collections import Counter as Sums
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import cache

from notifications.metrics import store

HOUR = timedelta(hours=1)
KEPT = timedelta(hours=26)
MARKED = (store.ATTEMPTS.name, store.ENDED.name, f"{store.LATENESS.name}_bucket")


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour that begins at `begin`, in UTC, and what the meter's series grew by in it.

    `counted_from` is later than `begin` where FOAM was started, or went on, in the middle of it;
    None, without any sums, where that is not known.
    """

    begin: datetime
    counted_from: datetime | None
    sums: "Sums[str]"


def beginning(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)


def mark(now: datetime) -> None:
    """Keep how far the meter has come, the first time that this is called in an hour of UTC."""
    key = _key(beginning(now))
    if not cache.has_key(key):
        cache.add(key, (now, _told()), KEPT.total_seconds())


def last(count: int, now: datetime) -> list[Hour]:
    """Return the last `count` hours, the one that goes on among them as the last."""
    begins = [beginning(now) - HOUR * back for back in reversed(range(count))]
    marks = cache.get_many([_key(begin) for begin in begins])
    told = [marks.get(_key(begin)) for begin in begins]
    following = [*told[1:], (now, _told())]
    return [
        Hour(begin, start[0], _growth(start[1], end[1]))
        if start and end
        else Hour(begin, None, Sums())
        for begin, start, end in zip(begins, told, following, strict=True)
    ]


def _growth(before: dict[str, float], after: dict[str, float]) -> "Sums[str]":
    """As Prometheus has it: what is smaller than before has begun anew."""
    grown = {
        series: int(value - before.get(series, 0) if value >= before.get(series, 0) else value)
        for series, value in after.items()
    }
    return Sums({series: growth for series, growth in grown.items() if growth})


def _told() -> dict[str, float]:
    return {s: value for s, value in store.sums().items() if s.partition("{")[0] in MARKED}


def _key(begin: datetime) -> str:
    return f"meter:{begin:%Y-%m-%dT%H}"
