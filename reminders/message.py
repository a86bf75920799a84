"""What a firing says. Pure: a snapshot is made of it, so later edits change nothing."""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from accounts.timezones import zone
from reminders.count import Count
from reminders.recurrence import Fire, Schedule
from reminders.template import render

TITLE_LENGTH = 200
BODY_LENGTH = 10_000
# Below this nobody needs to be told that a message is late.
LATE = timedelta(minutes=1)
NOTHING = timedelta(0)


class Told(Protocol):
    """What of a reminder is told."""

    pk: int
    title: str
    body: str
    timezone: str
    tags: list[str]
    external_id: str | None

    @property
    def schedule(self) -> Schedule: ...

    @property
    def recipient_timezone(self) -> str | None:
        """The owner's; needed where title or body have a `{`."""


class Message(NamedTuple):
    title: str
    body: str
    data: dict[str, Any]


def message(reminder: Told, fire: Fire, now: datetime, missed: int, count: Count) -> Message:
    """Return title, body and data of one firing at `now`.

    `missed` is how many earlier ones did not fire since the last that did, `count` what has fired
    with this one. The body ends with a line that says how far ahead or how late this is, when it
    is either.
    """
    title, body = reminder.title, reminder.body
    if "{" in title or "{" in body:
        values = values_of(reminder, fire, now, count)
        title, body = render(title, values, TITLE_LENGTH), render(body, values, BODY_LENGTH)
    due_text = in_words(fire.due_at, reminder.timezone)
    note = " ".join(filter(None, [_ahead(fire, now, due_text), _late(fire, now), _missed(missed)]))
    return Message(
        title=title,
        body="\n\n".join(filter(None, [body, note])),
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


def values_of(reminder: Told, fire: Fire, now: datetime, count: Count) -> dict[str, str]:
    """Return what the placeholders of a reminder say: times as the recipient's clock shows them."""
    timezone = reminder.recipient_timezone or reminder.timezone
    local = fire.due_at.astimezone(zone(timezone))
    return {
        "due": in_words(fire.due_at, timezone),
        "due_date": f"{local:%A} {local.day} {local:%B %Y}",
        "due_time": f"{local:%H:%M}",
        "lead": _distance(fire, now),
        "number": count.number(fire.due_at, reminder.schedule),
    }


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


def _ahead(fire: Fire, now: datetime, due_text: str) -> str:
    if not fire.lead:
        return ""
    verb = "Due" if _until_due(fire, now) >= NOTHING else "Was due"
    return f"{verb} {_distance(fire, now)}, on {due_text}."


def _distance(fire: Fire, now: datetime) -> str:
    """Say how far ahead the due instant is, or how long ago it was."""
    left = _until_due(fire, now)
    if not left:
        return "now"
    return f"in {span(left)}" if left > NOTHING else f"{span(-left)} ago"


def _until_due(fire: Fire, now: datetime) -> timedelta:
    """Return the lead of a punctual message, and what is left of it in whole minutes of a late one.

    That of a late one is negative when the due instant has passed, too.
    """
    if now - fire.fire_at < LATE:
        return fire.lead
    return timedelta(minutes=int((fire.due_at - now) / timedelta(minutes=1)))


def _late(fire: Fire, now: datetime) -> str:
    late = now - fire.fire_at
    if late < LATE:
        return ""
    return f"This comes {span(late)} late: FOAM was down or held up at the time."


def _missed(count: int) -> str:
    if not count:
        return ""
    return (
        "One earlier reminder was missed."
        if count == 1
        else f"{count} earlier reminders were missed."
    )
