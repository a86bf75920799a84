"""The reminders part of the account export: reminders, occurrences, responses, changes."""

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef

from accounts.account_data.export import Section
from reminders.models import Change, Occurrence, Reminder, Response


def _channel_ids(through: Any) -> ArraySubquery:
    links = through.objects.filter(reminder=OuterRef("pk")).order_by("channel_id")
    return ArraySubquery(links.values("channel_id"))


SECTIONS = [
    # Deleted ones included.
    Section(
        "reminder",
        Reminder,
        "owner",
        (
            "id",
            "title",
            "body",
            *Reminder.SCHEDULE,
            "misfire",
            "grace",
            "nag_every",
            "nag_max",
            "escalate_after",
            "urgent",
            "tags",
            "external_id",
            "version",
            "created_at",
            "updated_at",
            "deleted_at",
        ),
        {
            "channels": "channel_ids",
            "escalate_channels": "escalation_ids",
            **{
                name: f"plan__{name}"
                for name in ("status", "paused_until", "next_due_at", "fired_count", "error")
            },
        },
        {
            "channel_ids": _channel_ids(Reminder.channels.through),
            "escalation_ids": _channel_ids(Reminder.escalate_channels.through),
        },
    ),
    Section(
        "occurrence",
        Occurrence,
        "reminder__owner",
        (
            "id",
            "due_at",
            "lead",
            "status",
            "reason",
            "recorded_at",
            "follow_up_at",
            "speaks_again_at",
            "snoozes",
            "nags",
            "escalated_at",
        ),
        {"reminder": "reminder_id"},
    ),
    Section(
        "response",
        Response,
        "occurrence__reminder__owner",
        ("verb", "at", "face", "detail"),
        {"occurrence": "occurrence_id", "user": "user_id", "channel": "channel_id"},
    ),
    Section(
        "change",
        Change,
        "reminder__owner",
        ("at", "verb", "before", "detail", "diff", "face"),
        {"reminder": "reminder_id", "user": "user_id", "token": "token_id"},
    ),
]
