"""Losses: deliveries that ended dead count against their channels, and their owners get a notice.

One notice is posted for each channel until it accepts a message again. Only faults of the receiver
count towards disabling it. The same permanent reply for several addresses within minutes is a fault
of the server in between.
"""

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Exists, OuterRef

from notifications import notices
from notifications.models import Channel, Delivery
from notifications.sql import bulk_cursor

# A channel is disabled when this many deliveries in a row ended dead by a fault of its receiver,
# and no message posted within this time has been accepted.
DEATHS_TO_DISABLE = 3
FAILING_TIME_TO_DISABLE = timedelta(days=3)
# People read the detail of an attempt, so a longer one is cut off.
DETAIL_LENGTH = 500
# When this many channels have had the same permanent reply within this time, their recipients are
# not at fault.
WIDESPREAD_CHANNELS = 3
WIDESPREAD_WITHIN = timedelta(minutes=15)

ADDRESS = re.compile(r"<[^>\s]*>|[^\s<>@:;,]+@[^\s<>@:;,]+")
TOKEN = re.compile(r"\b\w*\d\w*\b")


class DeliveryLoss(NamedTuple):
    """A delivery that ended dead with this attempt; `reply` is the receiver's, or empty.

    `counts`: the receiver is at fault. `is_final`: the fault is permanent.
    """

    delivery_id: int
    attempt: int
    channel_id: int
    counts: bool = False
    is_final: bool = False
    reply: str = ""


def lock_channels(channel_ids: Collection[int]) -> None:
    """Lock channels before their deliveries, in the order that avoids deadlocks."""
    rows = Channel.objects.filter(pk__in=channel_ids).order_by("pk")
    list(rows.select_for_update(no_key=True).values_list("pk", flat=True))


# Counts only deliveries that this attempt has ended. `first` is the oldest one to
# report to the owner.
COUNT_LOSSES = """
WITH lost AS (
    SELECT d.channel_id, count(*) FILTER (WHERE o.counts) AS deaths,
        min(d.created_at) FILTER (WHERE o.counts) AS since, max(o.reply) AS reply,
        min(d.id) FILTER (WHERE NOT d.reference ~ %(silent)s) AS first
    FROM unnest(%(ids)b::bigint[], %(attempts)b::int[], %(counts)b::boolean[],
        %(replies)b::text[]) AS o(id, attempt, counts, reply)
    JOIN notifications_delivery d ON d.id = ANY (ARRAY[o.id])
    WHERE d.attempt = o.attempt AND d.status = 'dead'
    GROUP BY d.channel_id
), before AS (
    SELECT id, lost_at FROM notifications_channel WHERE id IN (SELECT channel_id FROM lost)
)
UPDATE notifications_channel c SET deaths = c.deaths + lost.deaths,
    failing_since = least(c.failing_since, lost.since),
    rejection = CASE lost.reply WHEN '' THEN c.rejection ELSE lost.reply END,
    rejected_at = CASE lost.reply WHEN '' THEN c.rejected_at ELSE %(now)s END,
    lost_at = coalesce(c.lost_at, CASE WHEN lost.first IS NOT NULL THEN %(now)s END)
FROM lost JOIN before ON before.id = lost.channel_id
WHERE c.id = lost.channel_id AND c.deleted_at IS NULL
RETURNING c.id, c.disabled_at IS NULL AND c.deaths >= %(deaths)s AND c.failing_since <= %(before)s
    AND lost.deaths > 0, CASE WHEN before.lost_at IS NULL AND c.disabled_at IS NULL
    THEN lost.first END
"""


def count_losses(losses: Sequence[DeliveryLoss], now: datetime) -> None:
    """Count losses against their channels, post notices and disable channels that fail for long.

    Within the transaction that ends the deliveries and has locked their channels.
    """
    if not losses:
        return
    with bulk_cursor() as cursor:
        cursor.execute(
            COUNT_LOSSES,
            {
                "now": now,
                "ids": [loss.delivery_id for loss in losses],
                "attempts": [loss.attempt for loss in losses],
                "counts": [loss.counts for loss in losses],
                "replies": [_reply(loss) for loss in losses],
                "silent": "^(" + "|".join(notices.SILENT) + ")",
                "deaths": DEATHS_TO_DISABLE,
                "before": now - FAILING_TIME_TO_DISABLE,
            },
        )
        rows = cursor.fetchall()
    _notify_owners([first for _, _, first in rows if first is not None], now)
    _disable_failing([channel for channel, is_failing, _ in rows if is_failing], now)


def _reply(loss: DeliveryLoss) -> str:
    return kind_of_reply(loss.reply) if loss.counts and loss.is_final else ""


def kind_of_reply(reply: str) -> str:
    """Return a reply without addresses, numbers and tokens, which differ between recipients."""
    return TOKEN.sub("#", ADDRESS.sub("<>", reply.lower()))[:200]


def is_widespread(reply: str, now: datetime) -> bool:
    """Tell whether several channels have had this kind of permanent reply within minutes."""
    rejected = Channel.objects.filter(rejected_at__gt=now - WIDESPREAD_WITHIN, rejection=reply)
    pks = rejected.values_list("pk", flat=True)[:WIDESPREAD_CHANNELS]
    return len(pks) == WIDESPREAD_CHANNELS


def _notify_owners(delivery_ids: Sequence[int], now: datetime) -> None:
    if not delivery_ids:
        return
    rows = Delivery.objects.filter(pk__in=delivery_ids).select_related("channel")
    deliveries = list(rows.defer("channel__secret", "channel__previous_secret").order_by("pk"))
    Channel.objects.make_inboxes({delivery.channel.owner_id for delivery in deliveries})
    notices.post_notices(
        [
            notices.lost(
                str(delivery.channel),
                notices.LostDelivery(delivery.pk, delivery.title, delivery.reason),
                delivery.channel_id,
                now,
            )
            for delivery in deliveries
        ],
        now,
    )


def _disable_failing(channel_ids: Collection[int], now: datetime) -> None:
    if not channel_ids:
        return
    before = now - FAILING_TIME_TO_DISABLE
    # If other messages were accepted meanwhile, the failed ones may be at fault themselves.
    accepted = Delivery.objects.filter(channel=OuterRef("pk"), status="sent")
    for channel in Channel.objects.filter(
        ~Exists(accepted.filter(finished_at__gt=before)), pk__in=channel_ids
    ):
        if channel.rejection and is_widespread(channel.rejection, now):
            continue
        channel.disable(
            f"{channel.deaths} deliveries in a row failed for good, and none has been accepted "
            f"since {before:%d %B %H:%M} UTC.",
            now,
        )
