"""Values of files as the fields of a reminder have them, and back. Pure."""

from bisect import bisect_right
from datetime import timedelta
from typing import Any

from accounts.durations import iso_duration
from reminders.recurrence import Lead
from reminders.schedule.message import TITLE_LENGTH


def escape_braces(text: str, limit: int | None = None) -> str:
    """Return a reminder's text that is rendered as `text`; cut to `limit` characters, with `…`."""
    # A text without an opening brace has no placeholders, and its closing braces stay single.
    escaped = text.replace("{", "{{").replace("}", "}}") if "{" in text else text
    if limit is None or len(escaped) <= limit:
        return escaped
    # No brace is cut off from its double.
    length = bisect_right(range(limit), limit - 1, key=lambda end: len(escape_braces(text[:end])))
    return f"{escape_braces(text[: length - 1])}…"


def unescape_braces(text: str) -> str:
    """Return a reminder's text for people: braces as they are rendered, placeholders unchanged."""
    return text.replace("{{", "{").replace("}}", "}") if "{" in text else text


def as_api(value: Any) -> Any:
    """Return the value of a field in the form that the API takes; the `default` of json.dumps."""
    if isinstance(value, Lead):
        return str(value)
    return iso_duration(value) if isinstance(value, timedelta) else value.isoformat()


def one_line(text: str) -> str:
    return " ".join(text.split())


def title(text: str) -> str:
    """Return the first line of a text as a title, cut to the length of a title."""
    return escape_braces(one_line(text.strip().partition("\n")[0]), TITLE_LENGTH)
