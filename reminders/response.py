"""Who answered an occurrence, when, how and through which face."""

from django.conf import settings
from django.db import models

from accounts.acting import By
from notifications.models import Channel

__all__ = ["By", "Response"]


class Response(models.Model):
    """One answer, written in the transaction that makes it take effect and never edited."""

    class Verb(models.TextChoices):
        ACKNOWLEDGED = "acknowledged"
        SNOOZED = "snoozed"  # `detail` is until when
        SKIPPED = "skipped"

    class Face(models.TextChoices):
        API = "api"
        ADMIN = "admin"
        LINK = "link"  # in a message, without signing in: `channel` is where it had been sent
        COMMAND = "command"

    # Without a foreign key in the database, as for a change of a reminder.
    occurrence = models.ForeignKey(
        "reminders.Occurrence", models.CASCADE, related_name="responses", db_constraint=False
    )
    verb = models.CharField(max_length=16, choices=Verb)
    at = models.DateTimeField()
    face = models.CharField(max_length=16, choices=Face)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    channel = models.ForeignKey(
        Channel, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    detail = models.TextField(blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.occurrence_id} {self.verb}"
