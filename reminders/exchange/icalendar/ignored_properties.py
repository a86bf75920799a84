"""What an event has that no reminder needs: it is left out where it cannot be read, and told."""

from reminders.exchange.icalendar.losses import Account
from reminders.exchange.icalendar.syntax.parser import Component
from reminders.exchange.icalendar.syntax.values import BadValue, duration
from reminders.exchange.icalendar.tzid.zones import Zones

GONE = {
    "CANCELLED": "it is cancelled",
    "CANCELED": "it is cancelled",
    "COMPLETED": "it is completed",
}
_OPEN = {"", "CONFIRMED", "TENTATIVE", "NEEDS-ACTION", "IN-PROCESS"}


def drop_unreadable_end(component: Component, zones: Zones, where: str, account: Account) -> None:
    """Leave out an end or a length that cannot be read, and the alarms that count from it."""
    ends = [name for name in ("DTEND", "DUE", "DURATION") if name in component.left]
    for name in ends:
        prop = component.left[name][0]
        if name == "DUE" and "DTSTART" not in component.left:
            continue
        try:
            if name == "DURATION":
                duration(prop.value)
            else:
                zones.moment(prop)
        except BadValue as error:
            del component.left[name]
            account.lose(where, f"its {name}: {error}")
            if {"DTEND", "DUE", "DURATION"}.isdisjoint(component.left):
                _drop_alarms_of_end(component, name, where, account)


def _drop_alarms_of_end(component: Component, name: str, where: str, account: Account) -> None:
    kept = [alarm for alarm in component.children if not _is_of_end(alarm)]
    if len(kept) < len(component.children):
        count = len(component.children) - len(kept)
        account.lose(where, f"{count} of its alarms: they count from its {name}")
    component.children = kept


def _is_of_end(alarm: Component) -> bool:
    triggers = alarm.left.get("TRIGGER", [])
    return any(trigger.params.get("RELATED", "").upper() == "END" for trigger in triggers)


def take_status(component: Component, where: str, account: Account) -> None:
    """Take STATUS; one that is not known is passed over. The cancelled are refused before."""
    prop = component.take_one("STATUS")
    status = prop.value.strip().upper() if prop else ""
    if status not in _OPEN:
        account.lose(where, f"its STATUS, {status[:40]}: it is taken as one that takes place")


def is_gone(component: Component) -> bool:
    return _status(component) in GONE


def refuse_gone(component: Component) -> None:
    """Raise BadValue for what is cancelled or completed."""
    status = _status(component)
    if status in GONE:
        raise BadValue(GONE[status])
    if component.name == "VTODO" and "COMPLETED" in component.left:
        raise BadValue(GONE["COMPLETED"])


def _status(component: Component) -> str:
    statuses = component.left.get("STATUS", [])
    return statuses[0].value.strip().upper() if statuses else ""
