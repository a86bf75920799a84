"""The words of a schedule, kept for the rows that lists show again and again."""

from functools import lru_cache
from typing import Any

from reminders.recurrence import RecurrenceError, Schedule

# A schedule with more dates is described anew each time, so that the cache stays small.
MAX_CACHED_DATES = 10


def schedule_words(**fields: Any) -> str:
    """Return the schedule of these fields as English text, or the error of an unreadable one."""
    is_small = len(fields["exdates"]) + len(fields["rdates"]) <= MAX_CACHED_DATES
    values = (fields[name] for name in Schedule.FIELDS)
    return (_cached_words if is_small else _words)(
        *(tuple(value) if isinstance(value, list) else value for value in values)
    )


def _words(*values: Any) -> str:
    try:
        return Schedule(**dict(zip(Schedule.FIELDS, values, strict=True))).text
    except RecurrenceError as error:
        return f"cannot be read: {error.message}"


_cached_words = lru_cache(maxsize=4096)(_words)
