"""X-FOAM properties: the fields of a reminder that a calendar cannot express.

X-FOAM-REMINDER holds fields as the API takes them, as JSON. Its parameter X-FOAM-SEAL is a digest
of the event as FOAM wrote it. If another program has changed the event since, the event counts.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from reminders.exchange.icalendar.entry import Entry
from reminders.exchange.icalendar.syntax.parser import Component, Property
from reminders.exchange.icalendar.syntax.values import text
from reminders.exchange.plain import as_api
from reminders.recurrence import Schedule

NAME, SEAL, STATUS = "X-FOAM-REMINDER", "X-FOAM-SEAL", "X-FOAM-STATUS"
PAUSED = "PAUSED"
SEALED = ("DTSTART", "RRULE", "EXDATE", "RDATE", "SUMMARY", "DESCRIPTION", "CATEGORIES")
# An event expresses none of these: they count even if it was changed.
BEHAVIOUR_FIELDS = ("misfire", "grace", "nag_every", "nag_max", "urgent")
SCHEDULE_FIELDS = ("tags", *Schedule.FIELDS)
TEXT_FIELDS = ("title", "body")


def seal(properties: Iterable[Property], triggers: Iterable[Property]) -> str:
    """Return the digest of an event, in which the order of its properties does not count."""
    lines = sorted(
        f"{prop.name};{prop.params.get('TZID', '')}:{prop.value.strip()}"
        for prop in properties
        if prop.name in SEALED
    )
    lines += sorted(f"TRIGGER:{trigger.value.strip()}" for trigger in triggers)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def seal_of(component: Component) -> str:
    """Return the digest of a component from which no reader has taken properties yet."""
    properties = [prop for name in SEALED for prop in component.all(name)]
    alarms = (child for child in component.children if child.name == "VALARM")
    return seal(properties, [trigger for alarm in alarms for trigger in alarm.all("TRIGGER")])


def as_json(fields: dict[str, Any]) -> str:
    """Return fields as JSON, in the form that the API takes them."""
    return json.dumps(fields, separators=(",", ":"), default=as_api)


def is_paused(component: Component) -> bool:
    return text(component.take_one(STATUS)).upper() == PAUSED


def take_fields(entry: Entry) -> tuple[dict[str, Any], bool]:
    """Take the fields that FOAM has written; return also whether they include the schedule."""
    prop = entry.component.take_one(NAME)
    if prop is None:
        return {}, False
    try:
        stored = json.loads(text(prop))
    except (ValueError, RecursionError):
        stored = None
    if not isinstance(stored, dict):
        entry.lose(f"its {NAME} cannot be read, and is ignored")
        return {}, False
    is_unchanged = prop.params.get(SEAL) == entry.seal
    if not is_unchanged:
        what = "its schedule and words are what a calendar shows"
        entry.lose(f"it was changed since FOAM wrote it: {what}")
    names = (*TEXT_FIELDS, *SCHEDULE_FIELDS) if is_unchanged else ()
    fields = {name: stored[name] for name in (*names, *BEHAVIOUR_FIELDS) if name in stored}
    return fields, is_unchanged
