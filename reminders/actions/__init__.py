"""Actions of owners, recipients, staff and programs on reminders and occurrences."""
