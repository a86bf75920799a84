"""To-dos: due at DUE, while DTSTART says when work on one may begin."""

from datetime import datetime, timedelta

from reminders.exchange.icalendar.losses import Account
from reminders.exchange.icalendar.syntax.parser import Component, Property
from reminders.exchange.icalendar.syntax.values import BadValue, Moment, duration, moment
from reminders.exchange.icalendar.tzid.zones import Zones
from reminders.exchange.icalendar.vcalendar import trigger_text
from reminders.recurrence.rrule import WEEKDAYS

DAY = timedelta(days=1)
NOTHING = timedelta(0)
# All months have as many days.
SHORTEST_MONTH = 28
_ORIGIN = datetime(2001, 1, 1)
_TIMES = {"BYHOUR", "BYMINUTE", "BYSECOND", "BYSETPOS"}


def due_at_due(component: Component, zones: Zones, where: str, account: Account) -> timedelta:
    """Have a to-do with a start and a due date start when it is due; return how much later.

    Its alarms stay at their times. A series whose rule cannot be moved stays at its start.
    """
    start = component.left.get("DTSTART")
    if component.name != "VTODO" or not start:
        return NOTHING
    due = _due(component, start[0], zones, where, account)
    if due is None:
        return NOTHING
    begin = _readable(start[0], zones)
    if begin is None:
        account.lose(where, "its DTSTART cannot be read: it is due at its DUE")
        component.left["DTSTART"] = [due]
        return NOTHING
    end = zones.moment(due)
    gap = end.wall - (begin.wall_in(end.zone) if end.zone and begin.zone else begin.wall)
    is_series = {"RRULE", "RDATE"} & component.left.keys()
    if is_series and not _moved(component, begin, end, gap):
        account.lose(where, "its DUE: its rule is one of its start, and it is due at that")
        _move_alarms(component, "END", gap)
        return NOTHING
    _move_alarms(component, "START", -gap)
    component.left["DTSTART"] = [Property("DTSTART", due.params, due.value)]
    if gap:
        account.lose(
            where,
            f"its DTSTART, {begin.wall:%Y-%m-%d %H:%M}: it is due at its DUE, and a reminder has "
            "no time before which it is not to be done",
        )
    return gap if is_series else NOTHING


def _due(
    component: Component, start: Property, zones: Zones, where: str, account: Account
) -> Property | None:
    """Take DUE, or make one of DURATION; None without one that can be read."""
    due = component.take_one("DUE")
    if due is not None:
        if _readable(due, zones):
            return due
        account.lose(where, f"its DUE, {due.value[:40]!r}, cannot be read: it is due at its start")
        return None
    length = component.take_one("DURATION")
    if length is None:
        return None
    try:
        at = moment(start.value, None)
        end = at.wall + duration(length.value)
    except (BadValue, OverflowError):
        account.lose(where, "its DURATION cannot be read: it is due at its start")
        return None
    return Property("DUE", start.params, _text(at._replace(wall=end)))


def _readable(prop: Property, zones: Zones) -> Moment | None:
    try:
        return zones.moment(prop)
    except BadValue:
        return None


def _moved(component: Component, begin: Moment, end: Moment, gap: timedelta) -> bool:
    """Move the rule and the dates of a series so much later; return whether that can be done."""
    if begin.is_date != end.is_date or (begin.zone, gap < NOTHING) != (end.zone, False):
        return False
    rules = component.left.get("RRULE", [])
    days = (end.wall.date() - begin.wall.date()).days
    moved = [_moved_rule(rule.value, begin, end, days, gap) for rule in rules]
    try:
        dates: dict[str, list[Property]] = {
            name: [_moved_dates(prop, gap) for prop in component.left[name]]
            for name in ("RDATE", "EXDATE")
            if name in component.left
        }
    except BadValue:
        return False
    if any(rule is None for rule in moved):
        return False
    component.left.update(dates)
    if rules:
        component.left["RRULE"] = [
            Property("RRULE", rule.params, text)
            for rule, text in zip(rules, moved, strict=True)
            if text is not None
        ]
    return True


def _moved_rule(value: str, begin: Moment, end: Moment, days: int, gap: timedelta) -> str | None:
    """Return a rule that gives each date so much later; None where none is known to."""
    parts = {
        name.strip(): content.strip()
        for name, _, content in (part.partition("=") for part in value.upper().split(";"))
        if name.strip()
    }
    if not _can_move(parts, begin, end):
        return None
    if days and "BYDAY" in parts:
        weekdays = parts["BYDAY"].split(",")
        if not set(weekdays) <= set(WEEKDAYS):
            return None
        moved = (WEEKDAYS[(WEEKDAYS.index(day) + days) % len(WEEKDAYS)] for day in weekdays)
        parts["BYDAY"] = ",".join(moved)
    if "UNTIL" in parts:
        parts["UNTIL"] = _moved_value(parts["UNTIL"], gap, days)
    return ";".join(f"{name}={content}" for name, content in parts.items())


def _can_move(parts: dict[str, str], begin: Moment, end: Moment) -> bool:
    """Return whether a rule that begins at `end` has the dates of one at `begin`, as much later."""
    freq, choices = parts.get("FREQ"), {name for name in parts if name.startswith("BY")}
    if freq not in {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}:
        return False
    if begin.wall.time() != end.wall.time() and choices & _TIMES:
        return False
    if begin.wall.date() == end.wall.date():
        return True
    if freq == "WEEKLY" and parts.get("INTERVAL", "1") == "1":
        return choices <= {"BYDAY"}
    is_within_month = (begin.wall.year, begin.wall.month) == (end.wall.year, end.wall.month)
    is_in_all_months = is_within_month and end.wall.day <= SHORTEST_MONTH
    return not choices and (freq in {"DAILY", "WEEKLY"} or is_in_all_months)


def _moved_dates(prop: Property, gap: timedelta) -> Property:
    values = filter(str.strip, prop.value.split(","))
    moved = [_moved_value(value.partition("/")[0], gap, gap.days) for value in values]
    return Property(prop.name, prop.params, ",".join(moved))


def _moved_value(value: str, gap: timedelta, days: int) -> str:
    at = moment(value, None)
    return _text(at._replace(wall=at.wall + (timedelta(days=days) if at.is_date else gap)))


def _text(at: Moment) -> str:
    if at.is_date:
        return f"{at.wall:%Y%m%d}"
    return f"{at.wall:%Y%m%dT%H%M%S}{'Z' if at.zone else ''}"


def _move_alarms(component: Component, related: str, later: timedelta) -> None:
    """Have all alarms count from one moment; those related to the other one come so much later."""
    for alarm in component.children:
        for place, trigger in enumerate(alarm.left.get("TRIGGER", [])):
            value = trigger.value.strip().upper()
            if not value.lstrip("+-").startswith("P"):
                continue
            params = dict(trigger.params)
            if params.pop("RELATED", "START").upper() == related and later:
                value = _later(value, later)
            alarm.left["TRIGGER"][place] = Property("TRIGGER", params, value)


def _later(value: str, length: timedelta) -> str:
    try:
        return trigger_text(_ORIGIN + duration(value) + length, _ORIGIN)
    except (BadValue, OverflowError):
        # It is told where the alarm is read.
        return value
