"""Dead deliveries that are queued again together: what died within a time, for a reason."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from notifications.models import Channel, Delivery
from notifications.models.delivery import DeliveryQuerySet
from notifications.notices import SILENT
from notifications.outbox.queue import wake_workers

# A delivery can have been made so long before it died: the ladder, pauses and digests before it.
LONGEST_LIFE = timedelta(days=60)
# So many are updated in one transaction.
CHUNK = 5000


class Choice(NamedTuple):
    """Deliveries that died from `since` until before `until`, and further limits; "" for none."""

    since: datetime
    until: datetime
    reason: str = ""
    kind: str = ""
    due_since: datetime | None = None


class Count(NamedTuple):
    usable: int
    unusable: int

    @property
    def left(self) -> str:
        """Say how many stay dead; empty when none does."""
        if not self.unusable:
            return ""
        why = "their channels are deleted, disabled or not verified, or their owners switched off"
        return f"Left as they are: {self.unusable}, as {why}."


def count(choice: Choice) -> Count:
    """Return how many of the chosen deliveries can be queued again, and how many cannot."""
    dead = _dead(choice)
    usable = dead.filter(channel__in=_usable()).count()
    return Count(usable, dead.count() - usable)


def retry(choice: Choice, now: datetime) -> int:
    """Queue the chosen deliveries again, each with a whole new ladder; return how many."""
    total = 0
    while True:
        with transaction.atomic():
            rows = _dead(choice).filter(channel__in=_usable()).order_by("pk")
            locked = rows.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True)
            queued = Delivery.objects.filter(pk__in=list(locked[:CHUNK])).revive(now)
        if not queued:
            break
        total += queued
    if total:
        wake_workers()
    return total


def _usable() -> QuerySet[Channel]:
    return Channel.objects.verified().filter(
        deleted_at=None, disabled_at=None, owner__is_active=True
    )


def _dead(choice: Choice) -> DeliveryQuerySet:
    rows = Delivery.objects.of_users().filter(
        status=Delivery.Status.DEAD,
        finished_at__gte=choice.since,
        finished_at__lt=choice.until,
        # By the index of the period: only these days are read.
        created_at__gte=choice.since - LONGEST_LIFE,
        created_at__lt=choice.until,
    )
    # What FOAM says for itself is of no use later: codes, tests and notices.
    rows = rows.exclude(reference__regex="^(" + "|".join(SILENT) + ")")
    if choice.reason:
        rows = rows.filter(reason__icontains=choice.reason)
    if choice.kind:
        rows = rows.filter(channel__kind=choice.kind)
    if choice.due_since is not None:
        rows = rows.filter(due_at__gte=choice.due_since)
    return rows
