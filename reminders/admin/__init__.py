"""Reminders in Django admin, a module for each noun."""

from reminders.admin.backlog import BacklogAdmin
from reminders.admin.occurrence import OccurrenceAdmin
from reminders.admin.reminder import ReminderAdmin, ReminderForm

__all__ = ["BacklogAdmin", "OccurrenceAdmin", "ReminderAdmin", "ReminderForm"]
