"""Lengths of time: 20 minutes, an hour and a half, 1.5 hours, a quarter of an hour."""

import re
from dataclasses import dataclass
from datetime import timedelta

from reminders.natural_language.cursor import Cursor
from reminders.natural_language.errors import refuse
from reminders.natural_language.lexicon import UNIT_NAMES
from reminders.natural_language.tokens import Clock


@dataclass(frozen=True, slots=True)
class Length:
    """A number of units; months and years are not a number of days."""

    number: float
    unit: str

    @property
    def span(self) -> timedelta | None:
        """The length in time; None for months and years, whose lengths differ."""
        units = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800, "fortnight": 1209600}
        if self.unit not in units:
            return None
        try:
            return timedelta(seconds=self.number * units[self.unit])
        except OverflowError:
            refuse("This is too far away.")

    @property
    def is_exact(self) -> bool:
        """Whether it is measured in hours and minutes, not in days of the calendar."""
        return self.unit in ("minute", "hour")


def lengths(c: Cursor) -> list[Length] | None:
    """Read 20 minutes, an hour and a half, a quarter of an hour, 1h30m, 1.5 hours."""
    if phrase := c.phrase(*_PHRASES):
        return [Length(_PHRASES[phrase], "minute")]
    if minutes := quarters(c):
        return [Length(minutes, "minute")]
    length = c.attempt(lambda: _written_span(c)) or _read_counted(c)
    return [length] if length else None


_PHRASES = {
    **dict.fromkeys(("half an hour", "half hour", "a half hour", "half-hour"), 30),
    **dict.fromkeys(("an hour and a half", "one and a half hours"), 90),
}


def _read_counted(c: Cursor) -> Length | None:
    if c.phrase("a couple of", "couple of"):
        number: int | None = 2
    else:
        number = 1 if c.word("a", "an", "the") else c.number()
    if number is None:
        return None
    half = c.phrase("and a half") is not None
    unit = c.one_of(UNIT_NAMES)
    if unit is None or (half and unit not in ("hour", "day", "minute")):
        return None
    return Length(number + 0.5 * half, unit)


def quarters(c: Cursor) -> int | None:
    """Read a quarter of an hour, three quarters of an hour, quarter hour: minutes."""
    return c.attempt(lambda: _quarters(c))


def _quarters(c: Cursor) -> int | None:
    c.word("a")
    number = c.attempt(c.number)
    if c.word("quarter-hour"):
        return 15 * (number or 1)
    if not c.word("quarter", "quarters"):
        return None
    return 15 * (number or 1) if c.phrase("of an hour", "of the hour", "hour", "hours") else None


def _written_span(c: Cursor) -> Length | None:
    """Read 1h30m, 1h30, 2weeks, 1.5 hours."""
    token, span = c.token, c.value("span")
    if token is not None and span is not None:
        days, seconds = divmod(span.total_seconds(), 24 * 3600)
        if not seconds and not re.search("[hm]", token.text):
            return Length(days, "day")
        return Length(span.total_seconds() / 60, "minute")
    clock = c.value("hours")
    if isinstance(clock, Clock):
        return Length(clock.hour * 60 + clock.minute, "minute")
    number = c.value("decimal")
    unit = c.one_of({**UNIT_NAMES, "h": "hour", "m": "minute", "d": "day", "w": "week"})
    if number is None or unit is None:
        return None
    return Length(number, unit) if unit in ("minute", "hour", "day", "week") else None
