"""The clock changes ahead in the zones of active reminders.

The zones are those of a sample of the reminders, which is the whole table where it is small. The
result is cached for an hour.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.core.cache import cache

from foam.monitoring.dashboard import sampling
from foam.monitoring.dashboard.sampling import format_count
from foam.monitoring.dashboard.state import listed
from foam.version import VERSION
from reminders.models import Reminder
from reminders.reports import clock_changes
from reminders.reports.clock_changes import Turn
from reminders.schedule.message import format_duration

AHEAD = timedelta(days=14)
# The key names the release, as another one may cache values of another shape.
KEY, CACHE_SECONDS = f"dashboard:clock-changes:{VERSION}", 3600
# A page has about twenty reminders.
PAGES = 2000
TIMEZONE = "(SELECT r.timezone FROM reminders_reminder r WHERE r.id = p.reminder_id)"
# How many zones of one change the page names.
NAMED_ZONES = 5


@dataclass(frozen=True, slots=True)
class ZoneChanges:
    """The zones whose clocks change by the same at one instant.

    `zones` are (name, reminders, link), `further` is the number of zones that are not named.
    """

    at: datetime
    text: str
    zones: list[tuple[str, str, str]]
    further: int


@dataclass(frozen=True, slots=True)
class ClockChanges:
    """The changes ahead as read at `at`, soonest first; `is_whole` if no reminder was left out."""

    at: datetime
    changes: list[ZoneChanges]
    is_whole: bool


def read(now: datetime) -> ClockChanges:
    """Return the changes within AHEAD, as of an hour ago at most."""
    sample = cache.get(KEY)
    if sample is None:
        sample = now, *sampling.count(PAGES, TIMEZONE)
        cache.set(KEY, sample, CACHE_SECONDS)
    at, zones, share = sample
    return ClockChanges(at, list(_changes(zones, share, now)), share == 1)


def _changes(zones: dict[str, int], share: float, now: datetime) -> Iterator[ZoneChanges]:
    ahead = clock_changes.ahead(zones, now, now + AHEAD)
    # The zones with most reminders come first, as only the first are named.
    ahead.sort(key=lambda turn: (*_together(turn), -zones[turn.timezone], turn.timezone))
    for (at, by), turns in groupby(ahead, key=_together):
        lines = [_zone_line(turn, zones[turn.timezone], share) for turn in turns]
        way = "forward" if by > timedelta(0) else "back"
        text = f"{format_duration(abs(by))} {way}"
        yield ZoneChanges(at, text, lines[:NAMED_ZONES], len(lines[NAMED_ZONES:]))


def _together(turn: Turn) -> tuple[datetime, timedelta]:
    return turn.at, turn.after - turn.before


def _zone_line(turn: Turn, count: int, share: float) -> tuple[str, str, str]:
    url = listed(Reminder, status__exact="active", timezone__exact=turn.timezone)
    return turn.timezone, format_count(round(count / share), is_exact=share == 1), url
