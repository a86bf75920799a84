"""The clock changes of a VTIMEZONE and of a zone of the tz database."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

from reminders.exchange.icalendar.syntax.parser import Component
from reminders.exchange.icalendar.syntax.values import BadValue, moment
from reminders.recurrence import Fold, Gap, RecurrenceError, Schedule
from reminders.recurrence.wall_clock import UTC_EPOCH, zone_clock

# A rule is followed for a century from here; two a year may be written out.
EPOCH_YEAR = 1969
CENTURY = 100
MAX_CHANGES = 1_000
# After as many years dates fall on the same weekdays, from 1901 to 2099.
WEEKDAY_CYCLE = 28
_DAY = timedelta(days=1)
_OFFSET = re.compile(r"([+-])?([0-9]{2}):?([0-9]{2})(?::?([0-9]{2}))?")


class OffsetChange(NamedTuple):
    """A clock change: its instant in UTC, and the offsets before and after it."""

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def wall(self) -> datetime:
        """The wall time of the change, by the clock before it."""
        return (self.at + self.before).replace(tzinfo=None)


OffsetAndChanges = tuple[timedelta, tuple[OffsetChange, ...]]


class Definition(NamedTuple):
    """The clock changes of a zone; of a VTIMEZONE, those at which the offset changes."""

    first: timedelta
    changes: tuple[OffsetChange, ...]

    @classmethod
    def of(cls, component: Component) -> "Definition":
        """Read a VTIMEZONE, which stays as it is. Raises BadValue."""
        try:
            ordered = sorted(set(_changes(component)))
        except RecurrenceError as error:
            raise BadValue(error.message) from None
        first = offset = ordered[0].before
        changes = []
        for change in ordered:
            if change.after != offset:
                changes.append(OffsetChange(change.at, offset, change.after))
                offset = change.after
        return cls(first, tuple(changes))

    def instant(self, wall: datetime) -> datetime:
        """Return the instant of a wall time, in gaps and folds as RFC 5545 (3.3.5) has it."""
        near = _within_century(wall).replace(tzinfo=UTC)
        place = bisect_right(self.changes, near, key=lambda change: change.at + change.before)
        offset = self.first
        if place:
            change = self.changes[place - 1]
            is_in_gap = near < change.at + change.after
            offset = change.before if is_in_gap else change.after
        return wall.replace(tzinfo=UTC) - offset

    def between(self, begin: datetime, end: datetime) -> OffsetAndChanges:
        """Return the offset at `begin`, and the changes after it and before `end`."""
        low = bisect_right(self.changes, begin, key=attrgetter("at"))
        high = bisect_right(self.changes, end, key=attrgetter("at"))
        return self.changes[low - 1].after if low else self.first, self.changes[low:high]


# Few zones are like a definition: a file asks for these again and again.
@lru_cache(maxsize=32)
def definition_of_zone(name: str) -> Definition:
    """Return the clock changes of a zone of the tz database."""
    seconds, offsets, _ = zone_clock(name, Gap.AFTER, Fold.FIRST).changes
    instants = (UTC_EPOCH + timedelta(seconds=second) for second in seconds)
    lengths = [timedelta(seconds=offset) for offset in offsets]
    changes = zip(instants, lengths, lengths[1:], strict=False)
    return Definition(lengths[0], tuple(OffsetChange(*change) for change in changes))


def _within_century(wall: datetime) -> datetime:
    """Return a wall time at which the clock does the same, in the years that are worked out."""
    year = wall.year
    while year >= EPOCH_YEAR + CENTURY - 1:
        year -= WEEKDAY_CYCLE
    return wall if year == wall.year else wall.replace(year=year, day=min(wall.day, 28))


def _changes(component: Component) -> Iterator[OffsetChange]:
    """Yield the changes of a VTIMEZONE. Raises BadValue and RecurrenceError."""
    parts = [part for part in component.children if part.name in {"STANDARD", "DAYLIGHT"}]
    if not parts:
        raise BadValue("it has neither STANDARD nor DAYLIGHT")
    total = 0
    for part in parts:
        before, after = _utc_offset(part, "TZOFFSETFROM"), _utc_offset(part, "TZOFFSETTO")
        for wall in _walls(part, before):
            total += 1
            if total > MAX_CHANGES:
                raise BadValue(f"it has more than {MAX_CHANGES} changes")
            yield OffsetChange(wall - before, before, after)


def _walls(part: Component, before: timedelta) -> Iterable[datetime]:
    """Yield when the clock was set, by the clock before, as if that were UTC."""
    dtstart = part.first("DTSTART")
    if dtstart is None:
        raise BadValue("a part has no DTSTART")
    start = moment(dtstart.value, None).wall
    # Outlook starts in 1601.
    if start.year < EPOCH_YEAR:
        start = start.replace(year=EPOCH_YEAR, day=min(start.day, 28))
    yield start.replace(tzinfo=UTC)
    for rdates in part.all("RDATE"):
        for value in rdates.value.split(","):
            date = moment(value, None)
            wall = date.wall + before if date.zone else date.wall
            yield wall.replace(tzinfo=UTC)
    for rule in part.all("RRULE"):
        schedule = Schedule.validate(
            starts_at=start, timezone="UTC", recurrence=_by_the_clock(rule.value, before)
        )
        yield from schedule.upcoming(start.replace(tzinfo=UTC) - _DAY, CENTURY)


def _by_the_clock(rule: str, before: timedelta) -> str:
    """Return the rule with its UNTIL, which is in UTC, as the clock shows it."""
    parts = [part.strip() for part in rule.upper().split(";") if part.strip()]
    for place, part in enumerate(parts):
        name, _, value = part.partition("=")
        if name == "UNTIL":
            until = moment(value, None)
            wall = until.wall + before if until.zone else until.wall
            parts[place] = f"UNTIL={wall + _DAY if until.is_date else wall:%Y%m%dT%H%M%S}"
    return ";".join(parts)


def _utc_offset(part: Component, name: str) -> timedelta:
    value = part.value(name)
    parsed = _OFFSET.fullmatch(value)
    if parsed is None:
        raise BadValue(f"{name} is {value[:20]!r}, not an offset such as +0100")
    length = timedelta(hours=int(parsed[2]), minutes=int(parsed[3]), seconds=int(parsed[4] or "0"))
    if length >= _DAY:
        raise BadValue(f"{name} is {value}, a day or more")
    return -length if parsed[1] == "-" else length
