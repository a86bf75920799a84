"""Notices in the owner's inbox about messages that none of their channels could take."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from notifications import notices
from notifications.models import Channel


class CancelledMessage(NamedTuple):
    """A message that was cancelled when posted, as its channel is disabled or not verified."""

    channel_id: int
    reference: str
    title: str


def notify_owners(refused: Sequence[CancelledMessage], now: datetime) -> None:
    """Post one notice for each channel of these messages, within the transaction that posts them.

    The reference of the notice contains the moment at which the channel stopped taking messages:
    so there is one notice each time that it stops.
    """
    first = {message.channel_id: message for message in reversed(refused)}
    rows = Channel.objects.exclude_system().filter(pk__in=first).defer("secret", "previous_secret")
    channels = list(rows.order_by("pk"))
    if not channels:
        return
    Channel.objects.make_inboxes({channel.owner_id for channel in channels})
    notices.post_notices(
        [
            notices.unreachable(
                str(channel),
                first[channel.pk].title,
                channel.refusal,
                channel.pk,
                channel.deleted_at or channel.disabled_at or channel.updated_at,
            )
            for channel in channels
        ],
        now,
        inbox_only=True,
    )
