"""Account export: a user's channels and their changes, deliveries, attempts and inbox."""

from accounts.account_data.export import Section
from notifications.models import Attempt, Channel, ChannelChange, Delivery, InboxMessage

SECTIONS = [
    # Without secrets; a secret URL only with the part that may be shown.
    Section(
        "channel",
        Channel,
        "owner",
        (
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
        ),
    ),
    Section(
        "channel_change",
        ChannelChange,
        "channel__owner",
        ("at", "verb", "detail", "diff", "face"),
        {"channel": "channel_id", "user": "user_id", "token": "token_id"},
    ),
    Section(
        "delivery",
        Delivery,
        "channel__owner",
        (
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
        ),
        {"channel": "channel_id", "digest": "digest_id"},
    ),
    Section(
        "attempt",
        Attempt,
        "delivery__channel__owner",
        ("number", "outcome", "detail", "latency", "ended_at"),
        {"delivery": "delivery_id"},
    ),
    Section(
        "inbox_message",
        InboxMessage,
        "channel__owner",
        ("id", "message_id", "reference", "title", "body", "due_at", "received_at", "read_at"),
        {"channel": "channel_id"},
    ),
]
