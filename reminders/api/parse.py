"""Parses a sentence to a reminder and previews it, for the API and the command. Stores nothing."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError

from reminders.models import Reminder
from reminders.natural_language import Misunderstood, SentenceMeaning, read
from reminders.recurrence import RecurrenceError
from reminders.schedule.preview import DEFAULT_COUNT, Preview, messages, preview_schedule


@dataclass(frozen=True, slots=True)
class SentencePreview:
    reading: SentenceMeaning
    preview: Preview


def parse_sentence(
    text: str, timezone: str, owner: Any, now: datetime, count: int = DEFAULT_COUNT
) -> SentencePreview:
    """Parse a sentence, and check the result as a new reminder of `owner`, who may be None.

    `timezone` is an IANA name for a sentence without a time zone; `now` is aware. Raises
    ValidationError on `text`, with the codes of Misunderstood, or on the wrong field.
    """
    try:
        reading = read(text, timezone, now)
    except Misunderstood as error:
        raise ValidationError({"text": ValidationError(error.message, error.code)}) from error
    try:
        return SentencePreview(
            reading, _preview(Reminder(owner=owner, **reading.fields), now, count)
        )
    except (RecurrenceError, ValidationError) as error:
        # An error of a field that was read from the sentence.
        message = f"This sentence is no valid reminder: {_error_text(error)}"
        raise ValidationError({"text": message}) from error


def _preview(reminder: Reminder, now: datetime, count: int) -> Preview:
    checked = {*Reminder.SCHEDULE, "tags", *(["title"] if reminder.title else [])}
    reminder.clean_fields(exclude={field.name for field in reminder._meta.get_fields()} - checked)
    reminder.clean()
    reminder.plan_or_refuse(now)
    result = preview_schedule(reminder.schedule, now, count)
    if not reminder.title:
        return result
    return replace(result, messages=messages(reminder, now, reminder.count))


def _error_text(error: RecurrenceError | ValidationError) -> str:
    if isinstance(error, RecurrenceError):
        return f"{error.field} {error.message}"
    return " ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
