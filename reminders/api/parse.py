"""A sentence, the reminder it means, and what that would do. Nothing is stored."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError

from reminders.models import Reminder
from reminders.natural_language import Misunderstood, Reading, read
from reminders.recurrence import RecurrenceError
from reminders.schedule.preview import DEFAULT_COUNT, Preview, messages, preview


@dataclass(frozen=True, slots=True)
class Parsed:
    reading: Reading
    preview: Preview


def parse(
    text: str, timezone: str, owner: Any, now: datetime, count: int = DEFAULT_COUNT
) -> Parsed:
    """Read a sentence, and check what comes out as a new reminder of `owner` is checked.

    `timezone` is an IANA name, for a sentence that names none; `now` is aware. `owner` may be None.
    Raises ValidationError on `text`, with the codes of Misunderstood, or on the field at fault.
    """
    try:
        reading = read(text, timezone, now)
    except Misunderstood as error:
        raise ValidationError({"text": ValidationError(error.message, error.code)}) from error
    try:
        return Parsed(reading, _preview(Reminder(owner=owner, **reading.fields), now, count))
    except (RecurrenceError, ValidationError) as error:
        # Of a field that the sentence became.
        raise ValidationError({"text": f"This is no reminder: {_told(error)}"}) from error


def _preview(reminder: Reminder, now: datetime, count: int) -> Preview:
    checked = {*Reminder.SCHEDULE, "tags", *(["title"] if reminder.title else [])}
    reminder.clean_fields(exclude={field.name for field in reminder._meta.get_fields()} - checked)
    reminder.clean()
    reminder.plan_or_refuse(now)
    shown = preview(reminder.schedule, now, count)
    if not reminder.title:
        return shown
    return replace(shown, messages=messages(reminder, now, reminder.count))


def _told(error: RecurrenceError | ValidationError) -> str:
    if isinstance(error, RecurrenceError):
        return f"{error.field} {error.message}"
    return " ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
