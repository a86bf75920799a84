"""Account export: a user's channels and their changes, deliveries, attempts and inbox."""

from collections.abc import Iterator

from accounts.account_data.export import Row, Section, read
from accounts.models import User
from notifications.models import Attempt, Channel, ChannelChange, Delivery, InboxMessage


def channels(user: User) -> Iterator[Row]:
    """Yield the channels without secrets; a secret URL only with the part that may be shown."""
    return read(
        Channel.objects.filter(owner=user),
        "id",
        "kind",
        "name",
        "address",
        "at_most_once",
        "digest_at",
        "digest_every",
        "flood_limit",
        "verified_at",
        "paused_at",
        "paused_until",
        "disabled_at",
        "disabled_reason",
        "created_at",
        "updated_at",
        "deleted_at",
    )


def deliveries(user: User) -> Iterator[Row]:
    return read(
        Delivery.objects.owned_by(user),
        "id",
        "reference",
        "title",
        "body",
        "data",
        "due_at",
        "status",
        "reason",
        "urgent",
        "held",
        "next_attempt_at",
        "created_at",
        "finished_at",
        channel="channel_id",
        digest="digest_id",
    )


def attempts(user: User) -> Iterator[Row]:
    return read(
        Attempt.objects.filter(delivery__channel__owner=user),
        "number",
        "outcome",
        "detail",
        "latency",
        "ended_at",
        delivery="delivery_id",
    )


def inbox(user: User) -> Iterator[Row]:
    return read(
        InboxMessage.objects.owned_by(user),
        "id",
        "message_id",
        "reference",
        "title",
        "body",
        "due_at",
        "received_at",
        "read_at",
        channel="channel_id",
    )


def changes(user: User) -> Iterator[Row]:
    return read(
        ChannelChange.objects.filter(channel__owner=user),
        "at",
        "verb",
        "detail",
        "diff",
        "face",
        channel="channel_id",
        user="user_id",
        token="token_id",  # noqa: S106  the name of a column
    )


SECTIONS = [
    Section("channel", Channel, channels),
    Section("channel_change", ChannelChange, changes),
    Section("delivery", Delivery, deliveries),
    Section("attempt", Attempt, attempts),
    Section("inbox_message", InboxMessage, inbox),
]
