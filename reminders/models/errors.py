"""Errors of storing a reminder that the API answers in their own way."""

from django.core.exceptions import ValidationError

EXTERNAL_ID_CONSTRAINT = "reminders_reminder_external_id_once_per_owner"
EXTERNAL_ID_TAKEN = "You already have a reminder with this external_id."


class ExternalIdTaken(ValidationError):
    """The owner has another reminder with this external_id."""

    def __init__(self) -> None:
        super().__init__({"external_id": ValidationError(EXTERNAL_ID_TAKEN, code="unique")})


class EditConflict(ValidationError):
    """The row was edited by another request since it was read."""

    def __init__(self) -> None:
        super().__init__("Someone else has changed this meanwhile. Read it again.")


def is_external_id_taken(error: Exception) -> bool:
    """Whether PostgreSQL refused a row because of its external_id."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "constraint_name", "") == EXTERNAL_ID_CONSTRAINT
