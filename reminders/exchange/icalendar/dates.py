"""The dates of a series: EXDATE, RDATE, RECURRENCE-ID and UNTIL, as its own clock shows them."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta

from reminders.exchange.icalendar.syntax.values import UTC_NAME, Moment

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
NOON = time(12)
# Minutes: the offset of each zone is a multiple.
QUARTER = 15


def day_of(at: Moment, zones: Iterable[str], is_date_of: Callable[[date], bool]) -> date:
    """Return the date of a time in an all-day series.

    A floating time, or one with a zone, is midnight where its author was: its own date counts. A
    time in UTC is midnight in one of `zones`, the last of which is the reader's, or in an unknown
    zone. If it can be midnight nowhere, a date of the series counts, or else the reader's date.
    """
    if at.is_date or at.zone != UTC_NAME:
        return at.wall.date()
    walls = [at.wall_in(zone) for zone in zones]
    for wall in walls:
        if wall.time() == time.min:
            return wall.date()
    days = [wall.date() for wall in walls[-1:]]
    if at.wall.minute % QUARTER == 0 and at.wall.second == 0:
        days.insert(0, _nearest_day(at.wall))
    return next((day for day in days if is_date_of(day)), days[0])


def last_day(until: Moment, zones: Iterable[str]) -> date:
    """Return the last date of an all-day series. UNTIL is the begin of the date or its end."""
    is_end = until.zone == UTC_NAME and (until.wall.minute, until.wall.second) == (59, 59)
    begin = until._replace(wall=until.wall + SECOND) if is_end else until
    day = day_of(begin, zones, lambda _: False)
    return day - DAY if is_end else day


def _nearest_day(wall: datetime) -> date:
    """Return the date that begins nearest to a time in UTC: some zone has midnight then."""
    return (wall + DAY if wall.time() >= NOON else wall).date()
