"""Property values: dates, lengths of time, texts (RFC 5545 3.3)."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from icalendar.parser.property import split_on_unescaped_comma, unescape_backslash

from reminders.exchange.icalendar.syntax.parser import Property
from reminders.recurrence import Lead, local_time, to_utc

_MOMENT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:T([0-9]{2})([0-9]{2})([0-9]{2})(Z?))?")
_DURATION = re.compile(r"[-+]?P(?:[0-9]{1,6}W)?(?:[0-9]{1,6}D)?(?:T(?:[0-9]{1,9}[HMS]){1,3})?")
_AMOUNT = re.compile(r"([0-9]+)([WDHMS])")
_DAYS, _SECONDS = {"W": 7, "D": 1}, {"H": 3600, "M": 60, "S": 1}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
UTC_NAME = "UTC"
LAST_SECOND = time(23, 59, 59)


class BadValue(ValueError):
    """A value that cannot be read; says which and why."""


class Moment(NamedTuple):
    """A DATE or DATE-TIME: `zone` is an IANA name, None where it floats or is a date."""

    wall: datetime
    zone: str | None
    is_date: bool = False

    def instant(self) -> datetime:
        """Return the moment in UTC, as RFC 5545 3.3.5 reads times in gaps and folds."""
        return to_utc(self.wall, self.zone or UTC_NAME)[0]

    def wall_in(self, zone: str) -> datetime:
        """Return what a clock in `zone` shows then; a floating one shows the same everywhere."""
        if self.zone is None or self.zone == zone:
            return self.wall
        return local_time(self.instant(), zone)


def moment(value: str, zone: str | None) -> Moment:
    """Read a DATE or DATE-TIME. `zone` is for a time that is not in UTC. Raises BadValue."""
    match = _MOMENT.fullmatch(value.strip().upper())
    if match is None:
        raise BadValue(f"{value[:40]!r} is no date or time of iCalendar")
    year, month, day, hour, minute, second, utc = match.groups()
    try:
        if hour is None:
            return Moment(datetime(int(year), int(month), int(day)), None, is_date=True)
        # 60 is a leap second, which clocks do not show.
        wall = datetime(
            int(year), int(month), int(day), int(hour), int(minute), min(int(second), 59)
        )
    except ValueError as error:
        raise BadValue(f"{value[:40]!r}: {error}") from None
    return Moment(wall, UTC_NAME if utc else zone)


def duration(value: str) -> timedelta:
    """Read a DURATION as a length of time. Raises BadValue."""
    return signed_lead(value).nominal


def signed_lead(value: str) -> Lead:
    """Read a DURATION, days and time apart (RFC 5545 3.3.6). Raises BadValue."""
    text = value.strip().upper()
    if not _DURATION.fullmatch(text) or text.endswith(("P", "T")):
        raise BadValue(f"{value[:40]!r} is no duration of iCalendar")
    sign = -1 if text.startswith("-") else 1
    amounts = [(int(number), unit) for number, unit in _AMOUNT.findall(text)]
    days = sum(number * _DAYS[unit] for number, unit in amounts if unit in _DAYS)
    seconds = sum(number * _SECONDS[unit] for number, unit in amounts if unit in _SECONDS)
    return Lead(sign * days, sign * seconds)


def text(prop: Property | None) -> str:
    """Read a TEXT, without the control characters that some programs leave in it."""
    return "" if prop is None else plain(unescape_backslash(prop.value))


def texts(prop: Property) -> list[str]:
    """Read a list of TEXT, such as CATEGORIES."""
    return list(filter(None, map(plain, split_on_unescaped_comma(prop.value))))


def plain(text_: str) -> str:
    """Return a text without control characters, whose lines end in LF."""
    return _CONTROL.sub("", text_.replace("\r\n", "\n").replace("\r", "\n")).strip()


def utc_text(moment_: datetime) -> str:
    return f"{moment_.astimezone(UTC):%Y%m%dT%H%M%SZ}"
