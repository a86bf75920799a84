"""Reminders to and from other programs: calendars, JSON Lines, crontabs, beat's tables."""
