"""vCalendar 1.0, of older phones and programs, put as RFC 5545 has it."""

from datetime import datetime

from reminders.exchange.icalendar.losses import Account
from reminders.exchange.icalendar.syntax.parser import Component, Property
from reminders.exchange.icalendar.syntax.values import UTC_NAME, BadValue, Moment, duration, text
from reminders.exchange.icalendar.tzid.names import fixed_zone, standard_offset
from reminders.exchange.icalendar.tzid.zones import Zones

_ALARMS = {"AALARM": "AUDIO", "DALARM": "DISPLAY", "MALARM": "EMAIL", "PALARM": "PROCEDURE"}
# The zone of a calendar's times that name none, as Google and many feeds call it.
ZONE_NAMES = ("X-WR-TIMEZONE", "TIMEZONE-ID")
# A calendar's own zone, where the file defines it, is the one that does the same from then on.
FIRST_USE = 2026
_LISTS = ("CATEGORIES", "RESOURCES")


def modernize(component: Component) -> None:
    """Have a list of an entry divided by commas, which vCalendar 1.0 divides by semicolons."""
    for name in _LISTS:
        for place, prop in enumerate(component.left.get(name, [])):
            value = prop.value.replace("\\;", "\0").replace(";", ",").replace("\0", ";")
            component.left[name][place] = Property(name, prop.params, value)


def add_alarms(
    component: Component, start: Moment, zones: Zones, where: str, account: Account
) -> None:
    """Make a VALARM of each alarm that is a property: AALARM:20270105T084500;PT5M;2;text.

    It is as long before each of a series as before the first, which is at `start`.
    """
    for name, action in _ALARMS.items():
        for prop in component.take(name):
            at, _, others = prop.value.partition(";")
            pause, _, others = others.partition(";")
            repeat, _, content = others.partition(";")
            if not at.strip():
                continue
            try:
                wall = zones.moment(prop, at).wall_in(start.zone or UTC_NAME)
            except BadValue as error:
                account.lose(where, f"an alarm ({name}): {error}")
                continue
            alarm = Component("VALARM")
            alarm.put("ACTION", action)
            alarm.put("TRIGGER", trigger_text(wall, start.wall))
            if content.strip() and action != "AUDIO":
                alarm.put("DESCRIPTION", content)
            if repeat.strip().isdecimal() and _is_duration(pause):
                alarm.put("REPEAT", repeat)
                alarm.put("DURATION", pause)
            component.children.append(alarm)


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
    versions = calendar.left.get("VERSION", [])
    return any(version.value.strip() == "1.0" for version in versions)


def own_zone(calendar: Component, definitions: list[Component], home: str, account: Account) -> str:
    """Take the zone of a calendar's times that name none; `home` is that of the reader.

    vCalendar 1.0 has an offset for it (TZ), and whether there is daylight saving (DAYLIGHT).
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
        account.lose(
            "VCALENDAR",
            f"its time zone {names[0][:60]!r} is none that FOAM knows: times without a zone are "
            f"read in {home}",
        )
    return home


def _in_full(offset: str) -> str:
    """Return an offset with its sign, which some phones leave out east of Greenwich."""
    return offset if offset[:1] in {"+", "-"} else f"+{offset}"
