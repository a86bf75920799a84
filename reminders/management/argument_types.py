"""Types of command arguments for argparse; ArgumentTypeError shows an example."""

import re
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta

from accounts.instants import parse_time
from accounts.models import User

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"([0-9]{1,5})([mhdw])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def span(text: str) -> timedelta:
    """Parse a duration such as 90d."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ArgumentTypeError(f"{text!r} is no length of time such as 30m, 24h, 7d or 2w.")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def moment(text: str, now: datetime) -> datetime:
    """Parse an instant, a date, or a duration before `now`; without an offset in UTC."""
    if _SPAN.fullmatch(text):
        return now - span(text)
    try:
        time = parse_time(f"{text}T00:00" if _DAY.fullmatch(text) else text)
    except ValueError as error:
        raise ArgumentTypeError(
            f"{text!r} is no time: 2026-11-23T17:00:00Z, 2026-11-23 (its beginning, in UTC), or "
            "how long ago, such as 24h or 7d."
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def user(name: str) -> User:
    user = User.objects.filter(username=name).first()
    if user is None:
        raise ArgumentTypeError(f"there is no user {name!r}.")
    return user
