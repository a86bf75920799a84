"""Reminders whose schedule raises: reports list them and go on."""

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class UnreadableReminder:
    """A reminder that a report skips, and the error of its schedule."""

    reminder_id: int
    title: str
    owner: str
    timezone: str
    error: str

    @classmethod
    def of(cls, reminder: Any, error: Exception) -> Self:
        text = f"{type(error).__name__}: {error}"
        return cls(reminder.pk, reminder.title, reminder.owner.username, reminder.timezone, text)
