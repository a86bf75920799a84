"""What is typed after a command's options. ArgumentTypeError says what is allowed."""

import re
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta

from accounts.instants import parse_time
from accounts.models import User

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"([0-9]{1,5})([mhdw])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def span(text: str) -> timedelta:
    """Read a length of time such as 90d."""
    read = _SPAN.fullmatch(text)
    if read is None:
        raise ArgumentTypeError(f"{text!r} is no length of time such as 30m, 24h, 7d or 2w.")
    return timedelta(**{UNITS[read[2]]: int(read[1])})


def moment(text: str, now: datetime) -> datetime:
    """Read an instant, a date, or how long ago; in UTC where no offset is given."""
    if _SPAN.fullmatch(text):
        return now - span(text)
    try:
        read = parse_time(f"{text}T00:00" if _DAY.fullmatch(text) else text)
    except ValueError as error:
        raise ArgumentTypeError(
            f"{text!r} is no time: 2026-11-23T17:00:00Z, 2026-11-23 (its beginning, in UTC), or "
            "how long ago, such as 24h or 7d."
        ) from error
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def user(name: str) -> User:
    found = User.objects.filter(username=name).first()
    if found is None:
        raise ArgumentTypeError(f"there is no user {name!r}.")
    return found
