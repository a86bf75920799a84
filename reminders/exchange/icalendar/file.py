"""iCalendar (RFC 5545): what other calendars keep, and what they can show of reminders."""

from reminders.exchange.drafts import Reading
from reminders.exchange.icalendar.read import read
from reminders.exchange.icalendar.syntax.limits import COMMAND
from reminders.exchange.icalendar.write import write

__all__ = ["read", "read_large", "write"]


def read_large(content: bytes, timezone: str) -> Reading:
    """Read a file that an operator has chosen, which may be larger than one over the web."""
    return read(content, timezone, limits=COMMAND)
