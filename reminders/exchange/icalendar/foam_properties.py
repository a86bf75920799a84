"""What FOAM writes of a reminder beside what calendars know, so that it can be read back whole.

X-FOAM-REMINDER holds fields as the API takes them, as JSON, and in X-FOAM-SEAL a digest of what
the event then said. Where another program has changed the event since, its own words count.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from accounts.durations import iso_duration
from reminders.exchange.icalendar.losses import Account
from reminders.exchange.icalendar.syntax.parser import Component, Property
from reminders.exchange.icalendar.syntax.values import text
from reminders.recurrence import Lead

NAME, SEAL, STATUS = "X-FOAM-REMINDER", "X-FOAM-SEAL", "X-FOAM-STATUS"
PAUSED = "PAUSED"
SEALED = ("DTSTART", "RRULE", "EXDATE", "RDATE", "SUMMARY", "DESCRIPTION", "CATEGORIES")
# What no part of an event says: these hold whatever was changed in it.
BEHAVIOUR = ("misfire", "grace", "nag_every", "nag_max", "urgent")
SAID = (
    "title",
    "body",
    "tags",
    "starts_at",
    "timezone",
    "recurrence",
    "exdates",
    "rdates",
    "gap",
    "fold",
    "leads",
)


def seal(properties: Iterable[Property], triggers: Iterable[str]) -> str:
    """Return the digest of what an event says, in whatever order it stands."""
    said = sorted(
        f"{each.name};{each.params.get('TZID', '')}:{each.value.strip()}"
        for each in properties
        if each.name in SEALED
    )
    said += sorted(f"TRIGGER:{trigger.strip()}" for trigger in triggers)
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:32]


def seal_of(component: Component) -> str:
    """Return the digest of a component of which nothing has been taken yet."""
    properties = [each for found in component.left.values() for each in found]
    triggers = [
        each.value
        for alarm in component.children
        if alarm.name == "VALARM"
        for each in alarm.left.get("TRIGGER", [])
    ]
    return seal(properties, triggers)


def dumped(fields_: dict[str, Any]) -> str:
    """Return fields as JSON, in the form that the API takes them."""
    return json.dumps(fields_, separators=(",", ":"), default=_as_api)


def _as_api(value: Any) -> str:
    if isinstance(value, Lead):
        return str(value)
    return iso_duration(value) if isinstance(value, timedelta) else value.isoformat()


def is_paused(component: Component) -> bool:
    return text(component.take_one(STATUS)).upper() == PAUSED


def fields(
    component: Component, sealed: str, where: str, account: Account
) -> tuple[dict[str, Any], bool]:
    """Take what FOAM has written, and whether it is all that there is to say of the schedule."""
    found = component.take_one(NAME)
    if found is None:
        return {}, False
    try:
        stored = json.loads(text(found))
    except (ValueError, RecursionError):
        stored = None
    if not isinstance(stored, dict):
        account.lose(where, f"its {NAME} cannot be read, and is ignored")
        return {}, False
    if found.params.get(SEAL) == sealed:
        return {name: stored[name] for name in (*SAID, *BEHAVIOUR) if name in stored}, True
    account.lose(
        where,
        "it was changed since FOAM wrote it: its schedule and words are what a calendar shows",
    )
    return {name: stored[name] for name in BEHAVIOUR if name in stored}, False
