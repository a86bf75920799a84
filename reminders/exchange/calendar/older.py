"""vCalendar 1.0, of older phones and programs, put as RFC 5545 has it."""

from datetime import datetime

from reminders.exchange.calendar.account import Account
from reminders.exchange.calendar.tree import Component, Property
from reminders.exchange.calendar.values import BadValue, duration
from reminders.exchange.calendar.zones import Zones

_ALARMS = {"AALARM": "AUDIO", "DALARM": "DISPLAY", "MALARM": "EMAIL", "PALARM": "PROCEDURE"}
_LISTS = ("CATEGORIES", "RESOURCES")


def modernize(component: Component) -> None:
    """Have a list of an entry divided by commas, which vCalendar 1.0 divides by semicolons."""
    for name in _LISTS:
        for place, prop in enumerate(component.left.get(name, [])):
            value = prop.value.replace("\\;", "\0").replace(";", ",").replace("\0", ";")
            component.left[name][place] = Property(name, prop.params, value)


def add_alarms(
    component: Component, start: datetime, zone: str, zones: Zones, where: str, account: Account
) -> None:
    """Make a VALARM of each alarm that is a property: AALARM:20270105T084500;PT5M;2;text.

    It is as long before each of a series as before the first, at `start` by the clock of `zone`.
    """
    for name, action in _ALARMS.items():
        for prop in component.take(name):
            at, _, others = prop.value.partition(";")
            pause, _, others = others.partition(";")
            repeat, _, content = others.partition(";")
            if not at.strip():
                continue
            try:
                wall = zones.moment(prop, at).wall_in(zone)
            except BadValue as error:
                account.lose(where, f"an alarm ({name}): {error}")
                continue
            alarm = Component("VALARM")
            alarm.put("ACTION", action)
            alarm.put("TRIGGER", trigger_text(wall, start))
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
