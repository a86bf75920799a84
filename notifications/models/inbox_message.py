"""Messages in a user's inbox."""

from datetime import datetime
from typing import Any, Self

from django.db import models


class InboxMessageQuerySet(models.QuerySet["InboxMessage"]):
    def owned_by(self, user: Any) -> Self:
        return self.filter(channel__owner=user)


class InboxMessage(models.Model):
    """A message that has arrived in a user's in-app inbox."""

    channel = models.ForeignKey(
        "notifications.Channel", models.CASCADE, related_name="inbox_messages", db_index=False
    )
    # The delivery's message_id. It is unique, so that a repeated attempt stores nothing.
    message_id = models.CharField(max_length=64, unique=True)
    # The cause, for the links that answer it. It has a default in the database, as a worker of the
    # version before does not write it.
    reference = models.CharField(max_length=100, blank=True, db_default="")
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    due_at = models.DateTimeField()
    received_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, blank=True)

    objects = InboxMessageQuerySet.as_manager()

    class Meta:
        indexes = [
            # The API's list: newest first within an owner's inbox.
            models.Index(fields=["channel", "-id"], name="notifications_inbox_list"),
        ]

    def __str__(self) -> str:
        return self.title

    def mark_read(self, now: datetime) -> None:
        InboxMessage.objects.filter(pk=self.pk, read_at=None).update(read_at=now)
        self.refresh_from_db()
