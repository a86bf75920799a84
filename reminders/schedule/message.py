"""Title, body and data of the messages about an occurrence. Pure.

Deliveries store the rendered text, so that a later edit of the reminder does not change them.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from accounts.timezones import format_instant, zone
from reminders.recurrence import ON_TIME, Fire, Lead, Schedule
from reminders.schedule.numbering import Count
from reminders.schedule.placeholders import render

TITLE_LENGTH = 200
BODY_LENGTH = 10_000
# A message that is less late than this does not mention it.
LATE = timedelta(minutes=1)
NOTHING = timedelta(0)


class MessageFields(Protocol):
    """The fields of a reminder that a message needs."""

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
        """The owner's time zone; only read if title or body contain a `{`."""


class ReminderMessage(NamedTuple):
    title: str
    body: str
    data: dict[str, Any]


def first_message(
    reminder: MessageFields, fire: Fire, now: datetime, missed: int, count: Count
) -> ReminderMessage:
    """Return the message of an occurrence that fires at `now`.

    `missed` is the number of occurrences that were missed since the last firing; `count`
    includes this one. The body ends with a line that says how far ahead or how late the message
    is.
    """
    title, body = render_text(reminder, fire, now, count)
    due_text = format_instant(fire.due_at, reminder.timezone)
    late = lateness(reminder, fire.fire_at, now)
    lead = Lead.of(fire.lead)
    ahead = _when(fire, now, due_text) if lead else ""
    note = " ".join(filter(None, [ahead, late, _missed(missed)]))
    return ReminderMessage(
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


def follow_up_message(
    reminder: MessageFields,
    due_at: datetime,
    now: datetime,
    count: Count,
    *,
    opening: str,
    reason: str,
) -> ReminderMessage:
    """Return a later message about an occurrence: title and body again, and the reason for it.

    `opening` begins the title.
    """
    fire = Fire(due_at, due_at, ON_TIME)
    data = first_message(reminder, fire, due_at, 0, count).data
    title, body = render_text(reminder, fire, now, count)
    title = f"{opening}{title}"
    return ReminderMessage(
        title=title if len(title) <= TITLE_LENGTH else f"{title[: TITLE_LENGTH - 1]}…",
        body="\n\n".join(filter(None, [body, f"{_when(fire, now, data['due_text'])} {reason}"])),
        data=data,
    )


def render_text(
    reminder: MessageFields, fire: Fire, now: datetime, count: Count
) -> tuple[str, str]:
    """Return title and body with their placeholders filled in as of `now`."""
    title, body = reminder.title, reminder.body
    if "{" not in title and "{" not in body:
        return title, body
    values = placeholder_values(reminder, fire, now, count)
    return render(title, values, TITLE_LENGTH), render(body, values, BODY_LENGTH)


def placeholder_values(
    reminder: MessageFields, fire: Fire, now: datetime, count: Count
) -> dict[str, str]:
    """Return the value of each placeholder; times are in the recipient's time zone."""
    timezone = reminder.recipient_timezone or reminder.timezone
    local = fire.due_at.astimezone(zone(timezone))
    return {
        "due": format_instant(fire.due_at, timezone),
        "due_date": f"{local:%A} {local.day} {local:%B %Y}",
        "due_time": f"{local:%H:%M}",
        "lead": _distance(fire, now),
        "number": count.number(fire.due_at, reminder.schedule),
    }


def format_duration(length: timedelta) -> str:
    """Return a duration in its two largest units: 2 h 5 min."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    while len(units) > 1 and not units[0][0]:
        units.pop(0)
    return " ".join(f"{number} {unit}" for number, unit in units[:2] if number) or "0 s"


def format_lead(lead: Lead) -> str:
    """Return a lead as text: 1 d for P1D, 24 h for PT24H, 0 s for none."""
    days = f"{lead.days} d" if lead.days else ""
    minutes, seconds = divmod(abs(lead.seconds), 60)
    hours, minutes = divmod(minutes, 60)
    units = ((hours, "h"), (minutes, "min"), (seconds, "s"))
    time = " ".join(f"{number} {unit}" for number, unit in units if number)
    between = " less " if lead.seconds < 0 else " "
    return between.join(filter(None, [days, time])) or "0 s"


def format_rounded(length: timedelta) -> str:
    """As `format_duration`, rounded down to minutes if it is longer than one."""
    is_long = length >= timedelta(minutes=1)
    return format_duration(length - length % timedelta(minutes=1) if is_long else length)


def _when(fire: Fire, now: datetime, due_text: str) -> str:
    return f"Due {_distance(fire, now)}, on {due_text}."


def _distance(fire: Fire, now: datetime) -> str:
    """Return the due instant relative to `now`: in 10 min, now, 2 h ago."""
    is_punctual = NOTHING <= now - fire.fire_at < LATE
    lead = Lead.of(fire.lead)
    if is_punctual and lead and lead.seconds >= 0:
        return f"in {format_lead(lead)}"
    ahead = fire.due_at - (fire.fire_at if is_punctual else now)
    if not ahead or (not is_punctual and abs(ahead) < LATE):
        return "now"
    return f"in {format_rounded(ahead)}" if ahead > NOTHING else f"{format_rounded(-ahead)} ago"


def lateness(reminder: MessageFields, fire_at: datetime, now: datetime) -> str:
    """Return how late a message of `fire_at` is, and why; empty if it is late by less than LATE."""
    late = now - fire_at
    if late < LATE:
        return ""
    is_set_aside = bool(reminder.error)
    reason = "an error had set it aside" if is_set_aside else "FOAM was down or held up at the time"
    return f"This comes {format_duration(late)} late: {reason}."


def _missed(count: int) -> str:
    if not count:
        return ""
    return (
        "One earlier reminder was missed."
        if count == 1
        else f"{count} earlier reminders were missed."
    )
