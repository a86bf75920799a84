"""IANA time zones, read from the pinned tzdata package and never from the system."""

from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError


@cache
def names() -> frozenset[str]:
    """Return every IANA zone name that tzdata knows, links included."""
    return frozenset(files("tzdata").joinpath("zones").read_text().split())


@cache
def zone(name: str) -> ZoneInfo:
    """Return the zone called `name`, such as "Europe/Berlin"; ValueError when there is none."""
    if name not in names():
        raise ValueError(f"{name!r} is not an IANA time zone such as Europe/Berlin.")
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def validate_timezone(name: str) -> None:
    try:
        zone(name)
    except ValueError as error:
        raise ValidationError(str(error), code="timezone") from error
