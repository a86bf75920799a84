"""Bounces: what a mail server says, after it took a message, of one that did not arrive.

The delivery was `sent`, and ends dead after all. One whose recipient is unknown disables its
channel; one that is delayed is noted with its attempt. Done again it changes nothing.
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
from notifications.outbox.losses import Loss
from notifications.transports import Fault

PREFIX = "Bounced: "
# A mailbox that bounces each message is told of once a day: the server in between accepts them.
TOLD_AGAIN_AFTER = timedelta(days=1)


class Result(StrEnum):
    """What a mail came to; the text is for the command."""

    NO_BOUNCE = "is no bounce"
    UNKNOWN = "is of no message of this FOAM, or without the tag of its Message-ID"
    GONE = "is of a message that is not there any more"
    ENDED = "is of a message that has not been sent, or has bounced before"
    NOTED = "tells of a delay, which is noted"
    RECORDED = "is recorded: the message did not arrive"
    DISABLED = "is recorded, and has disabled the channel of its unknown recipient"


def take(octets: bytes, now: datetime) -> Result:
    """Record what a mail tells of a message that FOAM has sent."""
    bounce = delivery_status.read(octets)
    if bounce is None:
        return Result.NO_BOUNCE
    ids = message_ids.find_signed(bounce.text)
    if len(ids) != 1:
        return Result.UNKNOWN
    delivery = Delivery.objects.with_message_id(ids[0]).first()
    if delivery is None:
        return Result.GONE
    with transaction.atomic():
        return _record(bounce, delivery, now)


def _record(bounce: delivery_status.Bounce, delivery: Delivery, now: datetime) -> Result:
    losses.lock([delivery.channel_id])
    delivery = Delivery.objects.select_for_update(no_key=True).get(pk=delivery.pk)
    channel = Channel.objects.get(pk=delivery.channel_id)
    if delivery.status != Delivery.Status.SENT or channel.kind != Channel.Kind.EMAIL:
        return Result.ENDED
    # Erased meanwhile: what the server says may tell to whom it went.
    detail = bounce.detail if delivery.title else ""
    if not bounce.is_failure:
        return _note(delivery, f"{bounce.action}: {detail}")
    Delivery.objects.filter(pk=delivery.pk).update(
        status=Delivery.Status.DEAD, reason=f"{PREFIX}{detail}", finished_at=now
    )
    store.add(Counter([store.BOUNCES.series(fault=bounce.fault.value)]))
    if not _is_of_this_address(channel, delivery):
        return Result.RECORDED
    is_unknown = bounce.fault is Fault.RECEIVER
    _tell_once_a_day(channel, now)
    loss = Loss(delivery.pk, delivery.attempt, channel.pk, is_unknown, is_unknown, detail)
    losses.settle([loss], now)
    if is_unknown and _disable(channel, detail, now):
        return Result.DISABLED
    return Result.RECORDED


def _note(delivery: Delivery, text: str) -> Result:
    """Add what a server says to the attempt that it accepted."""
    attempt = Attempt.objects.filter(delivery=delivery, number=delivery.attempt).first()
    if attempt and text not in attempt.detail:
        told = f"{attempt.detail}; {text}"[: losses.DETAIL_LENGTH]
        Attempt.objects.filter(pk=attempt.pk).update(detail=told)
    return Result.NOTED


def _is_of_this_address(channel: Channel, delivery: Delivery) -> bool:
    """Tell whether a channel leads where it led when a message was sent."""
    since = channel.verified_at
    return channel.deleted_at is None and since is not None and since <= delivery.created_at


def _tell_once_a_day(channel: Channel, now: datetime) -> None:
    lately = Delivery.objects.filter(
        reference__startswith=f"{LOST}{channel.pk}:", created_at__gt=now - TOLD_AGAIN_AFTER
    )
    if lately.exists():
        Channel.objects.filter(pk=channel.pk, lost_at=None).update(lost_at=now)


def _disable(channel: Channel, detail: str, now: datetime) -> bool:
    """Disable a channel, unless several addresses have bounced so within minutes.

    Then those are enabled again that were disabled for it: it was not about them.
    """
    reply = losses.kind_of_reply(detail)
    if not losses.is_widespread(reply, now):
        channel.disable(f"{PREFIX}{detail}", now)
        return True
    since = now - losses.TOGETHER
    same = Channel.objects.filter(rejection=reply, rejected_at__gt=since)
    for each in same.filter(disabled_at__gt=since, disabled_reason__startswith=PREFIX):
        at = each.rejected_at
        each.enable()
        # It goes on to count as one of several.
        Channel.objects.filter(pk=each.pk).update(rejection=reply, rejected_at=at)
    return False
