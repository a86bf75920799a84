"""The history of channels: each change, its actor and its source."""

from collections.abc import Iterable
from datetime import datetime

from django.db import models
from django.db.models.functions import Now

from accounts.audit.records import AuditRecord, Diff, audit_values, diff_of

# The values of these fields are not stored, only that they were changed.
SECRET_FIELDS = {"secret"}


class ChannelChange(AuditRecord):
    """One change of a channel, written in the transaction that makes it.

    When a channel is deleted, its address is erased here as well.
    """

    class Verb(models.TextChoices):
        CREATED = "created"
        EDITED = "edited"  # `detail` names the fields, `diff` has their values
        VERIFIED = "verified"
        SECRET_MADE = "secret_made"  # noqa: S105  a verb: in addition to the previous one
        DISABLED = "disabled"  # `detail` is why
        ENABLED = "enabled"
        DELETED = "deleted"

    # No foreign key in the database, as for a reminder's changes.
    channel = models.ForeignKey(
        "notifications.Channel",
        models.CASCADE,
        related_name="changes",
        db_constraint=False,
        db_index=False,
    )
    at = models.DateTimeField(db_default=Now())
    verb = models.CharField(max_length=16, choices=Verb)
    detail = models.TextField(blank=True)

    class Meta:
        indexes = [
            # The history of one channel.
            models.Index(fields=["channel", "at"], name="notifications_channelchange_of"),
        ]

    def __str__(self) -> str:
        return f"{self.channel_id} {self.verb}"


VERB_LABELS: dict[str, str] = {
    ChannelChange.Verb.CREATED: "created",
    ChannelChange.Verb.EDITED: "edited",
    ChannelChange.Verb.VERIFIED: "verified",
    ChannelChange.Verb.SECRET_MADE: "given a new secret",
    ChannelChange.Verb.DISABLED: "disabled",
    ChannelChange.Verb.ENABLED: "enabled",
    ChannelChange.Verb.DELETED: "deleted",
}


def record_change(
    channel_id: int,
    verb: ChannelChange.Verb,
    now: datetime | None = None,
    detail: str = "",
    diff: Diff | None = None,
) -> None:
    """Record a change by the current actor, at `now` or at the database's time."""
    values = audit_values(now, detail, diff)
    ChannelChange.objects.create(channel_id=channel_id, verb=verb, **values)


def diff_of_edit(stored: models.Model, edit: models.Model, names: Iterable[str]) -> Diff:
    """Return the old and new values of the fields that an edit changes, among `names`."""
    return diff_of(stored, edit, sorted(names), SECRET_FIELDS)


def forget(before: datetime) -> int:
    """Delete the changes before an instant; return how many."""
    return ChannelChange.objects.filter(at__lt=before).delete()[0]
