"""Validation of a reminder before it is stored; ValidationError names the field at fault."""

from collections.abc import Callable, Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from accounts.one_line import MESSAGE, is_one_line
from notifications.models import Channel
from reminders.recurrence import Lead, RecurrenceError, Schedule, canonical
from reminders.schedule.placeholders import placeholder_error


class ReminderValidation(models.Model):
    """The methods of `Reminder` that check its fields and channels."""

    # Columns of `Reminder` that `clean` normalizes.
    recurrence: Any
    leads: Any
    external_id: Any

    class Meta:
        abstract = True

    def clean(self: Any) -> None:
        """Write the schedule in its canonical form, or raise ValidationError by field."""
        self._check_placeholders()
        self.external_id = self.external_id or None
        try:
            self.recurrence = canonical(self.recurrence)
            self.leads = sorted({Lead.of(lead) for lead in self.leads})
            Schedule.validate(**Schedule.fields_of(self))
        except RecurrenceError as error:
            raise ValidationError({error.field: error.message}) from error

    def validate(
        self: Any, channels: Iterable[Channel] | None, escalate_channels: Iterable[Channel] | None
    ) -> None:
        """Raise ValidationError if this row cannot be stored, without reading other rows."""
        self.clean_fields(exclude=["owner"])
        self.clean()
        if channels is not None:
            self.check_channels(channels)
        if escalate_channels is not None:
            self._check_owned(escalate_channels, "escalate_channels")

    def check_channels(self: Any, channels: Iterable[Channel]) -> None:
        """Raise ValidationError unless there is a channel, and all are the owner's."""
        channels = list(channels)
        if not channels:
            raise ValidationError({"channels": "A reminder needs at least one channel."})
        self._check_owned(channels, "channels")

    def _check_owned(self: Any, channels: Iterable[Channel], field: str) -> None:
        if any(channel.owner_id != self.owner_id or channel.deleted_at for channel in channels):
            raise ValidationError({field: "A reminder can only use its owner's channels."})

    def _check_escalation(self: Any, has_channels: Callable[[], bool]) -> None:
        if self.escalate_after is not None and not has_channels():
            message = "Choose at least one channel to tell when there is no answer."
            raise ValidationError({"escalate_channels": message})

    def _check_placeholders(self: Any) -> None:
        errors = {name: placeholder_error(getattr(self, name)) for name in self.WORDS}
        if any(errors.values()):
            raise ValidationError({name: text for name, text in errors.items() if text})

    def _check_title(self: Any) -> None:
        """Raise ValidationError for a title that a mail's subject or a list cannot show.

        Only a new title is checked: one from before this rule must not prevent other edits.
        """
        if not is_one_line(self.title):
            raise ValidationError({"title": ValidationError(MESSAGE, code="invalid")})
