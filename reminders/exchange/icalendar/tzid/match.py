"""The zone of the tz database that is most like a VTIMEZONE."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

from accounts import timezones
from reminders.exchange.icalendar.tzid.definition import (
    CENTURY,
    EPOCH_YEAR,
    Definition,
    OffsetAndChanges,
    OffsetChange,
    definition_of_zone,
)

# A zone and a definition are equal if they agree for this number of years from the first use.
YEARS = 12
LAST_YEAR = EPOCH_YEAR + CENTURY - 1
# The maximum between the dates that programs have given to the same clock change.
NEAR = timedelta(days=36)
# The search for a year from which on a definition is near to a zone goes by this many years.
STEP = 4


class Likeness(IntEnum):
    """The likeness of a zone and a definition, the best first."""

    EQUAL = 1
    EQUAL_LATER = 2
    NEAR = 3


class Match(NamedTuple):
    """The zone that is most like a definition, and from which year on."""

    name: str
    likeness: Likeness
    year: int


def find_match(definition: Definition, year: int, candidates: Sequence[str]) -> Match | None:
    """Return the zone that is most like a definition from a year on, the first of equals."""
    year = min(max(year, EPOCH_YEAR + 1), LAST_YEAR - YEARS)
    begin, end = _january(year), _january(year + YEARS)
    defined = definition.between(begin, end)
    alike = _alike(definition, year, candidates)
    for name in alike:
        if definition_of_zone(name).between(begin, end) == defined:
            return Match(name, Likeness.EQUAL, year)
    return _equal_later(definition, candidates) or _near(definition, year, candidates)


def _alike(definition: Definition, year: int, candidates: Iterable[str]) -> list[str]:
    """Return the candidates with the offsets of a definition in January and July of a year.

    It is a cheap first test: to compute the clock changes of all zones takes seconds.
    """
    moments = [datetime(year, month, 15, tzinfo=UTC) for month in (1, 7)]
    offsets = [definition.between(moment, moment)[0] for moment in moments]
    zones = ((name, timezones.zone(name)) for name in candidates)
    return [
        name
        for name, zone in zones
        if [moment.astimezone(zone).utcoffset() for moment in moments] == offsets
    ]


def _equal_later(definition: Definition, candidates: Sequence[str]) -> Match | None:
    """Return the first zone that is equal from some year on, for as long as is worked out."""
    end = _january(LAST_YEAR)
    begin = _january(EPOCH_YEAR + 1)
    _, defined = definition.between(begin, end)
    for name in _alike(definition, LAST_YEAR - 1, candidates):
        _, changes = definition_of_zone(name).between(begin, end)
        year = _last_difference(defined, changes).year + 1
        if year <= LAST_YEAR - YEARS:
            return Match(name, Likeness.EQUAL_LATER, year)
    return None


def _last_difference(defined: Sequence[OffsetChange], changes: Sequence[OffsetChange]) -> datetime:
    """Return the last instant at which two zones differ that have equal offsets at the end."""
    length = 0
    for change, counterpart in zip(reversed(defined), reversed(changes), strict=False):
        if (change.at, change.after) != (counterpart.at, counterpart.after):
            break
        length += 1
    last = [change for zone in (defined, changes) for change in zone[: len(zone) - length][-1:]]
    return max((change.at for change in last), default=_january(EPOCH_YEAR))


def _near(definition: Definition, year: int, candidates: Sequence[str]) -> Match | None:
    """Return the zone whose clock changes are nearest to those of a definition."""
    for start in range(year, LAST_YEAR - YEARS + 1, STEP):
        begin, end = _january(start), _january(start + YEARS)
        defined = definition.between(begin, end)
        best: tuple[timedelta, str] | None = None
        for name in _alike(definition, start, candidates):
            distance = _distance(defined, definition_of_zone(name).between(begin, end))
            if distance is not None and (best is None or distance < best[0]):
                best = distance, name
        if best:
            return Match(best[1], Likeness.NEAR, start)
    return None


def _distance(defined: OffsetAndChanges, zone: OffsetAndChanges) -> timedelta | None:
    """Return the sum of the times between clock changes; None if one has no counterpart."""
    (defined_offset, defined_changes), (offset, changes) = defined, zone
    if defined_offset != offset or len(defined_changes) != len(changes):
        return None
    total = timedelta(0)
    for change, counterpart in zip(defined_changes, changes, strict=True):
        apart = abs(change.at - counterpart.at)
        if apart > NEAR or change.after != counterpart.after:
            return None
        total += apart
    return total


def _january(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)
