"""Properties that no reminder needs: an unreadable one is left out, and reported."""

from reminders.exchange.icalendar.entry import Entry
from reminders.exchange.icalendar.syntax.parser import Component
from reminders.exchange.icalendar.syntax.values import BadValue, duration

ENDS = ("DTEND", "DUE", "DURATION")
CANCELLED, COMPLETED = "it is cancelled", "it is completed"
_REFUSED_STATUSES = {"CANCELLED": CANCELLED, "CANCELED": CANCELLED, "COMPLETED": COMPLETED}
_OPEN_STATUSES = {"", "CONFIRMED", "TENTATIVE", "NEEDS-ACTION", "IN-PROCESS"}


def drop_unreadable_end(entry: Entry) -> None:
    """Leave out an end or a length that cannot be read, and the alarms that count from it."""
    component = entry.component
    for name in ENDS:
        prop = component.first(name)
        if prop is None or (name == "DUE" and component.first("DTSTART") is None):
            continue
        try:
            if name == "DURATION":
                duration(prop.value)
            else:
                entry.zones.moment(prop)
        except BadValue as error:
            component.take(name)
            entry.lose(f"its {name}: {error}")
            if not any(map(component.first, ENDS)):
                _drop_alarms_of_end(entry, name)


def _drop_alarms_of_end(entry: Entry, name: str) -> None:
    component = entry.component
    alarms = [alarm for alarm in component.children if not _is_of_end(alarm)]
    if count := len(component.children) - len(alarms):
        entry.lose(f"{count} of its alarms: they count from its {name}")
    component.children = alarms


def _is_of_end(alarm: Component) -> bool:
    triggers = alarm.all("TRIGGER")
    return any(trigger.params.get("RELATED", "").upper() == "END" for trigger in triggers)


def take_status(entry: Entry) -> None:
    """Take STATUS, and report an unknown one. `refuse_cancelled` has refused the cancelled ones."""
    status = _status(entry.component)
    entry.component.take_one("STATUS")
    if status not in _OPEN_STATUSES:
        entry.lose(f"its STATUS, {status[:40]}: it is taken as one that takes place")


def is_cancelled(component: Component) -> bool:
    return _status(component) in _REFUSED_STATUSES


def refuse_cancelled(component: Component) -> None:
    """Raise BadValue for a cancelled or completed entry."""
    if is_cancelled(component):
        raise BadValue(_REFUSED_STATUSES[_status(component)])
    if component.name == "VTODO" and component.first("COMPLETED"):
        raise BadValue(COMPLETED)


def _status(component: Component) -> str:
    return component.value("STATUS").upper()
