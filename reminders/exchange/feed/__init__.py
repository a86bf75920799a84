"""The calendar feed: reminders at a secret address."""
