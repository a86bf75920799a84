"""What of an account that is closed is here: its channels end, and what was said is erased."""

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
    """Cancel what waits, and let nobody make a digest or fill an inbox until all is done.

    Workers pass by what is cancelled here although it is not committed yet.
    """
    held = Channel.objects.filter(owner=user).order_by("pk").select_for_update(no_key=True)
    ids = list(held.values_list("pk", flat=True))
    Delivery.objects.filter(channel__in=ids, next_attempt_at__isnull=False).cancel(CLOSED, now)


def close_channels(user: User, now: datetime) -> None:
    """Send nothing more, and keep of each message only that there was one and how it ended."""
    channels = Channel.objects.filter(owner=user)
    for channel in channels.filter(deleted_at=None).order_by("pk"):
        channel.close(now)
    ids = list(channels.values_list("pk", flat=True))
    said = Delivery.objects.filter(channel__in=ids)
    said.cancel(CLOSED, now)
    # A message that has been erased has no title.
    told = said.exclude(title="")
    Attempt.objects.filter(delivery__in=told).exclude(detail="").update(detail="")
    # What follows a colon is what a receiver answered.
    told.filter(Q(status="dead") | Q(reason__contains=":")).update(reason=ERASED)
    erase_log(Delivery, told.values_list("pk", flat=True))
    told.update(title="", body="", data={})
    InboxMessage.objects.filter(channel__in=ids).delete()
    Verification.objects.filter(channel__in=ids).delete()
    done = ChannelChange.objects.filter(channel__in=ids)
    done.exclude(detail="", diff__isnull=True).update(detail="", diff=None)
    channels.exclude(name=NAMELESS).update(name=NAMELESS, disabled_reason="", rejection="")
    erase_log(Channel, ids)
