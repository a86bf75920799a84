"""Formats of occurrences: what their serializers show, written by hand."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import JSONObject
from rest_framework.request import Request

from accounts.api.row_views import RowFormat
from reminders.models import Response
from reminders.models.fields import lead_of_interval
from reminders.models.occurrence import reference

OCCURRENCE_COLUMNS = (
    "id",
    "reminder_id",
    "reminder__title",
    "reminder__external_id",
    "reminder__tags",
    "reminder__timezone",
    "due_at",
    "lead",
    "status",
    "reason",
    "recorded_at",
    "follow_up_at",
    "nags",
    "escalated_at",
)
# Of the same statement, and so of the same moment, as their occurrence.
RESPONSES = ArraySubquery(
    Response.objects.filter(occurrence=OuterRef("pk"))
    .order_by("id")
    .values(
        row=JSONObject(
            verb="verb",
            at="at",
            face="face",
            user="user__username",
            channel="channel_id",
            detail="detail",
        )
    )
)


def show_occurrence(row: Sequence[Any], request: Request) -> dict[str, Any]:
    (
        pk,
        reminder_id,
        title,
        external_id,
        tags,
        timezone,
        due_at,
        lead,
        status,
        reason,
        recorded_at,
        follow_up_at,
        nags,
        escalated_at,
    ) = row[:14]
    return {
        "id": pk,
        "reminder": reminder_id,
        "title": title,
        "external_id": external_id,
        "tags": tags,
        "timezone": timezone,
        "due_at": due_at,
        "lead": str(lead_of_interval(lead)),
        "status": status,
        "reason": reason,
        "recorded_at": recorded_at,
        "reference": reference(pk),
        "follow_up_at": follow_up_at,
        "nags": nags,
        "escalated_at": escalated_at,
    }


def show_occurrence_with_responses(row: Sequence[Any], request: Request) -> dict[str, Any]:
    responses = [{**columns, "at": datetime.fromisoformat(columns["at"])} for columns in row[14]]
    return {**show_occurrence(row, request), "responses": responses}


OCCURRENCE = RowFormat(OCCURRENCE_COLUMNS, show_occurrence)
OCCURRENCE_WITH_RESPONSES = RowFormat(
    (*OCCURRENCE_COLUMNS, RESPONSES), show_occurrence_with_responses
)
