"""Responses to an occurrence: acknowledged, snoozed or skipped, with actor and source."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Subquery
from django.db.models.functions import Coalesce

from accounts.audit.actor import Source, current_actor
from notifications.models import Channel

# The sources of a response; LINK is one in a message, without signing in: `channel` received it.
SOURCES = (Source.API, Source.ADMIN, Source.LINK, Source.COMMAND)
# A response may have a lower id than one of an earlier instant, by less than a request takes.
ID_ORDER_SLACK = timedelta(hours=1)
SOURCE_CHOICES = [(source.value, source.label) for source in SOURCES]


class Response(models.Model):
    """A response, written in the transaction in which it takes effect and never updated."""

    class Verb(models.TextChoices):
        ACKNOWLEDGED = "acknowledged"
        SNOOZED = "snoozed"  # `detail` is until when
        SKIPPED = "skipped"

    # Without a foreign key in the database, as for a change of a reminder.
    occurrence = models.ForeignKey(
        "reminders.Occurrence", models.CASCADE, related_name="responses", db_constraint=False
    )
    verb = models.CharField(max_length=16, choices=Verb)
    at = models.DateTimeField()
    face = models.CharField(max_length=16, choices=SOURCE_CHOICES)
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


def new_response(occurrence: Any, verb: Response.Verb, now: datetime, detail: str = "") -> Response:
    """Return an unsaved response of the current actor."""
    actor = current_actor()
    return Response(
        occurrence=occurrence,
        verb=verb,
        at=now,
        detail=detail,
        face=actor.source,
        user_id=actor.user_id,
        channel_id=actor.channel_id,
    )


def answered_since(occurrences: models.QuerySet[Any], since: datetime) -> models.QuerySet[Any]:
    """Return the occurrences that have a response of `since` or later.

    `at` has no index, but ids grow with it: the subquery walks back from the newest response.
    """
    with_slack = models.ExpressionWrapper(F("at") + ID_ORDER_SLACK, models.DateTimeField())
    older = Response.objects.alias(end=with_slack).filter(end__lt=since).order_by("-pk")
    newer = Response.objects.filter(pk__gt=Coalesce(Subquery(older.values("pk")[:1]), 0))
    return occurrences.filter(pk__in=newer.filter(at__gte=since).values("occurrence"))
