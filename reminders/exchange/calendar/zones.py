"""Which IANA zone a calendar means by a TZID: by its name, or by what its VTIMEZONE defines."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import NamedTuple

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from accounts import timezones
from reminders.exchange.calendar.tree import Component, Property
from reminders.exchange.calendar.values import BadValue, moment, text
from reminders.exchange.reading import Unreadable
from reminders.recurrence import RecurrenceError, Schedule

MAX_ZONES = 200
# A zone and a definition are equal when they agree over so many years from the first use.
YEARS = 12
# A rule is followed for a century from here; two a year may be written out.
EPOCH_YEAR = 1969
CENTURY = 100
MAX_CHANGES = 1_000
LONGEST_ID = 200
_DAY = timedelta(days=1)


class Change(NamedTuple):
    at: datetime
    before: timedelta
    after: timedelta


class Zones:
    """The zones that one calendar names; `used` tells which were found by what they define."""

    def __init__(self, definitions: Iterable[Component], preferred: Iterable[str]) -> None:
        self._definitions: dict[str, Component] = {}
        for definition in definitions:
            if len(self._definitions) >= MAX_ZONES:
                raise Unreadable(f"It defines more than {MAX_ZONES} time zones.")
            self._definitions.setdefault(text(definition.take_one("TZID")), definition)
        self._preferred = [name for name in preferred if name in timezones.names()]
        self._found: dict[str, str] = {}
        self.alike: dict[str, str] = {}

    def of(self, found: Property) -> str | None:
        """Return the zone that the TZID of a property means; None without one. BadValue."""
        tzid = found.params.get("TZID")
        return self.name(tzid, found.value) if tzid else None

    def name(self, tzid: str, since: str = "") -> str:
        """Return the IANA name for a TZID that is used from `since` on. Raises BadValue."""
        if tzid not in self._found:
            self._found[tzid] = self._look_up(tzid, since)
        return self._found[tzid]

    def _look_up(self, tzid: str, since: str) -> str:
        if len(tzid) > LONGEST_ID:
            raise BadValue(f"its time zone has a name of {len(tzid)} characters")
        definition = self._definitions.get(tzid)
        location = text(definition.take_one("X-LIC-LOCATION")) if definition else ""
        for named in (tzid, location):
            if known := known_name(named):
                return known
        if definition is None:
            raise BadValue(f"its time zone {tzid[:60]!r} is not known, and is not defined")
        equal = self._equal(tzid, definition, _year(since))
        self.alike[tzid] = equal
        return equal

    def _equal(self, tzid: str, definition: Component, year: int) -> str:
        try:
            changes = sorted(set(_changes(definition)))
        except (BadValue, RecurrenceError) as error:
            raise BadValue(f"its time zone {tzid[:60]!r} cannot be read: {error}") from None
        begin = datetime(year, 1, 1, tzinfo=UTC)
        moments = _moments(changes, begin)
        candidates = [*self._preferred, *_well_known()]
        for moment_ in moments:
            place = bisect_right(changes, moment_, key=attrgetter("at"))
            offset = changes[place - 1].after if place else changes[0].before
            candidates = [
                name
                for name in candidates
                if moment_.astimezone(timezones.zone(name)).utcoffset() == offset
            ]
        if not candidates:
            raise BadValue(
                f"no zone of the tz database does what its time zone {tzid[:60]!r} defines "
                f"for {year} to {year + YEARS}"
            )
        return candidates[0]


def known_name(name: str) -> str | None:
    """Return the IANA name for one of IANA's or of Windows', also after a maker's prefix."""
    name = name.strip().strip('"')
    if not name or len(name) > LONGEST_ID:
        return None
    if name in WINDOWS_TO_OLSON:
        return WINDOWS_TO_OLSON[name]
    # As in /mozilla.org/20070129_1/Europe/Berlin.
    parts = name.strip("/").split("/")
    for begin in range(min(len(parts), 5)):
        if known := _any_case().get("/".join(parts[begin:]).lower()):
            return known
    return None


