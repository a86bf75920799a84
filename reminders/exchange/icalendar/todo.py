"""To-dos: they are due at DUE. DTSTART is when work on them may begin."""

from datetime import datetime, timedelta

from reminders.exchange.icalendar.entry import Entry
from reminders.exchange.icalendar.syntax.parser import Component, Property
from reminders.exchange.icalendar.syntax.values import BadValue, Moment, duration, moment
from reminders.exchange.icalendar.vcalendar import trigger_text
from reminders.recurrence.rrule import WEEKDAYS

DAY = timedelta(days=1)
NOTHING = timedelta(0)
# All months have as many days.
SHORTEST_MONTH = 28
_ORIGIN = datetime(2001, 1, 1)
_TIMES = {"BYHOUR", "BYMINUTE", "BYSECOND", "BYSETPOS"}


def move_to_due(entry: Entry) -> timedelta:
    """Move the start of a to-do to its due date; return by how much.

    Its alarms stay at their times. A series whose rule cannot be moved stays at its start.
    """
    component = entry.component
    start = component.first("DTSTART")
    if component.name != "VTODO" or start is None:
        return NOTHING
    due = _due(entry, start)
    if due is None:
        return NOTHING
    begin = _readable(start, entry)
    if begin is None:
        entry.lose("its DTSTART cannot be read: it is due at its DUE")
        component.put("DTSTART", due.value, **due.params)
        return NOTHING
    end = entry.zones.moment(due)
    gap = end.wall - (begin.wall_in(end.zone) if end.zone and begin.zone else begin.wall)
    is_series = {"RRULE", "RDATE"} & component.properties.keys()
    if is_series and not _moved(component, begin, end, gap):
        entry.lose("its DUE: its rule is one of its start, and it is due at that")
        _move_alarms(component, "END", gap)
        return NOTHING
    _move_alarms(component, "START", -gap)
    component.put("DTSTART", due.value, **due.params)
    if gap:
        what = "it is due at its DUE, and a reminder has no time before which it is not to be done"
        entry.lose(f"its DTSTART, {begin.wall:%Y-%m-%d %H:%M}: {what}")
    return gap if is_series else NOTHING


def _due(entry: Entry, start: Property) -> Property | None:
    """Take DUE, or DURATION as a DUE; return None if neither can be read."""
    due = entry.component.take_one("DUE")
    if due is not None:
        if _readable(due, entry):
            return due
        entry.lose(f"its DUE, {due.value[:40]!r}, cannot be read: it is due at its start")
        return None
    length = entry.component.take_one("DURATION")
    if length is None:
        return None
    try:
        at = moment(start.value, None)
        end = at.wall + duration(length.value)
    except (BadValue, OverflowError):
        entry.lose("its DURATION cannot be read: it is due at its start")
        return None
    return Property("DUE", start.params, _text(at._replace(wall=end)))


def _readable(prop: Property, entry: Entry) -> Moment | None:
    try:
        return entry.zones.moment(prop)
    except BadValue:
        return None


def _moved(component: Component, begin: Moment, end: Moment, gap: timedelta) -> bool:
    """Move the rule and the dates of a series by `gap`; return whether that can be done."""
    if begin.is_date != end.is_date or (begin.zone, gap < NOTHING) != (end.zone, False):
        return False
    rules = component.all("RRULE")
    days = (end.wall.date() - begin.wall.date()).days
    moved = [_moved_rule(rule.value, begin, end, days, gap) for rule in rules]
    try:
        dates: dict[str, list[Property]] = {
            name: [_moved_dates(prop, gap) for prop in component.properties[name]]
            for name in ("RDATE", "EXDATE")
            if name in component.properties
        }
    except BadValue:
        return False
    if any(rule is None for rule in moved):
        return False
    component.properties.update(dates)
    if rules:
        component.properties["RRULE"] = [
            Property("RRULE", rule.params, text)
            for rule, text in zip(rules, moved, strict=True)
            if text is not None
        ]
    return True


def _moved_rule(value: str, begin: Moment, end: Moment, days: int, gap: timedelta) -> str | None:
    """Return a rule whose dates are by `gap` later, or None if no such rule is known."""
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
    """Tell whether the rule has the same dates, only later, when it begins at `end`."""
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
    """Have all alarms count from one moment; those related to `related` move by `later`."""
    for alarm in component.children:
        for place, trigger in enumerate(alarm.all("TRIGGER")):
            value = trigger.value.strip().upper()
            if not value.lstrip("+-").startswith("P"):
                continue
            params = dict(trigger.params)
            if params.pop("RELATED", "START").upper() == related and later:
                value = _later(value, later)
            alarm.properties["TRIGGER"][place] = Property("TRIGGER", params, value)


def _later(value: str, length: timedelta) -> str:
    try:
        return trigger_text(_ORIGIN + duration(value) + length, _ORIGIN)
    except (BadValue, OverflowError):
        # The reader of alarms reports it.
        return value
