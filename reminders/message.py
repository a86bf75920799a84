"""What a firing says. Pure: a snapshot is made of it, so later edits change nothing."""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from accounts.timezones import zone
from reminders.recurrence import Fire

# Below this nobody needs to be told that a message is late.
LATE = timedelta(minutes=1)
TITLE_LENGTH = 200


class Told(Protocol):
    """What of a reminder is told."""

    pk: int
    title: str
    body: str
    timezone: str
    tags: list[str]
    external_id: str | None
    error: str


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
    late = lateness(reminder, fire.fire_at, now)
    note = " ".join(filter(None, [_ahead(fire, due_text), late, _missed(missed)]))
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


def again(reminder: Told, due_at: datetime, now: datetime, opening: str, why: str) -> Message:
    """Return what is said at `now` of what has fired before: the same words, and why they come.

    `opening` begins the title.
    """
    told = message(reminder, Fire(due_at, due_at, timedelta(0)), due_at, 0)
    ahead = due_at - now
    when = f"Due in {roughly(ahead)}" if ahead > timedelta(0) else f"Due {roughly(-ahead)} ago"
    title = f"{opening}{told.title}"
    return Message(
        title=title if len(title) <= TITLE_LENGTH else f"{title[: TITLE_LENGTH - 1]}…",
        body="\n\n".join(filter(None, [told.body, f"{when}, on {told.data['due_text']}. {why}"])),
        data=told.data,
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


def roughly(length: timedelta) -> str:
    """As `span`, without the seconds of what is longer than a minute."""
    is_long = length >= timedelta(minutes=1)
    return span(length - length % timedelta(minutes=1)) if is_long else span(length)


def _ahead(fire: Fire, due_text: str) -> str:
    return f"Due in {span(fire.lead)}, on {due_text}." if fire.lead else ""


def lateness(reminder: Told, fire_at: datetime, now: datetime) -> str:
    """Say how late what was to be said at `fire_at` is, and why; nothing if it hardly is."""
    late = now - fire_at
    if late < LATE:
        return ""
    error = "an error had set it aside" if reminder.error else ""
    return f"This is {span(late)} late: {error or 'nothing was dispatched when it was due'}."


def _missed(count: int) -> str:
    if not count:
        return ""
    return (
        "One earlier reminder was missed." if count == 1 else f"{count} earlier ones were missed."
    )
