"""What a firing says. Pure: a snapshot is made of it, so later edits change nothing."""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from accounts.timezones import zone
from reminders.recurrence import Fire

# Below this nobody needs to be told that a message is late.
LATE = timedelta(minutes=1)


class Told(Protocol):
    """What of a reminder is told."""

    pk: int
    title: str
    body: str
    timezone: str
    tags: list[str]
    external_id: str | None


class Message(NamedTuple):
    title: str
    body: str
    data: dict[str, Any]


def message(reminder: Told, fire: Fire, now: datetime, missed: int) -> Message:
    """Return title, body and data of one firing at `now`.

    `missed` is how many earlier ones did not fire since the last that did. The body ends with a
    line that says how far ahead or how late this is, when it is either.
    """
    due_text = in_words(fire.due_at, reminder.timezone)
    note = " ".join(filter(None, [_ahead(fire, due_text), _late(fire, now), _missed(missed)]))
    return Message(
        title=reminder.title,
        body="\n\n".join(filter(None, [reminder.body, note])),
        data={
            "type": "reminder.due",
            "reminder_id": reminder.pk,
            "external_id": reminder.external_id,
            "tags": reminder.tags,
            "timezone": reminder.timezone,
            "due_text": due_text,
            "lead_seconds": int(fire.lead.total_seconds()),
            "late_seconds": max(0, int((now - fire.fire_at).total_seconds())),
            "missed": missed,
        },
    )


# What is due at one instant in one zone is due there for many.
@lru_cache(maxsize=4096)
def in_words(instant: datetime, timezone: str) -> str:
    """Return an instant as its reader's clock shows it: Monday 23 November 2026 at 18:00 (...)."""
    local = instant.astimezone(zone(timezone))
    return f"{local:%A} {local.day} {local:%B %Y} at {local:%H:%M} ({timezone})"


def span(length: timedelta) -> str:
    """Return a length of time in its two largest units: 2 h 5 min."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    while len(units) > 1 and not units[0][0]:
        units.pop(0)
    return " ".join(f"{number} {unit}" for number, unit in units[:2] if number) or "0 s"


def _ahead(fire: Fire, due_text: str) -> str:
    return f"Due in {span(fire.lead)}, on {due_text}." if fire.lead else ""


def _late(fire: Fire, now: datetime) -> str:
    late = now - fire.fire_at
    if late < LATE:
        return ""
    return f"This is {span(late)} late: nothing was dispatched when it was due."


def _missed(count: int) -> str:
    if not count:
        return ""
    return (
        "One earlier reminder was missed." if count == 1 else f"{count} earlier ones were missed."
    )
