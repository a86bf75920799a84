"""Leads: the time by which a reminder fires before it is due, in calendar days and exact time."""

from dataclasses import dataclass
from datetime import timedelta
from functools import total_ordering
from typing import Self

from accounts.durations import Parts, duration_parts, iso_of_parts

from .tzif import DAY


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Lead:
    """A lead in two parts, as in RFC 5545 3.3.6: immutable, and ordered by length.

    `days` are nominal: the wall clock shows the same time that number of dates before. `seconds`
    are exact, and are taken off after the days. So P1D is the same time on the day before, PT24H is
    24 hours. The seconds may be negative beside days: P1DT-9H is nine hours after that time of the
    day before. A timedelta is exact, also with days; it equals each lead of its length.
    """

    days: int = 0
    seconds: int = 0

    @classmethod
    def of(cls, value: "Lead | timedelta") -> "Lead":
        """Return a lead; a timedelta becomes a lead in seconds alone."""
        return value if isinstance(value, Lead) else cls(0, value.days * DAY + value.seconds)

    @classmethod
    def read(cls, text: str) -> Self:
        """Read an ISO 8601 duration. Raises DurationError."""
        return cls(*duration_parts(text))

    @property
    def length(self) -> int:
        """The length in seconds with days of 24 hours, as PostgreSQL compares intervals."""
        return self.days * DAY + self.seconds

    @property
    def nominal(self) -> timedelta:
        """The same as a timedelta."""
        return timedelta(self.days, self.seconds)

    def __str__(self) -> str:
        return iso_of_parts(Parts(self.days, self.seconds))

    def __bool__(self) -> bool:
        return bool(self.days or self.seconds)

    def __eq__(self, value: object) -> bool:
        if isinstance(value, Lead):
            return self.days == value.days and self.seconds == value.seconds
        if isinstance(value, timedelta):
            return self.nominal == value
        return NotImplemented

    def __lt__(self, value: object) -> bool:
        if isinstance(value, timedelta):
            value = Lead.of(value)
        if not isinstance(value, Lead):
            return NotImplemented
        return (self.length, self.days) < (value.length, value.days)

    def __floordiv__(self, unit: timedelta) -> int:
        """Return the number of whole units in the lead, such as minutes."""
        return self.nominal // unit

    def __hash__(self) -> int:
        return hash(self.nominal)


ON_TIME = Lead()
