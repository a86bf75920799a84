"""Retry of dead deliveries in bulk, chosen by the time and the reason of their end."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from notifications.models import Channel, Delivery
from notifications.models.delivery import DeliveryQuerySet
from notifications.notices import SILENT
from notifications.outbox.queue import wake_workers

# A delivery ends within this time after its creation: backoff, pauses and digests included.
LONGEST_LIFE = timedelta(days=60)
# Deliveries updated in one transaction.
RETRY_BATCH_SIZE = 5000


class RetryFilter(NamedTuple):
    """Selects deliveries that died from `since` to `until`, excluded; "" for no other limit."""

    since: datetime
    until: datetime
    reason: str = ""
    kind: str = ""
    due_since: datetime | None = None


class DeadCount(NamedTuple):
    usable: int
    unusable: int

    @property
    def unusable_text(self) -> str:
        """Return the sentence about deliveries that stay dead; empty if there are none."""
        if not self.unusable:
            return ""
        reason = (
            "their channels are deleted, disabled or not verified, or their owners switched off"
        )
        return f"Left as they are: {self.unusable}, as {reason}."


def count(choice: RetryFilter) -> DeadCount:
    """Count the chosen deliveries, by whether they can be queued again."""
    dead = _dead(choice)
    usable = dead.filter(channel__in=_usable()).count()
    return DeadCount(usable, dead.count() - usable)


def retry(choice: RetryFilter, now: datetime) -> int:
    """Queue the chosen deliveries again with all their attempts; return how many."""
    total = 0
    while True:
        with transaction.atomic():
            rows = _dead(choice).filter(channel__in=_usable()).order_by("pk")
            locked = rows.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True)
            queued = Delivery.objects.filter(pk__in=list(locked[:RETRY_BATCH_SIZE])).revive(now)
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


def _dead(choice: RetryFilter) -> DeliveryQuerySet:
    rows = Delivery.objects.exclude_system().filter(
        status=Delivery.Status.DEAD,
        finished_at__gte=choice.since,
        finished_at__lt=choice.until,
        # The index on created_at limits the scan to these days.
        created_at__gte=choice.since - LONGEST_LIFE,
        created_at__lt=choice.until,
    )
    # FOAM's own messages (codes, tests and notices) are of no use later.
    rows = rows.exclude(reference__regex="^(" + "|".join(SILENT) + ")")
    if choice.reason:
        rows = rows.filter(reason__icontains=choice.reason)
    if choice.kind:
        rows = rows.filter(channel__kind=choice.kind)
    if choice.due_since is not None:
        rows = rows.filter(due_at__gte=choice.due_since)
    return rows
