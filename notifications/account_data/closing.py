"""Account closing: ends a user's channels and erases their messages."""

from datetime import datetime

from django.db.models import Q

from accounts.account_data.closing import erase_log
from accounts.models import User
from notifications.models import (
    Attempt,
    Channel,
    ChannelChange,
    Delivery,
    InboxMessage,
    Verification,
)

CLOSED = "Account closed."
ERASED = "Erased, as the account was closed."
NAMELESS = "Erased"


def hold_channels(user: User, now: datetime) -> None:
    """Lock a user's channels and cancel their queue, so that no worker posts a digest meanwhile.

    Workers skip the deliveries cancelled here even before the commit, as their rows are locked.
    """
    channels = Channel.objects.filter(owner=user).order_by("pk").select_for_update(no_key=True)
    ids = list(channels.values_list("pk", flat=True))
    Delivery.objects.filter(channel__in=ids, next_attempt_at__isnull=False).cancel(CLOSED, now)


def close_channels(user: User, now: datetime) -> None:
    """Delete a user's channels; erase their messages, of which only number and end remain."""
    channels = Channel.objects.filter(owner=user)
    for channel in channels.filter(deleted_at=None).order_by("pk"):
        channel.close(now)
    ids = list(channels.values_list("pk", flat=True))
    deliveries = Delivery.objects.filter(channel__in=ids)
    deliveries.cancel(CLOSED, now)
    # An erased message has no title.
    readable = deliveries.exclude(title="")
    Attempt.objects.filter(delivery__in=readable).exclude(detail="").update(detail="")
    # The receiver's answer follows a colon.
    readable.filter(Q(status="dead") | Q(reason__contains=":")).update(reason=ERASED)
    erase_log(Delivery, readable.values_list("pk", flat=True))
    readable.update(title="", body="", data={})
    InboxMessage.objects.filter(channel__in=ids).delete()
    Verification.objects.filter(channel__in=ids).delete()
    changes = ChannelChange.objects.filter(channel__in=ids)
    changes.exclude(detail="", diff__isnull=True).update(detail="", diff=None)
    channels.exclude(name=NAMELESS).update(name=NAMELESS, disabled_reason="", rejection="")
    erase_log(Channel, ids)