@cache
def _any_case() -> dict[str, str]:
    return {name.lower(): name for name in timezones.names()}


@cache
def _well_known() -> tuple[str, ...]:
    """Return all zones: those that Windows has a name for come first, links of old last."""
    first = [name for name in WINDOWS_TO_OLSON.values() if name in timezones.names()]
    others = sorted(timezones.names() - set(first), key=lambda name: ("/" not in name, name))
    return tuple(dict.fromkeys([*first, *others]))


def _year(since: str) -> int:
    year = int(since[:4]) if since[:4].isascii() and since[:4].isdigit() else 2000
    return min(max(year, EPOCH_YEAR + 1), EPOCH_YEAR + CENTURY - YEARS)


def _changes(definition: Component) -> Iterable[Change]:
    """Return the changes of a VTIMEZONE. Raises BadValue and RecurrenceError."""
    parts = [*definition.take_children("STANDARD"), *definition.take_children("DAYLIGHT")]
    if not parts:
        raise BadValue("it has neither STANDARD nor DAYLIGHT")
    total = 0
    for part in parts:
        before, after = _utc_offset(part, "TZOFFSETFROM"), _utc_offset(part, "TZOFFSETTO")
        for wall in _walls(part, before):
            total += 1
            if total > MAX_CHANGES:
                raise BadValue(f"it has more than {MAX_CHANGES} changes")
            yield Change(wall - before, before, after)


def _walls(part: Component, before: timedelta) -> Iterable[datetime]:
    """Return when the clock was set, by the clock before, as if that were UTC."""
    found = part.take_one("DTSTART")
    if found is None:
        raise BadValue("a part has no DTSTART")
    start = moment(found.value, None).wall
    # Outlook starts in 1601.
    if start.year < EPOCH_YEAR:
        start = start.replace(year=EPOCH_YEAR, day=min(start.day, 28))
    yield start.replace(tzinfo=UTC)
    for rdates in part.take("RDATE"):
        for value in rdates.value.split(","):
            yield moment(value, None).wall.replace(tzinfo=UTC)
    for rule in part.take("RRULE"):
        schedule = Schedule.validate(
            starts_at=start, timezone="UTC", recurrence=_by_the_clock(rule.value, before)
        )
        yield from schedule.upcoming(start.replace(tzinfo=UTC) - _DAY, CENTURY)


def _by_the_clock(rule: str, before: timedelta) -> str:
    """Return the rule with its UNTIL, which is in UTC, as the clock shows it."""
    parts = rule.strip().upper().split(";")
    for place, part in enumerate(parts):
        name, _, value = part.partition("=")
        if name == "UNTIL":
            until = moment(value, None)
            wall = until.wall + before if until.zone else until.wall
            parts[place] = f"UNTIL={wall + _DAY if until.is_date else wall:%Y%m%dT%H%M%S}"
    return ";".join(parts)


def _utc_offset(part: Component, name: str) -> timedelta:
    found = part.take_one(name)
    value = found.value.strip() if found else ""
    digits = value[1:]
    if value[:1] not in {"+", "-"} or len(digits) not in {4, 6} or not digits.isdecimal():
        raise BadValue(f"{name} is {value[:20]!r}, not an offset such as +0100")
    length = timedelta(
        hours=int(digits[:2]), minutes=int(digits[2:4]), seconds=int(digits[4:] or "0")
    )
    if length >= _DAY:
        raise BadValue(f"{name} is {value}, a day or more")
    return -length if value[0] == "-" else length


def _moments(changes: list[Change], begin: datetime) -> list[datetime]:
    """Return when to compare: each month, and just before and after each change."""
    end = begin.replace(year=begin.year + YEARS)
    monthly = [
        datetime(year, month, 15, tzinfo=UTC)
        for year in range(begin.year, end.year)
        for month in range(1, 13)
    ]
    around = [
        change.at + step
        for change in changes
        if begin <= change.at < end
        for step in (-timedelta(seconds=1), timedelta(0))
    ]
    return monthly + around
