"""ISO 8601 durations: the one reader and writer for the API, admin forms, commands and imports."""

import re
from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple

HINT = (
    "Give an ISO 8601 duration in whole weeks, days, hours, minutes and seconds, such as PT5M, "
    "PT1H30M, P1D or P1W."
)
WEEK, DAY, HOUR, MINUTE = 604_800, 86_400, 3_600, 60

# Only leads have a sign within the time: see `reminders.recurrence.Lead`.
_ISO = re.compile(
    r"(?P<sign>-?)P(?=[0-9T])(?:(?P<weeks>[0-9]{1,9})W)?(?:(?P<days>[0-9]{1,9})D)?"
    r"(?:T(?=[-0-9])(?P<time>(?:-?[0-9]{1,9}H)?(?:-?[0-9]{1,9}M)?(?:-?[0-9]{1,9}S)?))?"
)
_TIME = re.compile(r"(-?[0-9]+)([HMS])")
_SECONDS = {"H": HOUR, "M": MINUTE, "S": 1}
# Django's own notation, which stored changes and older forms contain.
_CLOCK = re.compile(
    r"(?:(?P<days>-?[0-9]{1,9}) (?:days?,? )?)?"
    r"(?P<hours>[0-9]{1,9}):(?P<minutes>[0-5][0-9]):(?P<seconds>[0-5][0-9])"
)


class DurationError(ValueError):
    """A text that is no duration; the message gives examples."""

    def __init__(self) -> None:
        super().__init__(HINT)


class Parts(NamedTuple):
    """A duration in two parts: whole days, and the time after `T` in seconds."""

    days: int
    seconds: int


def duration_parts(text: str) -> Parts:
    """Parse an ISO 8601 duration into days and time. Raises DurationError."""
    match = _ISO.fullmatch(text)
    if match is None:
        raise DurationError
    days = 7 * int(match["weeks"] or 0) + int(match["days"] or 0)
    amounts = [int(n) * _SECONDS[unit] for n, unit in _TIME.findall(match["time"] or "")]
    if match["sign"]:
        days, amounts = -days, [-amount for amount in amounts]
    return Parts(days, sum(amounts))


def form_parts(text: str) -> Parts:
    """Parse the duration in a form: ISO 8601, or Django's notation. Raises DurationError.

    Django writes a day and 12 hours as `1 12:00:00`. A number without a unit is refused, except 0.
    """
    if text == "0":
        return Parts(0, 0)
    match = _CLOCK.fullmatch(text)
    if match is None:
        return duration_parts(text)
    hours, minutes, seconds = (int(match[unit]) for unit in ("hours", "minutes", "seconds"))
    return Parts(int(match["days"] or 0), hours * HOUR + minutes * MINUTE + seconds)


def read_duration(text: str) -> timedelta:
    """Parse an ISO 8601 duration whose days have 24 hours. Raises DurationError."""
    days, seconds = duration_parts(text)
    if "-" in text[1:]:
        raise DurationError
    try:
        return timedelta(days, seconds)
    except OverflowError:
        raise DurationError from None


def iso_duration(length: timedelta) -> str:
    """Write a duration in its shortest form: PT5M, P1DT12H."""
    return iso_of_parts(Parts(length.days, length.seconds))


@lru_cache(maxsize=4096)
def iso_of_parts(parts: Parts) -> str:
    """Write days and time in ISO 8601. A negative time has its sign in each unit: P1DT-1H."""
    sign = "-" if parts.seconds < 0 else ""
    minutes, seconds = divmod(abs(parts.seconds), 60)
    hours, minutes = divmod(minutes, 60)
    units = ((hours, "H"), (minutes, "M"), (seconds, "S"))
    days = f"{parts.days}D" if parts.days else ""
    time = "".join(f"{sign}{number}{unit}" for number, unit in units if number)
    return f"P{days}T{time}" if time else f"P{days or 'T0S'}"
