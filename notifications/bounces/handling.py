"""Bounces: a mail server reports that a message it had accepted did not arrive.

The delivery, which was `sent`, becomes dead. An unknown recipient disables the channel; a delay is
noted with the attempt. Handling a bounce again changes nothing.
"""

from collections import Counter
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction

from notifications.bounces import delivery_status
from notifications.links import message_ids
from notifications.metrics import store
from notifications.models import Attempt, Channel, Delivery
from notifications.notices import LOST
from notifications.outbox import losses
from notifications.outbox.losses import DeliveryLoss
from notifications.transports import Fault

PREFIX = "Bounced: "
# The owner of a mailbox that bounces every message gets a notice once a day, as each message is
# accepted first, which would end the silence.
NOTICE_INTERVAL = timedelta(days=1)


class BounceResult(StrEnum):
    """The result of handling a mail, as the command prints it."""

    NO_BOUNCE = "is no bounce"
    UNKNOWN = "is of no message of this FOAM, or without the tag of its Message-ID"
    DELETED = "is of a message that is not there any more"
    ENDED = "is of a message that has not been sent, or has bounced before"
    NOTED = "tells of a delay, which is noted"
    RECORDED = "is recorded: the message did not arrive"
    DISABLED = "is recorded, and has disabled the channel of its unknown recipient"


def handle(octets: bytes, now: datetime) -> BounceResult:
    """Record the bounce in a mail, if it is one of a message that FOAM has sent."""
    bounce = delivery_status.read(octets)
    if bounce is None:
        return BounceResult.NO_BOUNCE
    ids = message_ids.find_signed(bounce.text)
    if len(ids) != 1:
        return BounceResult.UNKNOWN
    delivery = Delivery.objects.with_message_id(ids[0]).first()
    if delivery is None:
        return BounceResult.DELETED
    with transaction.atomic():
        return _record(bounce, delivery, now)


def _record(bounce: delivery_status.Bounce, delivery: Delivery, now: datetime) -> BounceResult:
    losses.lock_channels([delivery.channel_id])
    delivery = Delivery.objects.select_for_update(no_key=True).get(pk=delivery.pk)
    channel = Channel.objects.get(pk=delivery.channel_id)
    if delivery.status != Delivery.Status.SENT or channel.kind != Channel.Kind.EMAIL:
        return BounceResult.ENDED
    # Erased meanwhile: the server's reply may contain the recipient.
    detail = bounce.detail if delivery.title else ""
    if not bounce.is_failure:
        return _note_delay(delivery, f"{bounce.action}: {detail}")
    Delivery.objects.filter(pk=delivery.pk).update(
        status=Delivery.Status.DEAD, reason=f"{PREFIX}{detail}", finished_at=now
    )
    store.add(Counter([store.BOUNCES.series(fault=bounce.fault.value)]))
    if not _has_same_address(channel, delivery):
        return BounceResult.RECORDED
    is_unknown = bounce.fault is Fault.RECEIVER
    _limit_notices(channel, now)
    loss = DeliveryLoss(delivery.pk, delivery.attempt, channel.pk, is_unknown, is_unknown, detail)
    losses.count_losses([loss], now)
    if is_unknown and _disable(channel, detail, now):
        return BounceResult.DISABLED
    return BounceResult.RECORDED


def _note_delay(delivery: Delivery, text: str) -> BounceResult:
    """Add a server's report of a delay to the attempt."""
    attempt = Attempt.objects.filter(delivery=delivery, number=delivery.attempt).first()
    if attempt and text not in attempt.detail:
        detail = f"{attempt.detail}; {text}"[: losses.DETAIL_LENGTH]
        Attempt.objects.filter(pk=attempt.pk).update(detail=detail)
    return BounceResult.NOTED


def _has_same_address(channel: Channel, delivery: Delivery) -> bool:
    """Tell whether a channel still has the address to which a delivery was sent."""
    since = channel.verified_at
    return channel.deleted_at is None and since is not None and since <= delivery.created_at


def _limit_notices(channel: Channel, now: datetime) -> None:
    """Suppress the notice about a loss if one was posted within `NOTICE_INTERVAL`."""
    lately = Delivery.objects.filter(
        reference__startswith=f"{LOST}{channel.pk}:", created_at__gt=now - NOTICE_INTERVAL
    )
    if lately.exists():
        Channel.objects.filter(pk=channel.pk, lost_at=None).update(lost_at=now)


def _disable(channel: Channel, detail: str, now: datetime) -> bool:
    """Disable a channel, unless several addresses have had the same reply within minutes.

    In that case the server is at fault: channels disabled for this reply are enabled again.
    """
    reply = losses.kind_of_reply(detail)
    if not losses.is_widespread(reply, now):
        channel.disable(f"{PREFIX}{detail}", now)
        return True
    since = now - losses.WIDESPREAD_WITHIN
    rejected = Channel.objects.filter(rejection=reply, rejected_at__gt=since)
    for similar in rejected.filter(disabled_at__gt=since, disabled_reason__startswith=PREFIX):
        rejected_at = similar.rejected_at
        similar.enable()
        # `enable` clears the rejection, which must go on to count as widespread.
        Channel.objects.filter(pk=similar.pk).update(rejection=reply, rejected_at=rejected_at)
    return False
