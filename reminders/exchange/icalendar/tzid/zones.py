"""Which IANA zone a calendar means by a TZID: by its name, or by what its VTIMEZONE defines."""

import re
from collections.abc import Iterable
from datetime import datetime, time
from typing import NamedTuple

from accounts import timezones
from reminders.exchange.drafts import Unreadable
from reminders.exchange.icalendar.syntax.parser import Component, Property
from reminders.exchange.icalendar.syntax.values import UTC_NAME, BadValue, Moment, moment, text
from reminders.exchange.icalendar.tzid.definition import Definition
from reminders.exchange.icalendar.tzid.match import YEARS, Likeness, match
from reminders.exchange.icalendar.tzid.names import (
    MAX_NAME_LENGTH,
    etc_zones,
    fixed_zone,
    hints,
    known_name,
    shown_name,
    well_known,
)
from reminders.recurrence import to_utc

MAX_ZONES = 200
_BLANKS = re.compile(r'[\s\\"]+')
_LIKENESS = {
    Likeness.EQUAL: "which has the same offsets in these years",
    Likeness.EQUAL_LATER: "which has the same offsets from {year} on",
    Likeness.NEAR: "whose clock changes come on other days or at other hours",
}


class Remark(NamedTuple):
    """How a TZID was read, where its name alone does not tell."""

    where: str
    what: str


class Zones:
    """The zones that one calendar names. What it answers does not depend on what it was asked."""

    def __init__(self, definitions: Iterable[Component], preferred: Iterable[str]) -> None:
        self._components: dict[str, Component] = {}
        for component in definitions:
            if len(self._components) >= MAX_ZONES:
                raise Unreadable(f"It defines more than {MAX_ZONES} time zones.")
            tzid = component.left.get("TZID")
            self._components.setdefault(_key(text(tzid[0] if tzid else None)), component)
        self.preferred = [name for name in preferred if name in timezones.names()]
        self._definitions: dict[str, Definition | BadValue] = {}
        self._names: dict[tuple[str, int], str | BadValue] = {}
        self._known: dict[str, str | None] = {}
        # Each once, in the order of the file.
        self.remarks: dict[Remark, None] = {}

    def moment(self, prop: Property, value: str = "", *, year: int | None = None) -> Moment:
        """Return the date or time of a property, or of one of its values. Raises BadValue.

        Times of a series, which began in `year`, are in one zone. Without `year` a time is on its
        own: where no zone does what the file defines, the definition itself tells its moment.
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
        if key not in self._names:
            try:
                self._names[key] = self._look_up(tzid, year)
            except BadValue as error:
                self._names[key] = error
        name = self._names[key]
        if isinstance(name, BadValue):
            raise BadValue(str(name))
        return name

    def likely(self) -> list[str]:
        """Return the zones in which a time in UTC may have been midnight, the likeliest first."""
        named = [self._known_name(_label(component)) for component in self._components.values()]
        return list(dict.fromkeys([*self.preferred[:-1], *filter(None, named), *self.preferred]))

    def _known_name(self, tzid: str) -> str | None:
        """Return the zone of a name that needs no definition.

        An abbreviation may mean more than one; where the file defines it, that counts.
        """
        if tzid not in self._known:
            component = self._components.get(_key(tzid))
            names = [known_name(tzid), known_name(_location(component))]
            self._known[tzid] = next(
                (name for name in names if name and ("/" in name or component is None)), None
            )
        return self._known[tzid]

    def _look_up(self, tzid: str, year: int) -> str:
        if len(tzid) > MAX_NAME_LENGTH:
            raise BadValue(f"its time zone has a name of {len(tzid)} characters")
        if known := self._known_name(tzid):
            return known
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
        zone = match(
            definition,
            year,
            [
                *hints(tzid),
                *hints(location),
                *self.preferred,
                # Of equals the one that no law changes.
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
        """Return a single time; in UTC where no zone does what the file defines."""
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
        """Return what the file defines for a TZID. Raises BadValue."""
        key = _key(tzid)
        if key not in self._definitions:
            try:
                self._definitions[key] = Definition.of(self._components[key])
            except BadValue as error:
                message = f"its time zone {tzid[:60]!r} cannot be read: {error}"
                self._definitions[key] = BadValue(message)
        definition = self._definitions[key]
        if isinstance(definition, BadValue):
            raise BadValue(str(definition))
        return definition

    def _remark(self, where: str, what: str) -> None:
        self.remarks[Remark(where, what)] = None


def _spelled_name(tzid: str) -> str | None:
    """Return the zone of a name that nothing defines, as other programs spell it."""
    return known_name(tzid.replace("-", "/", 1)) or shown_name(tzid) or fixed_zone(tzid)


def _key(tzid: str) -> str:
    """Return a TZID as it is looked up: programs escape and space it in different ways."""
    return _BLANKS.sub("", tzid).casefold()


def _label(component: Component) -> str:
    tzid = component.left.get("TZID")
    return text(tzid[0] if tzid else None)


def _location(component: Component | None) -> str:
    location = component.left.get("X-LIC-LOCATION") if component else None
    return text(location[0]) if location else ""
