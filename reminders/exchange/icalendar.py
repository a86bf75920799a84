"""iCalendar (RFC 5545): what other calendars keep, and what they can show of reminders."""

from reminders.exchange.calendar.read import read
from reminders.exchange.calendar.write import write

__all__ = ["read", "write"]
