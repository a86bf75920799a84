"""The clock changes ahead that meet stored reminders' zones.

To find them the reminders are read whole, by their zones: they are kept for an hour.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.core.cache import cache

from foam.dashboard.state import listed
from reminders import clock_report
from reminders.clock_report import Turn
from reminders.message import span
from reminders.models import Reminder

AHEAD = timedelta(days=14)
KEY, KEPT_S = "dashboard:clock-changes", 3600
# So many zones of one change are named.
NAMED = 5


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to the clocks at one instant, and in which zones: name, reminders, link."""

    at: datetime
    text: str
    zones: list[tuple[str, str, str]]
    further: int


def read(now: datetime) -> tuple[datetime, list[Change]]:
    """Return as of when it is, and the changes within AHEAD, soonest first."""
    found = cache.get(KEY)
    if found is None:
        found = now, [_row(*each) for each in clock_report.ahead(now, now + AHEAD)]
        cache.set(KEY, found, KEPT_S)
    at, rows = found
    turns = [(Turn(name, moment, before, after), n) for name, moment, before, after, n in rows]
    return at, list(_changes(turns, now))


def _row(turn: Turn, number: int) -> tuple[str, datetime, timedelta, timedelta, int]:
    return turn.timezone, turn.at, turn.before, turn.after, number


def _changes(turns: list[tuple[Turn, int]], now: datetime) -> Iterator[Change]:
    ahead = sorted((each for each in turns if each[0].at > now), key=_together)
    for (at, by), each in groupby(ahead, key=_together):
        zones = [(turn.timezone, f"{number:,}", _listed(turn)) for turn, number in each]
        way = "forward" if by > timedelta(0) else "back"
        yield Change(at, f"{span(abs(by))} {way}", zones[:NAMED], len(zones[NAMED:]))


def _together(ahead: tuple[Turn, int]) -> tuple[datetime, timedelta]:
    turn = ahead[0]
    return turn.at, turn.after - turn.before


def _listed(turn: Turn) -> str:
    return listed(Reminder, status__exact="active", timezone__exact=turn.timezone)
