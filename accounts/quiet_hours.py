"""Quiet hours: when a user is not to be disturbed, by the clock on the user's wall. Pure.

An instant is quiet when that clock shows a quiet time. So an hour that the clock skips is not
waited for, and one that it shows twice is quiet twice.
"""

from datetime import datetime, time, timedelta
from typing import NamedTuple, Protocol

from accounts.timezones import steady_until, zone

MIDNIGHT = time.min
DAY = timedelta(days=1)
SATURDAY = 5


class Hours(Protocol):
    """A user, as far as this goes."""

    @property
    def timezone(self) -> str: ...
    @property
    def quiet_from(self) -> time | None: ...
    @property
    def quiet_until(self) -> time | None: ...
    @property
    def quiet_weekends(self) -> bool: ...


class Quiet(NamedTuple):
    timezone: str
    quiet_from: time | None
    quiet_until: time | None
    quiet_weekends: bool


def problem(quiet_from: time | None, quiet_until: time | None) -> tuple[str, str] | None:
    """Return the field at fault and why, when these cannot be quiet hours."""
    if quiet_from is None and quiet_until is not None:
        return "quiet_from", "Say from when on as well, or leave both empty."
    if quiet_until is None and quiet_from is not None:
        return "quiet_until", "Say until when as well, or leave both empty."
    if quiet_from is not None and quiet_from == quiet_until:
        return "quiet_until", "Choose another time than quiet_from: this would be all day or never."
    return None


def quiet_until(hours: Hours, instant: datetime) -> datetime | None:
    """Return the first instant from this one on that is not quiet; None when this one is not.

    Nights and weekends that adjoin are one stretch: from Friday 22:00 to Monday 07:00.
    """
    here, at = zone(hours.timezone), instant
    while (end := _end_by_the_wall(hours, wall := at.astimezone(here).replace(tzinfo=None))) > wall:
        # Where the clock is set meanwhile, what it shows then decides.
        at = steady_until(here, at, at + (end - wall))
    return at if at > instant else None


def _end_by_the_wall(hours: Hours, wall: datetime) -> datetime:
    """Return until when this night or this day is quiet; the time itself when it is not."""
    if hours.quiet_weekends and wall.weekday() >= SATURDAY:
        return datetime.combine(wall, MIDNIGHT) + DAY
    begin, end = hours.quiet_from, hours.quiet_until
    if begin is None or end is None:
        return wall
    is_over_midnight = end < begin
    if begin <= wall.time() and (is_over_midnight or wall.time() < end):
        return datetime.combine(wall, end) + (DAY if is_over_midnight else timedelta(0))
    return datetime.combine(wall, end) if is_over_midnight and wall.time() < end else wall
