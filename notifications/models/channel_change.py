"""What was done to a channel, by whom and through which face."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models.functions import Now

from accounts.audit.records import AuditRecord, Diff, actor_fields, diff_of

# What is shown to nobody: that it was changed is all that is kept.
SECRET = {"secret"}


class ChannelChange(AuditRecord):
    """One change of a channel, written in the transaction that makes it.

    A channel that is deleted forgets where it led, and these forget it with it.
    """

    class Verb(models.TextChoices):
        CREATED = "created"
        EDITED = "edited"  # `detail` names the fields, `diff` has what they said
        VERIFIED = "verified"
        SECRET_MADE = "secret_made"  # noqa: S105  anew, beside the one before
        DISABLED = "disabled"  # `detail` is why
        ENABLED = "enabled"
        DELETED = "deleted"

    # Without a foreign key in the database, as for a change of a reminder.
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
            # The story of one channel.
            models.Index(fields=["channel", "at"], name="notifications_channelchange_of"),
        ]

    def __str__(self) -> str:
        return f"{self.channel_id} {self.verb}"


WORDS: dict[str, str] = {
    ChannelChange.Verb.CREATED: "created",
    ChannelChange.Verb.EDITED: "edited",
    ChannelChange.Verb.VERIFIED: "verified",
    ChannelChange.Verb.SECRET_MADE: "given a new secret",
    ChannelChange.Verb.DISABLED: "disabled",
    ChannelChange.Verb.ENABLED: "enabled",
    ChannelChange.Verb.DELETED: "deleted",
}


def note(
    channel_id: int,
    verb: ChannelChange.Verb,
    now: datetime | None = None,
    detail: str = "",
    diff: Diff | None = None,
) -> None:
    """Record a change by who is at work; without `now` at the database's time."""
    told: dict[str, Any] = {"detail": detail, "diff": diff, **actor_fields()}
    if now is not None:
        told["at"] = now
    ChannelChange.objects.create(channel_id=channel_id, verb=verb, **told)


def edited(stored: models.Model, edit: models.Model, names: Iterable[str]) -> Diff:
    """Return what became of those of these fields that an edit changes."""
    return diff_of(stored, edit, sorted(names), SECRET)


def forget(before: datetime) -> int:
    """Remove what changed `before`; return how many."""
    return ChannelChange.objects.filter(at__lt=before).delete()[0]
