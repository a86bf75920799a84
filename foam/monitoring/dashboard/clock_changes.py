"""The clock changes ahead in the zones of active reminders.

Which zones these are is seen from a sample of the reminders: of all of them, where they are not
very many. What was found is kept for an hour.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.core.cache import cache

from foam.monitoring.dashboard import sampling
from foam.monitoring.dashboard.sampling import many
from foam.monitoring.dashboard.state import listed
from foam.version import VERSION
from reminders.models import Reminder
from reminders.reports import clock_changes
from reminders.reports.clock_changes import Turn
from reminders.schedule.message import format_duration

AHEAD = timedelta(days=14)
# Another release may keep something else.
KEY, KEPT_S = f"dashboard:clock-changes:{VERSION}", 3600
# Of some twenty reminders each.
PAGES = 5000
# So many zones of one change are named.
NAMED = 5


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to the clocks at one instant, and in which zones: name, reminders, link."""

    at: datetime
    text: str
    zones: list[tuple[str, str, str]]
    further: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What was found at `at`, soonest first; `is_whole` where all reminders were looked at."""

    at: datetime
    changes: list[Change]
    is_whole: bool


def read(now: datetime) -> Changes:
    """Return the changes within AHEAD, as of an hour ago at most."""
    found = cache.get(KEY)
    if found is None:
        found = now, *sampling.count(PAGES, "timezone")
        cache.set(KEY, found, KEPT_S)
    at, zones, share = found
    return Changes(at, list(_changes(zones, share, now)), share == 1)


def _changes(zones: dict[str, int], share: float, now: datetime) -> Iterator[Change]:
    ahead = clock_changes.ahead(zones, now, now + AHEAD)
    # Those with most reminders are named.
    ahead.sort(key=lambda turn: (*_together(turn), -zones[turn.timezone], turn.timezone))
    for (at, by), turns in groupby(ahead, key=_together):
        told = [_told(turn, zones[turn.timezone], share) for turn in turns]
        way = "forward" if by > timedelta(0) else "back"
        yield Change(at, f"{format_duration(abs(by))} {way}", told[:NAMED], len(told[NAMED:]))


def _together(turn: Turn) -> tuple[datetime, timedelta]:
    return turn.at, turn.after - turn.before


def _told(turn: Turn, found: int, share: float) -> tuple[str, str, str]:
    url = listed(Reminder, status__exact="active", timezone__exact=turn.timezone)
    return turn.timezone, many(round(found / share), is_exact=share == 1), url
