"""Leads: the time by which a reminder fires before it is due, in calendar days and exact time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import total_ordering
from itertools import pairwise
from typing import Self

from accounts.durations import Parts, duration_parts, iso_of_parts

from .errors import RecurrenceError, as_tuple
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
NO_LEAD = (ON_TIME,)
MAX_LEADS = 20
MAX_LEAD = Lead(days=366)


def checked_leads(values: Iterable[Lead | timedelta]) -> tuple[Lead, ...]:
    """Return the leads of a schedule, the shortest first; raise RecurrenceError for one refused."""
    items = as_tuple("leads", values)
    if items == NO_LEAD:
        return NO_LEAD
    if not 1 <= len(items) <= MAX_LEADS:
        raise RecurrenceError("leads", f"must be 1 to {MAX_LEADS} durations")
    leads = sorted({_lead(value) for value in items})
    for lead, longer in pairwise(leads):
        if lead.length == longer.length:
            raise RecurrenceError(
                "leads", f"{lead} and {longer} are of one length; give one of them"
            )
    return tuple(leads)


def _lead(value: object) -> Lead:
    if not isinstance(value, Lead | timedelta):
        raise RecurrenceError("leads", f"must be durations from 0 to {MAX_LEAD.days} days")
    if isinstance(value, timedelta) and value.microseconds:
        raise RecurrenceError("leads", "must be in whole seconds")
    lead = Lead.of(value)
    if lead.days < 0 or not ON_TIME <= lead <= MAX_LEAD:
        raise RecurrenceError("leads", f"must be durations from 0 to {MAX_LEAD.days} days")
    if lead.seconds <= -DAY:
        raise RecurrenceError("leads", f"{lead} takes off a day or more of its days")
    return lead
