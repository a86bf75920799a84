"""What a firing says. Pure: a snapshot is made of it, so later edits change nothing."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from accounts.timezones import format_instant, zone
from reminders.recurrence import ON_TIME, Fire, Lead, Schedule
from reminders.schedule.numbering import Count
from reminders.schedule.placeholders import render

TITLE_LENGTH = 200
BODY_LENGTH = 10_000
# Below this nobody needs to be told that a message is late.
LATE = timedelta(minutes=1)
NOTHING = timedelta(0)


class Told(Protocol):
    """What of a reminder is told."""

    @property
    def pk(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def body(self) -> str: ...
    @property
    def timezone(self) -> str: ...
    @property
    def tags(self) -> list[str]: ...
    @property
    def external_id(self) -> str | None: ...
    @property
    def error(self) -> str: ...
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
    title, body = words_of(reminder, fire, now, count)
    due_text = format_instant(fire.due_at, reminder.timezone)
    late = lateness(reminder, fire.fire_at, now)
    lead = Lead.of(fire.lead)
    ahead = _when(fire, now, due_text) if lead else ""
    note = " ".join(filter(None, [ahead, late, _missed(missed)]))
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
            "lead_seconds": lead.length,
            "late_seconds": max(0, int((now - fire.fire_at).total_seconds())),
            "missed": missed,
        },
    )


def again(
    reminder: Told, due_at: datetime, now: datetime, count: Count, *, opening: str, why: str
) -> Message:
    """Return what is said at `now` of what has fired before: the same words, and why they come.

    `opening` begins the title.
    """
    fire = Fire(due_at, due_at, ON_TIME)
    data = message(reminder, fire, due_at, 0, count).data
    words, body = words_of(reminder, fire, now, count)
    title = f"{opening}{words}"
    return Message(
        title=title if len(title) <= TITLE_LENGTH else f"{title[: TITLE_LENGTH - 1]}…",
        body="\n\n".join(filter(None, [body, f"{_when(fire, now, data['due_text'])} {why}"])),
        data=data,
    )


def words_of(reminder: Told, fire: Fire, now: datetime, count: Count) -> tuple[str, str]:
    """Return title and body, with what their placeholders say at `now`."""
    title, body = reminder.title, reminder.body
    if "{" not in title and "{" not in body:
        return title, body
    values = values_of(reminder, fire, now, count)
    return render(title, values, TITLE_LENGTH), render(body, values, BODY_LENGTH)


def values_of(reminder: Told, fire: Fire, now: datetime, count: Count) -> dict[str, str]:
    """Return what the placeholders of a reminder say: times as the recipient's clock shows them."""
    timezone = reminder.recipient_timezone or reminder.timezone
    local = fire.due_at.astimezone(zone(timezone))
    return {
        "due": format_instant(fire.due_at, timezone),
        "due_date": f"{local:%A} {local.day} {local:%B %Y}",
        "due_time": f"{local:%H:%M}",
        "lead": _distance(fire, now),
        "number": count.number(fire.due_at, reminder.schedule),
    }


def span(length: timedelta) -> str:
    """Return a length of time in its two largest units: 2 h 5 min."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    while len(units) > 1 and not units[0][0]:
        units.pop(0)
    return " ".join(f"{number} {unit}" for number, unit in units[:2] if number) or "0 s"


def lead_span(lead: Lead) -> str:
    """Return a lead as it is told: P1D is 1 d, PT24H is 24 h; 0 s for none."""
    days = f"{lead.days} d" if lead.days else ""
    minutes, seconds = divmod(abs(lead.seconds), 60)
    hours, minutes = divmod(minutes, 60)
    units = ((hours, "h"), (minutes, "min"), (seconds, "s"))
    time = " ".join(f"{number} {unit}" for number, unit in units if number)
    between = " less " if lead.seconds < 0 else " "
    return between.join(filter(None, [days, time])) or "0 s"


def roughly(length: timedelta) -> str:
    """As `span`, without the seconds of what is longer than a minute."""
    is_long = length >= timedelta(minutes=1)
    return span(length - length % timedelta(minutes=1)) if is_long else span(length)


def _when(fire: Fire, now: datetime, due_text: str) -> str:
    return f"Due {_distance(fire, now)}, on {due_text}."


def _distance(fire: Fire, now: datetime) -> str:
    """Say how far ahead the due instant is, or how long ago it was."""
    is_punctual = NOTHING <= now - fire.fire_at < LATE
    lead = Lead.of(fire.lead)
    if is_punctual and lead and lead.seconds >= 0:
        return f"in {lead_span(lead)}"
    left = fire.due_at - (fire.fire_at if is_punctual else now)
    if not left or (not is_punctual and abs(left) < LATE):
        return "now"
    return f"in {roughly(left)}" if left > NOTHING else f"{roughly(-left)} ago"


def lateness(reminder: Told, fire_at: datetime, now: datetime) -> str:
    """Say how late what was to be said at `fire_at` is, and why; nothing if it hardly is."""
    late = now - fire_at
    if late < LATE:
        return ""
    why = "an error had set it aside" if reminder.error else "FOAM was down or held up at the time"
    return f"This comes {span(late)} late: {why}."


def _missed(count: int) -> str:
    if not count:
        return ""
    return (
        "One earlier reminder was missed."
        if count == 1
        else f"{count} earlier reminders were missed."
    )
