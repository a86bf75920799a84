"""The API of reminders and occurrences."""
