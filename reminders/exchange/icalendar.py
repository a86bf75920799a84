"""iCalendar (RFC 5545): what other calendars keep, and what they can show of reminders."""

from reminders.exchange.calendar.limits import COMMAND
from reminders.exchange.calendar.read import read
from reminders.exchange.calendar.write import write
from reminders.exchange.reading import Reading

__all__ = ["read", "read_large", "write"]


def read_large(content: bytes, timezone: str) -> Reading:
    """Read a file that an operator has chosen, which may be larger than one over the web."""
    return read(content, timezone, limits=COMMAND)
