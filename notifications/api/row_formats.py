"""Formats of deliveries and inbox messages: what their serializers show, written by hand."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import Extract, JSONObject
from rest_framework.request import Request

from accounts.api.row_views import RowFormat
from notifications.api.serializers import allowed_links, finite
from notifications.links.signed_links import MessageKey
from notifications.models import Attempt
from notifications.models.delivery import message_id

DELIVERY_COLUMNS = (
    "id",
    "reference",
    "channel_id",
    "title",
    "body",
    "due_at",
    "status",
    "reason",
    "attempt",
    "next_attempt_at",
    "urgent",
    "held",
    "digest_id",
    "created_at",
    "finished_at",
)
# Of the same statement, and so of the same snapshot, as their delivery: a second one may see a
# commit in between, and show a failed attempt beside a delivery that is sent.
ATTEMPTS = ArraySubquery(
    Attempt.objects.filter(delivery=OuterRef("pk"))
    .order_by("number")
    .values(
        row=JSONObject(
            number="number",
            outcome="outcome",
            detail="detail",
            seconds=Extract("latency", "epoch"),
            ended_at="ended_at",
        )
    )
)


def show_delivery(row: Sequence[Any], request: Request) -> dict[str, Any]:
    (
        pk,
        reference,
        channel_id,
        title,
        body,
        due_at,
        status,
        reason,
        attempt,
        next_attempt_at,
        urgent,
        held,
        digest_id,
        created_at,
        finished_at,
    ) = row[:15]
    return {
        "id": pk,
        "message_id": message_id(pk, created_at),
        "reference": reference,
        "channel": channel_id,
        "title": title,
        "body": body,
        "due_at": due_at,
        "status": status,
        "reason": reason,
        "attempt": attempt,
        "next_attempt_at": finite(next_attempt_at),
        "urgent": urgent,
        "held": held,
        "digest": digest_id,
        "created_at": created_at,
        "finished_at": finished_at,
    }


def show_delivery_with_attempts(row: Sequence[Any], request: Request) -> dict[str, Any]:
    return {**show_delivery(row, request), "attempts": [_attempt(**columns) for columns in row[15]]}


def _attempt(*, seconds: float | None, ended_at: str, **columns: Any) -> dict[str, Any]:
    return {
        **columns,
        "latency_ms": None if seconds is None else round(seconds * 1000, 1),
        "ended_at": datetime.fromisoformat(ended_at),
    }


def show_message(row: Sequence[Any], request: Request) -> dict[str, Any]:
    pk, title, body, due_at, received_at, read_at, reference, channel_id = row
    return {
        "id": pk,
        "title": title,
        "body": body,
        "due_at": due_at,
        "received_at": received_at,
        "read_at": read_at,
        "actions": allowed_links(MessageKey(reference, channel_id, due_at), request.auth),
    }


DELIVERY = RowFormat(DELIVERY_COLUMNS, show_delivery)
DELIVERY_WITH_ATTEMPTS = RowFormat((*DELIVERY_COLUMNS, ATTEMPTS), show_delivery_with_attempts)
MESSAGE = RowFormat(
    ("id", "title", "body", "due_at", "received_at", "read_at", "reference", "channel_id"),
    show_message,
)
