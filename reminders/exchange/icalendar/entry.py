"""A VEVENT or VTODO, and the calendar that it stands in."""

from dataclasses import dataclass
from datetime import time

from reminders.exchange.icalendar.losses import Losses
from reminders.exchange.icalendar.syntax.parser import Component
from reminders.exchange.icalendar.syntax.values import text
from reminders.exchange.icalendar.tzid.zones import Zones


@dataclass(slots=True)
class ImportedCalendar:
    """The time zones of a VCALENDAR, and the settings of its import.

    `home` is the zone of dates, `floating` that of times without a zone; `used_floating` tells
    whether there were any. An all-day entry is due at `all_day_at`.
    """

    home: str
    floating: str
    zones: Zones
    all_day_at: time
    used_floating: bool = False


@dataclass(slots=True)
class Entry:
    """A VEVENT or VTODO. Its losses count only if it is imported.

    `seal` is the seal (foam_properties) of the whole component, before a reader takes properties.
    """

    component: Component
    calendar: ImportedCalendar
    losses: Losses
    seal: str

    @property
    def zones(self) -> Zones:
        return self.calendar.zones

    @property
    def where(self) -> str:
        return self.losses.where

    def lose(self, what: str) -> None:
        self.losses.add(what)


def title_of(component: Component) -> str:
    """Return the name of an entry in reports: its kind, and its SUMMARY or UID."""
    title = " ".join(text(component.first("SUMMARY")).split()) or text(component.first("UID"))
    return f'{component.name} "{title[:60]}"' if title else component.name
