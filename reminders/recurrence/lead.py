"""How long before it is due a reminder fires: days of the calendar, and time by the clock."""

from dataclasses import dataclass
from datetime import timedelta
from functools import total_ordering
from typing import Self

from accounts.durations import Parts, duration_parts, iso_of_parts

from .tzif import DAY


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Lead:
    """A lead in two parts, as RFC 5545 3.3.6 has them: immutable, and ordered by length.

    `days` are nominal: the wall clock shows the same so many dates before. `seconds` are exact, and
    are taken off after the days. So P1D is the same time on the day before, PT24H is 24 hours. The
    seconds may be below zero beside days: P1DT-9H is nine hours after that time of the day before.
    A timedelta is exact, also where Python writes it in days; it equals each lead of its length.
    """

    days: int = 0
    seconds: int = 0

    @classmethod
    def of(cls, value: "Lead | timedelta") -> "Lead":
        """Return a lead; a timedelta is one in seconds alone."""
        return value if isinstance(value, Lead) else cls(0, value.days * DAY + value.seconds)

    @classmethod
    def read(cls, text: str) -> Self:
        """Read an ISO 8601 duration. Raises DurationError."""
        return cls(*duration_parts(text))

    @property
    def length(self) -> int:
        """The length in seconds where each day has 24 hours, as PostgreSQL compares intervals."""
        return self.days * DAY + self.seconds

    @property
    def nominal(self) -> timedelta:
        """The same as a timedelta."""
        return timedelta(self.days, self.seconds)

    def __str__(self) -> str:
        return iso_of_parts(Parts(self.days, self.seconds))

    def __bool__(self) -> bool:
        return bool(self.days or self.seconds)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Lead):
            return self.days == other.days and self.seconds == other.seconds
        if isinstance(other, timedelta):
            return self.nominal == other
        return NotImplemented

    def __lt__(self, other: object) -> bool:
        if isinstance(other, timedelta):
            other = Lead.of(other)
        if not isinstance(other, Lead):
            return NotImplemented
        return (self.length, self.days) < (other.length, other.days)

    def __floordiv__(self, unit: timedelta) -> int:
        """Return how many whole units it has, such as minutes."""
        return self.nominal // unit

    def __hash__(self) -> int:
        return hash(self.nominal)


ON_TIME = Lead()
