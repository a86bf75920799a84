"""iCalendar (RFC 5545): files read into drafts, and reminders written as files."""
