"""A message of which no channel takes messages: its owner is told in the inbox, once a channel."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from notifications import notices
from notifications.models import Channel


class Refused(NamedTuple):
    """A message that was cancelled as it was posted, as its channel takes none."""

    channel_id: int
    reference: str
    title: str


def tell(refused: Sequence[Refused], now: datetime) -> None:
    """Post a notice for each channel of these messages, unless its owner knows already.

    Within the transaction that posts them. The moment at which the channel stopped taking messages
    is in the reference of the notice, so that there is one for each time.
    """
    first = {each.channel_id: each for each in reversed(refused)}
    rows = Channel.objects.exclude_system().filter(pk__in=first).defer("secret", "previous_secret")
    channels = list(rows.order_by("pk"))
    if not channels:
        return
    Channel.objects.make_inboxes({each.owner_id for each in channels})
    notices.post(
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
