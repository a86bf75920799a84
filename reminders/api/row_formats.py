"""Formats of reminders and occurrences: what their serializers show, written by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, Case, Func, OuterRef, Q, Value, When
from django.db.models.functions import JSONObject
from rest_framework.request import Request

from accounts.api.row_views import RowFormat
from accounts.durations import iso_duration
from accounts.sql import NOW, OWNER
from notifications.models import Channel
from notifications.models.channel_queryset import IS_VERIFIED
from reminders.engine.pauses import pauses_of_owner
from reminders.models import Response, last_loss
from reminders.models.fields import lead_of_interval
from reminders.models.occurrence import reference
from reminders.schedule.words import schedule_words

# Sorts a pause without an end after all others.
NEVER = datetime.max.replace(tzinfo=UTC)


class ChannelState(Func):
    """The id of a channel, and 1 or 0 for verified and for enabled."""

    template = "ARRAY[%(expressions)s]::bigint[]"
    output_field = ArrayField(BigIntegerField())


def _flag(condition: Q) -> Case:
    return Case(When(condition, then=Value(1)), default=Value(0))


CHANNELS = ArraySubquery(
    Channel.objects.filter(reminders=OuterRef("pk"), deleted_at=None)
    .order_by("pk")
    .values(state=ChannelState("pk", _flag(IS_VERIFIED), _flag(Q(disabled_at=None))))
)
ESCALATE_CHANNELS = ArraySubquery(
    Channel.objects.filter(escalations=OuterRef("pk"), deleted_at=None).order_by("pk").values("pk")
)
# Of all reminders of the owner, so PostgreSQL reads them once for a page.
PAUSES = ArraySubquery(
    pauses_of_owner(OWNER, NOW).values(
        row=JSONObject(scope="scope", tag="tag", until="until", reason="reason")
    )
)
REMINDER_COLUMNS = (
    "id",
    "title",
    "body",
    "starts_at",
    "timezone",
    "recurrence",
    "exdates",
    "rdates",
    "gap",
    "fold",
    "leads",
    "misfire",
    "grace",
    CHANNELS,
    last_loss.expression(),
    "nag_every",
    "nag_max",
    "escalate_after",
    ESCALATE_CHANNELS,
    "urgent",
    "tags",
    "external_id",
    "plan__status",
    "plan__paused_until",
    PAUSES,
    "plan__next_due_at",
    "plan__error",
    "version",
    "created_at",
    "updated_at",
)


def show_reminder(row: Sequence[Any], request: Request) -> dict[str, Any]:
    (
        pk,
        title,
        body,
        starts_at,
        timezone,
        recurrence,
        exdates,
        rdates,
        gap,
        fold,
        leads,
        misfire,
        grace,
        channels,
        loss,
        nag_every,
        nag_max,
        escalate_after,
        escalate_channels,
        urgent,
        tags,
        external_id,
        status,
        paused_until,
        pauses,
        next_due_at,
        error,
        version,
        created_at,
        updated_at,
    ) = row
    schedule = {
        "starts_at": starts_at,
        "timezone": timezone,
        "recurrence": recurrence,
        "exdates": exdates,
        "rdates": rdates,
        "gap": gap,
        "fold": fold,
        "leads": [lead_of_interval(lead) for lead in leads],
    }
    return {
        "id": pk,
        "title": title,
        "body": body,
        **schedule,
        "leads": [str(lead) for lead in schedule["leads"]],
        "misfire": misfire,
        "grace": iso_duration(grace),
        "channels": [channel_id for channel_id, _, _ in channels],
        "unverified_channels": [
            channel_id for channel_id, is_verified, _ in channels if not is_verified
        ],
        "is_deliverable": any(
            is_verified and is_enabled for _, is_verified, is_enabled in channels
        ),
        "last_loss": loss and {**loss, "at": datetime.fromisoformat(loss["at"])},
        "nag_every": nag_every and iso_duration(nag_every),
        "nag_max": nag_max,
        "escalate_after": escalate_after and iso_duration(escalate_after),
        "escalate_channels": escalate_channels,
        "urgent": urgent,
        "tags": tags,
        "external_id": external_id,
        "status": status,
        "paused_until": paused_until,
        "paused_by": _last_pause(pauses, tags),
        "next_due_at": next_due_at,
        "schedule_text": schedule_words(**schedule),
        "error": error,
        "version": version,
        "created_at": created_at,
        "updated_at": updated_at,
    }


def _last_pause(pauses: Sequence[dict[str, Any]], tags: Sequence[str]) -> dict[str, Any] | None:
    """Return the pause that covers a reminder with these tags and ends last."""
    covering = [
        {**pause, "until": pause["until"] and datetime.fromisoformat(pause["until"])}
        for pause in pauses
        if not pause["tag"] or pause["tag"] in tags
    ]
    return max(covering, key=lambda pause: pause["until"] or NEVER, default=None)


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
REMINDER = RowFormat(REMINDER_COLUMNS, show_reminder)
