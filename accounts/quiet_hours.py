"""Quiet hours of a user, in the user's local time. Pure.

An instant is quiet when the local time is. So if a DST gap skips the end of the quiet hours, they
end at the change, and an hour that a DST fold repeats is quiet both times.
"""

from datetime import datetime, time, timedelta
from typing import NamedTuple, Protocol

from accounts.timezones import steady_until, zone

MIDNIGHT = time.min
DAY = timedelta(days=1)
SATURDAY = 5


class Hours(Protocol):
    """The fields of a user that these functions read."""

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
    """Return the wrong field and an error text; None if these can be quiet hours."""
    if quiet_from is None and quiet_until is not None:
        return "quiet_from", "Give the beginning as well, such as 22:00, or leave both empty."
    if quiet_until is None and quiet_from is not None:
        return "quiet_until", "Give the end as well, such as 07:00, or leave both empty."
    if quiet_from is not None and quiet_from == quiet_until:
        return "quiet_until", "Choose another time than quiet_from: this would be all day or never."
    return None


def quiet_until(hours: Hours, instant: datetime) -> datetime | None:
    """Return the end of the quiet time at `instant`; None if that is not quiet.

    Adjoining nights and weekends are one stretch: from Friday 22:00 to Monday 07:00.
    """
    here, at = zone(hours.timezone), instant
    while (end := _local_end(hours, wall := at.astimezone(here).replace(tzinfo=None))) > wall:
        # If the offset changes before the end, the local time after the change decides.
        at = steady_until(here, at, at + (end - wall))
    return at if at > instant else None


def _local_end(hours: Hours, wall: datetime) -> datetime:
    """Return the local end of this quiet night or day; `wall` itself if it is not quiet."""
    if hours.quiet_weekends and wall.weekday() >= SATURDAY:
        return datetime.combine(wall, MIDNIGHT) + DAY
    begin, end = hours.quiet_from, hours.quiet_until
    if begin is None or end is None:
        return wall
    is_over_midnight = end < begin
    if begin <= wall.time() and (is_over_midnight or wall.time() < end):
        return datetime.combine(wall, end) + (DAY if is_over_midnight else timedelta(0))
    return datetime.combine(wall, end) if is_over_midnight and wall.time() < end else wall
