"""Parser of instants and wall-clock times, for the API, filters, files and commands alike. Pure.

After RFC 3339 and ISO 8601: ASCII digits, a second from 00 to 59, a fraction after a point or a
comma. A fraction finer than a microsecond is cut.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

# Leads, offsets and windows are added and subtracted: these limits leave room on both sides.
EARLIEST = datetime(2, 1, 1, tzinfo=UTC)
LATEST = datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
OUT_OF_RANGE = "This time is out of range: give one from the year 2 to 9998."

_TIME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ](?P<clock>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)"
    r"(?:[.,](?P<fraction>[0-9]{1,9}))?"
    r"(?P<offset>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)


class OutOfRange(ValueError):
    """A time before `EARLIEST` or after `LATEST`."""


def parse_instant(text: str) -> datetime:
    """Return the instant in `text`, in UTC.

    Raises ValueError for another notation, a missing offset or a date that does not exist, and
    OutOfRange for an instant outside `EARLIEST` to `LATEST`.
    """
    instant = parse_time(text)
    if instant.tzinfo is None:
        raise ValueError("an instant needs an offset or Z")
    return instant


def parse_time(text: str) -> datetime:
    """Return an instant in UTC if `text` has an offset, else a naive wall-clock time.

    Raises ValueError and OutOfRange as `parse_instant` does.
    """
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("not in the notation of ISO 8601")
    fraction = (match["fraction"] or "").ljust(6, "0")[:6]
    if match["fraction"] and match["clock"].count(":") < 2:
        raise ValueError("a fraction needs seconds before it")
    wall = datetime.fromisoformat(f"{match['date']} {match['clock']}")
    wall = wall.replace(microsecond=int(fraction))
    if match["offset"] is None:
        _check_range(wall.replace(tzinfo=UTC))
        return wall
    return to_utc(wall.replace(tzinfo=_offset(match["offset"])))


def to_utc(moment: datetime) -> datetime:
    """Convert an aware datetime to UTC. Raises OutOfRange outside `EARLIEST` to `LATEST`.

    PostgreSQL refuses offsets of 16 hours and more, and Python has no UTC for the ends of years 1
    and 9999.
    """
    try:
        instant = moment.astimezone(UTC)
    except OverflowError:
        raise OutOfRange(OUT_OF_RANGE) from None
    _check_range(instant)
    return instant


def _check_range(instant: datetime) -> None:
    if not EARLIEST <= instant <= LATEST:
        raise OutOfRange(OUT_OF_RANGE)


def _offset(text: str) -> timezone:
    if text in {"Z", "z"}:
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:]) if len(text) > 3 else 0
    if hours > 23 or minutes > 59:
        raise ValueError("an offset is at most 23:59")
    length = timedelta(hours=hours, minutes=minutes)
    return timezone(-length if text[0] == "-" else length)
