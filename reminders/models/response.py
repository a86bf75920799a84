"""Responses to an occurrence: acknowledged, snoozed or skipped, with actor and source."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models

from accounts.audit.actor import Actor
from accounts.models import User
from accounts.models.one_statement import with_related
from notifications.models import Channel

__all__ = ["Actor", "Response", "responses_of", "with_responses"]


class Response(models.Model):
    """A response, written in the transaction in which it takes effect and never updated."""

    class Verb(models.TextChoices):
        ACKNOWLEDGED = "acknowledged"
        SNOOZED = "snoozed"  # `detail` is until when
        SKIPPED = "skipped"

    class Source(models.TextChoices):
        API = "api"
        ADMIN = "admin"
        LINK = "link"  # in a message, without signing in; `channel` received that message
        COMMAND = "command"

    # Without a foreign key in the database, as for a change of a reminder.
    occurrence = models.ForeignKey(
        "reminders.Occurrence", models.CASCADE, related_name="responses", db_constraint=False
    )
    verb = models.CharField(max_length=16, choices=Verb)
    at = models.DateTimeField()
    face = models.CharField(max_length=16, choices=Source)
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


def with_responses(occurrences: models.QuerySet[Any]) -> models.QuerySet[Any]:
    """Annotate each occurrence with `response_rows` for `responses_of`, in one statement."""
    return with_related(
        occurrences,
        "response_rows",
        Response.objects.order_by("id"),
        "occurrence",
        id="id",
        verb="verb",
        at="at",
        face="face",
        user_id="user_id",
        username="user__username",
        channel_id="channel_id",
        detail="detail",
    )


def responses_of(occurrence: Any) -> list[Response]:
    """Return the responses to an occurrence of `with_responses`."""
    responses = []
    for row in occurrence.response_rows:
        at, username = datetime.fromisoformat(row.pop("at")), row.pop("username")
        response = Response(occurrence=occurrence, at=at, **row)
        if username is not None:
            response.user = User(pk=response.user_id, username=username)
        responses.append(response)
    return responses
