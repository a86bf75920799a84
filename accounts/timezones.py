"""IANA time zones, read from the pinned tzdata package and never from the system. Pure."""

from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from zoneinfo import ZoneInfo

# No zone has ever changed its offset twice within this.
OFFSET_CHANGES_APART = timedelta(hours=3)
SECOND = timedelta(seconds=1)


def tzdata_version() -> str:
    """Return the version of the PyPI tzdata package in use, such as `2026.6`."""
    return metadata.version("tzdata")


@cache
def names() -> frozenset[str]:
    """Return every zone name that tzdata lists, links included."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text("ascii").split())


@cache
def zone(name: str) -> ZoneInfo:
    """Return the zone called `name`, such as "Europe/Berlin". Raises ValueError if unknown."""
    with file_of(name).open("rb") as content:
        return ZoneInfo.from_file(content, key=name)


def zone_or_utc(name: str) -> str:
    """Return the name of the zone, or "UTC" if tzdata no longer has it."""
    return name if name in names() else "UTC"


# Cached, as many reminders of a zone are due at the same instant.
@lru_cache(maxsize=4096)
def format_instant(instant: datetime, timezone: str) -> str:
    """Return an instant in local time: Monday 23 November 2026 at 18:00 (Europe/Berlin)."""
    local = instant.astimezone(zone(timezone))
    return f"{local:%A} {local.day} {local:%B %Y} at {local:%H:%M} ({timezone})"


def format_both_clocks(instant: datetime, timezone: str) -> str:
    """Return an instant in local time and in UTC: 2026-11-23 18:00:00 (17:00:00 UTC)."""
    local, utc = instant.astimezone(zone(timezone)), instant.astimezone(UTC)
    if timezone == "UTC":
        return f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    day = "" if local.date() == utc.date() else f"{utc:%Y-%m-%d} "
    return f"{local:%Y-%m-%d %H:%M:%S} ({day}{utc:%H:%M:%S} UTC)"


@lru_cache(maxsize=1024)
def iso(instant: datetime) -> str:
    """Return an instant in ISO 8601: 2026-11-23T17:00:00Z."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def steady_until(here: ZoneInfo, begin: datetime, end: datetime) -> datetime:
    """Return the first change of the zone's offset after `begin`, or `end` if that is earlier."""
    offset = begin.astimezone(here).utcoffset()
    while begin < end:
        after = min(begin + OFFSET_CHANGES_APART, end)
        if after.astimezone(here).utcoffset() != offset:
            return _offset_change(here, begin, after)
        begin = after
    return end


def _offset_change(here: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Find the second between two instants at which the offset changes, by bisection."""
    offset = before.astimezone(here).utcoffset()
    whole = before.replace(microsecond=0)
    low, high = 0, (after - whole) // SECOND
    while high - low > 1:
        middle = (low + high) // 2
        if (whole + middle * SECOND).astimezone(here).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return whole + high * SECOND


def file_of(name: str) -> Traversable:
    """Return the TZif file of a zone. Raises ValueError, which may suggest another name."""
    if not isinstance(name, str) or name not in names():
        raise ValueError(_unknown(name))
    return resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))


def _unknown(name: object) -> str:
    text = "is not an IANA time zone; use a name such as Europe/Berlin or UTC"
    if not isinstance(name, str) or len(name) > 60 or not name.isascii() or not name.isprintable():
        return f"the name {text}"
    matches = [valid for valid in names() if valid.lower() == name.strip().lower()]
    return f"{name!r} {text}" + (f" (did you mean {matches[0]}?)" if matches else "")
