"""The IANA zone of a TZID, by its name or by its VTIMEZONE."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime, time
from typing import NamedTuple, TypeVar

from accounts import timezones
from reminders.exchange.icalendar.syntax.parser import Component, Property
from reminders.exchange.icalendar.syntax.values import UTC_NAME, BadValue, Moment, moment, text
from reminders.exchange.icalendar.tzid.definition import Definition
from reminders.exchange.icalendar.tzid.match import YEARS, Likeness, find_match
from reminders.exchange.icalendar.tzid.names import (
    MAX_NAME_LENGTH,
    etc_zones,
    fixed_zone,
    hints,
    known_name,
    well_known,
    zone_of_display_name,
)
from reminders.exchange.limits import Unreadable, check_time
from reminders.recurrence import to_utc

MAX_ZONES = 200
_BLANKS = re.compile(r'[\s\\"]+')
_LIKENESS = {
    Likeness.EQUAL: "which has the same offsets in these years",
    Likeness.EQUAL_LATER: "which has the same offsets from {year} on",
    Likeness.NEAR: "whose clock changes come on other days or at other hours",
}


Key = TypeVar("Key")
Value = TypeVar("Value")


class Remark(NamedTuple):
    """The reading of a TZID whose name alone does not tell the zone."""

    where: str
    what: str


class Zones:
    """The zones that one calendar names. The order of the calls does not matter."""

    def __init__(self, definitions: Iterable[Component], preferred: Iterable[str]) -> None:
        self._components: dict[str, Component] = {}
        for component in definitions:
            if len(self._components) >= MAX_ZONES:
                raise Unreadable(f"It defines more than {MAX_ZONES} time zones.")
            self._components.setdefault(_key(_label(component)), component)
        self.preferred = [name for name in preferred if name in timezones.names()]
        self._definitions: dict[str, Definition | BadValue] = {}
        self._names: dict[tuple[str, int], str | BadValue] = {}
        self._known_names: dict[str, str | None] = {}
        # Without duplicates, in the order of the file.
        self.remarks: dict[Remark, None] = {}

    def moment(self, prop: Property, value: str = "", *, year: int | None = None) -> Moment:
        """Return the date or time of a property, or of one of its values. Raises BadValue.

        Times of a series, which began in `year`, are in one zone. Without `year` a time is on its
        own: if no zone is like the definition in the file, the definition gives its instant.
        """
        at = moment(value or prop.value, None)
        tzid = prop.params.get("TZID")
        if prop.params.get("VALUE", "").upper() == "DATE" and at.wall.time() == time.min:
            return Moment(at.wall, None, is_date=True)
        if not tzid or at.is_date or at.zone:
            return at
        if year is None and self._known_name(tzid) is None:
            return self._by_definition(tzid, at.wall)
        return Moment(at.wall, self.name(tzid, at.wall.year if year is None else year))

    def name(self, tzid: str, year: int) -> str:
        """Return the IANA zone that a TZID means from a year on. Raises BadValue."""
        key = tzid, year
        return _cached(self._names, key, lambda: self._look_up(tzid, year))

    def likely(self) -> list[str]:
        """Return the zones in which a time in UTC may have been midnight, the likeliest first."""
        named = [self._known_name(_label(component)) for component in self._components.values()]
        return list(dict.fromkeys([*self.preferred[:-1], *filter(None, named), *self.preferred]))

    def _known_name(self, tzid: str) -> str | None:
        """Return the zone of a name that needs no definition.

        An abbreviation may mean several zones: a definition in the file takes precedence.
        """
        if tzid not in self._known_names:
            component = self._components.get(_key(tzid))
            names = [known_name(tzid), known_name(_location(component))]
            self._known_names[tzid] = next(
                (name for name in names if name and ("/" in name or component is None)), None
            )
        return self._known_names[tzid]

    def _look_up(self, tzid: str, year: int) -> str:
        check_time()
        if len(tzid) > MAX_NAME_LENGTH:
            raise BadValue(f"its time zone has a name of {len(tzid)} characters")
        if iana_name := self._known_name(tzid):
            return iana_name
        component = self._components.get(_key(tzid))
        if component is None:
            name = _spelled_name(tzid)
            if name is None:
                raise BadValue(f"its time zone {tzid[:60]!r} is not known, and is not defined")
            self._remark(f'TZID "{tzid[:60]}"', f"it is read as {name}")
            return name
        try:
            return self._defined_name(tzid, year)
        except BadValue as error:
            name = known_name(tzid) or _spelled_name(tzid)
            if name is None:
                raise
            self._remark(f'VTIMEZONE "{tzid[:60]}"', f"it is read as {name}, by its name: {error}")
            return name

    def _defined_name(self, tzid: str, year: int) -> str:
        definition = self._definition(tzid)
        location = _location(self._components[_key(tzid)])
        is_fixed = not definition.changes
        zone = find_match(
            definition,
            year,
            [
                *hints(tzid),
                *hints(location),
                *self.preferred,
                # Preferred to equal zones, which a law may change.
                *(etc_zones() if is_fixed else ()),
                *well_known(),
            ],
        )
        if zone is None:
            raise BadValue(
                f"no zone of the tz database does what its time zone {tzid[:60]!r} defines "
                f"for {year} to {year + YEARS}"
            )
        likeness = _LIKENESS[zone.likeness].format(year=zone.year)
        self._remark(
            f'VTIMEZONE "{tzid[:60]}"', f"its own definition is read as {zone.name}, {likeness}"
        )
        return zone.name

    def _by_definition(self, tzid: str, wall: datetime) -> Moment:
        """Return a single time; in UTC if no zone is like the definition in the file."""
        if _key(tzid) not in self._components:
            return Moment(wall, self.name(tzid, wall.year))
        try:
            name = self.name(tzid, wall.year)
        except BadValue:
            name = None
        try:
            instant = self._definition(tzid).instant(wall)
        except BadValue:
            return Moment(wall, self.name(tzid, wall.year))
        if name and to_utc(wall, name)[0] == instant:
            return Moment(wall, name)
        self._remark(
            f'VTIMEZONE "{tzid[:60]}"',
            f"{wall:%Y-%m-%d %H:%M} in it is read as {instant:%Y-%m-%d %H:%M} UTC, by its own "
            "definition",
        )
        return Moment(instant.replace(tzinfo=None), UTC_NAME)

    def _definition(self, tzid: str) -> Definition:
        """Return the definition of a TZID in the file. Raises BadValue."""

        def read_definition() -> Definition:
            try:
                return Definition.of(self._components[key])
            except BadValue as error:
                raise BadValue(f"its time zone {tzid[:60]!r} cannot be read: {error}") from None
            except OverflowError:
                what = f"its time zone {tzid[:60]!r} has a time that is out of range"
                raise BadValue(what) from None

        key = _key(tzid)
        return _cached(self._definitions, key, read_definition)

    def _remark(self, where: str, what: str) -> None:
        self.remarks[Remark(where, what)] = None


def _cached(cache: dict[Key, Value | BadValue], key: Key, compute: Callable[[], Value]) -> Value:
    """Return the cached result of `compute`; an error is cached, too, and raised again."""
    if key not in cache:
        try:
            cache[key] = compute()
        except BadValue as error:
            cache[key] = error
    result = cache[key]
    if isinstance(result, BadValue):
        raise BadValue(str(result))
    return result


def _spelled_name(tzid: str) -> str | None:
    """Return the zone of a name that nothing defines, as other programs spell it."""
    return known_name(tzid.replace("-", "/", 1)) or zone_of_display_name(tzid) or fixed_zone(tzid)


def _key(tzid: str) -> str:
    """Return a TZID as it is looked up: programs escape and space it in different ways."""
    return _BLANKS.sub("", tzid).casefold()


def _label(component: Component) -> str:
    return text(component.first("TZID"))


def _location(component: Component | None) -> str:
    return text(component.first("X-LIC-LOCATION")) if component else ""
