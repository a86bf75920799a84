"""Deliveries that ended dead: what that says of their channels, and the notice to the owner.

A channel's first loss is told once, until a message is accepted there again. Only faults of the
receiver count towards disabling it; the same permanent reply for several addresses within minutes
is a fault of the server in between.
"""

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Exists, OuterRef

from notifications import notices
from notifications.models import Channel, Delivery
from notifications.sql import bulk_cursor

# A channel is disabled when so many deliveries in a row ended dead by a fault of its receiver, and
# nothing that was posted for so long has been accepted.
DEATHS = 3
FAILING = timedelta(days=3)
# The detail of an attempt is for people to read.
DETAIL_LENGTH = 500
# So many channels with the same permanent reply within so long: not their recipients' fault.
SEVERAL = 3
TOGETHER = timedelta(minutes=15)

ADDRESS = re.compile(r"<[^>\s]*>|[^\s<>@:;,]+@[^\s<>@:;,]+")
TOKEN = re.compile(r"\b\w*\d\w*\b")


class Loss(NamedTuple):
    """A delivery whose attempt of this number was its last; `reply` is the receiver's, if any.

    `counts`: the fault is the receiver's. `is_final`: a permanent one.
    """

    delivery_id: int
    attempt: int
    channel_id: int
    counts: bool = False
    is_final: bool = False
    reply: str = ""


def lock(channel_ids: Collection[int]) -> None:
    """Lock channels before their deliveries: the order of everything that ends deliveries."""
    rows = Channel.objects.filter(pk__in=channel_ids).order_by("pk")
    list(rows.select_for_update(no_key=True).values_list("pk", flat=True))


# Only of deliveries that this attempt has ended. `first` is the oldest of those told to the owner.
SETTLE = """
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


def settle(losses: Sequence[Loss], now: datetime) -> None:
    """Count losses against their channels; tell their owners; disable what fails for long.

    Within the transaction that ends the deliveries, whose channels it has locked.
    """
    if not losses:
        return
    with bulk_cursor() as cursor:
        cursor.execute(
            SETTLE,
            {
                "now": now,
                "ids": [each.delivery_id for each in losses],
                "attempts": [each.attempt for each in losses],
                "counts": [each.counts for each in losses],
                "replies": [_reply(each) for each in losses],
                "silent": "^(" + "|".join(notices.SILENT) + ")",
                "deaths": DEATHS,
                "before": now - FAILING,
            },
        )
        rows = cursor.fetchall()
    _tell([first for _, _, first in rows if first is not None], now)
    _disable_failing([channel for channel, is_failing, _ in rows if is_failing], now)


def _reply(loss: Loss) -> str:
    return kind_of_reply(loss.reply) if loss.counts and loss.is_final else ""


def kind_of_reply(reply: str) -> str:
    """Return a reply without addresses, numbers and tokens, by which one differs from the next."""
    return TOKEN.sub("#", ADDRESS.sub("<>", reply.lower()))[:200]


def is_widespread(reply: str, now: datetime) -> bool:
    """Tell whether several channels have had this kind of permanent reply within minutes."""
    same = Channel.objects.filter(rejected_at__gt=now - TOGETHER, rejection=reply)
    return len(same.values_list("pk", flat=True)[:SEVERAL]) == SEVERAL


def _tell(delivery_ids: Sequence[int], now: datetime) -> None:
    if not delivery_ids:
        return
    rows = Delivery.objects.filter(pk__in=delivery_ids).select_related("channel")
    losses = list(rows.defer("channel__secret", "channel__previous_secret").order_by("pk"))
    Channel.objects.make_inboxes({each.channel.owner_id for each in losses})
    notices.post(
        [
            notices.lost(
                str(each.channel),
                notices.Failed(each.pk, each.title, each.reason),
                each.channel_id,
                now,
            )
            for each in losses
        ],
        now,
    )


def _disable_failing(channel_ids: Collection[int], now: datetime) -> None:
    if not channel_ids:
        return
    before = now - FAILING
    # What failed for long may have been the message's fault, while others were accepted.
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
