"""What a person or a program does to reminders and occurrences."""
