"""vCalendar 1.0, as older phones and programs write it, converted to RFC 5545."""

from datetime import datetime

from reminders.exchange.icalendar.entry import Entry
from reminders.exchange.icalendar.losses import Losses
from reminders.exchange.icalendar.syntax.parser import Component, Property
from reminders.exchange.icalendar.syntax.values import UTC_NAME, BadValue, Moment, duration, text
from reminders.exchange.icalendar.tzid.names import fixed_zone, standard_offset
from reminders.exchange.icalendar.tzid.zones import Zones

_ALARMS = {"AALARM": "AUDIO", "DALARM": "DISPLAY", "MALARM": "EMAIL", "PALARM": "PROCEDURE"}
# The properties by which Google and many feeds name the zone of floating times.
ZONE_NAMES = ("X-WR-TIMEZONE", "TIMEZONE-ID")
# A zone that the file defines is matched with IANA zones from this year on.
FIRST_USE = 2026
_LISTS = ("CATEGORIES", "RESOURCES")


def modernize(component: Component) -> None:
    """Divide lists by commas. vCalendar 1.0 divides them by semicolons."""
    for name in _LISTS:
        for place, prop in enumerate(component.all(name)):
            value = prop.value.replace("\\;", "\0").replace(";", ",").replace("\0", ";")
            component.properties[name][place] = Property(name, prop.params, value)


def add_alarms(entry: Entry, start: Moment) -> None:
    """Convert each alarm that is a property to a VALARM: AALARM:20270105T084500;PT5M;2;text.

    The first occurrence is at `start`. The alarm is as long before all others of a series.
    """
    for name, action in _ALARMS.items():
        for prop in entry.component.take(name):
            at, pause, repeat, content = (*prop.value.split(";", 3), "", "", "")[:4]
            if not at.strip():
                continue
            try:
                wall = entry.zones.moment(prop, at).wall_in(start.zone or UTC_NAME)
            except BadValue as error:
                entry.lose(f"an alarm ({name}): {error}")
                continue
            alarm = Component("VALARM")
            alarm.put("ACTION", action)
            alarm.put("TRIGGER", trigger_text(wall, start.wall))
            if content.strip() and action != "AUDIO":
                alarm.put("DESCRIPTION", content)
            if repeat.strip().isdecimal() and _is_duration(pause):
                alarm.put("REPEAT", repeat)
                alarm.put("DURATION", pause)
            entry.component.children.append(alarm)


def trigger_text(wall: datetime, start: datetime) -> str:
    """Return how long a wall time is before or after the start, as a DURATION."""
    length = abs(wall - start)
    sign = "-" if wall < start else ""
    return f"{sign}P{length.days}DT{length.seconds}S"


def _is_duration(value: str) -> bool:
    try:
        return bool(duration(value))
    except BadValue:
        return False


def is_version_1(calendar: Component) -> bool:
    return any(version.value.strip() == "1.0" for version in calendar.all("VERSION"))


def floating_zone(
    calendar: Component, definitions: list[Component], home: str, losses: Losses
) -> str:
    """Take the zone of the floating times of a calendar; `home`, the reader's, if it has none.

    vCalendar 1.0 has an offset (TZ), and whether there is daylight saving time (DAYLIGHT).
    """
    offsets, daylight = calendar.take("TZ"), calendar.take("DAYLIGHT")
    names = [text(prop) for name in ZONE_NAMES for prop in calendar.take(name)]
    if names:
        try:
            # By its name, or as the file defines it.
            return Zones(definitions, [home]).name(names[0], FIRST_USE)
        except BadValue:
            pass
    elif offsets:
        names = [text(offsets[0])]
        zone = fixed_zone(_in_full(names[0]))
        if zone and standard_offset(zone) == standard_offset(home):
            return home
        if zone and not any(text(prop).upper().startswith("TRUE") for prop in daylight):
            return zone
    if names and names[0]:
        what = f"its time zone {names[0][:60]!r} is none that FOAM knows"
        losses.add(f"{what}: times without a zone are read in {home}", "VCALENDAR")
    return home


def _in_full(offset: str) -> str:
    """Return an offset with its sign, which some phones leave out east of Greenwich."""
    return offset if offset[:1] in {"+", "-"} else f"+{offset}"
