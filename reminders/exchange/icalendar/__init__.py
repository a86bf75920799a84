"""RFC 5545: a calendar read into drafts, and reminders written as one. See ../icalendar.py."""
