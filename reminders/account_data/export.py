"""The reminders part of the account export: reminders, occurrences, responses, changes."""

from collections.abc import Iterator

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef

from accounts.account_data.export import Row, Section, read
from accounts.models import User
from reminders.models import Change, Occurrence, Reminder, Response


def reminders(user: User) -> Iterator[Row]:
    """Yield all reminders, deleted ones included."""
    channels = Reminder.channels.through.objects.filter(reminder=OuterRef("pk"))
    escalation = Reminder.escalate_channels.through.objects.filter(reminder=OuterRef("pk"))
    theirs = Reminder.objects.filter(owner=user).annotate(
        channel_ids=ArraySubquery(channels.order_by("channel_id").values("channel_id")),
        escalation_ids=ArraySubquery(escalation.order_by("channel_id").values("channel_id")),
    )
    return read(
        theirs,
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
        "nag_every",
        "nag_max",
        "escalate_after",
        "urgent",
        "tags",
        "external_id",
        "status",
        "paused_until",
        "next_due_at",
        "fired_count",
        "error",
        "version",
        "created_at",
        "updated_at",
        "deleted_at",
        channels="channel_ids",
        escalate_channels="escalation_ids",
    )


def occurrences(user: User) -> Iterator[Row]:
    return read(
        Occurrence.objects.filter(reminder__owner=user),
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
        reminder="reminder_id",
    )


def responses(user: User) -> Iterator[Row]:
    return read(
        Response.objects.filter(occurrence__reminder__owner=user),
        "verb",
        "at",
        "face",
        "detail",
        occurrence="occurrence_id",
        user="user_id",
        channel="channel_id",
    )


def changes(user: User) -> Iterator[Row]:
    return read(
        Change.objects.filter(reminder__owner=user),
        "at",
        "verb",
        "before",
        "detail",
        "diff",
        "face",
        reminder="reminder_id",
        user="user_id",
        token="token_id",  # noqa: S106  the name of a column
    )


SECTIONS = [
    Section("reminder", Reminder, reminders),
    Section("occurrence", Occurrence, occurrences),
    Section("response", Response, responses),
    Section("change", Change, changes),
]
