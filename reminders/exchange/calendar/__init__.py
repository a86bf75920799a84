"""RFC 5545: a calendar read into drafts, and reminders written as one. Pure. See ../icalendar.py."""
