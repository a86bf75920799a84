"""Deliveries: one message on its way to one channel."""

import re
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any, ClassVar, Self

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from accounts.models import SYSTEM_USER_ID
from notifications.retry import MAX_ATTEMPTS

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
MICROSECOND = timedelta(microseconds=1)
# Matches the ids that `message_id` makes, alone or in the Message-ID of an e-mail, with its tag.
MESSAGE_ID = re.compile(r"<?foam_([0-9]{1,18})_([0-9a-f]{1,14})(?:\.[0-9a-f]+@[^\s@>]+)?>?")


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def exclude_system(self) -> Self:
        """Exclude the canary's deliveries."""
        return self.exclude(channel=SYSTEM_USER_ID)

    def owned_by(self, user: Any) -> Self:
        return self.filter(channel__owner=user)

    def of(self, *causes: str) -> Self:
        """Return the deliveries of causes and of what followed them (`explain.causes`)."""
        following = (Q(reference__gt=f"{cause}:", reference__lt=f"{cause};") for cause in causes)
        return self.filter(reduce(or_, following, Q(reference__in=causes)))

    def with_message_id(self, message_id: str) -> Self:
        """Return the delivery with this id, as its receiver sees it, if there is one."""
        match = MESSAGE_ID.fullmatch(message_id.strip())
        if match is None:
            return self.none()
        created_at = EPOCH + timedelta(microseconds=int(match[2], 16))
        return self.filter(pk=int(match[1]), created_at=created_at)

    def due(self, now: datetime) -> Self:
        """Return the deliveries whose time has come and that no worker has leased."""
        return self.filter(
            Q(leased_until=None) | Q(leased_until__lte=now), next_attempt_at__lte=now
        )

    def unfinished(self) -> Self:
        return self.filter(status__in=[Delivery.Status.QUEUED, Delivery.Status.SENDING])

    def cancel(self, reason: str, now: datetime) -> int:
        """Cancel unfinished deliveries; a message being sent may still end as `sent`."""
        return self.unfinished().update(
            status=Delivery.Status.CANCELLED,
            reason=reason,
            next_attempt_at=None,
            leased_until=None,
            finished_at=now,
        )

    def revive(self, now: datetime) -> int:
        """Queue dead deliveries again, with all their attempts; return how many."""
        return self.filter(status=Delivery.Status.DEAD).update(
            status=Delivery.Status.QUEUED,
            reason="",
            finished_at=None,
            next_attempt_at=now,
            max_attempts=F("attempt") + MAX_ATTEMPTS,
        )


class Delivery(models.Model):
    """One message on its way to one channel, with a snapshot of its text.

    `reference` names its cause and is opaque here. `attempt` counts the attempts begun and
    guards the outcome: only the worker that holds attempt n records attempt n.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"  # waits for next_attempt_at
        SENDING = "sending"  # leased until leased_until; after that its worker counts as dead
        SENT = "sent"  # the receiver accepted it
        DEAD = "dead"  # given up for `reason`; can be retried by hand
        CANCELLED = "cancelled"  # not sent for `reason`
        COLLECTED = "collected"  # went out as a part of `digest`

    class Held(models.TextChoices):
        QUIET = "quiet"  # waits, or waited, for the end of its owner's quiet hours
        DIGEST = "digest"  # waits for the end of a window, to be collected; no worker leases it
        FLOOD = "flood"  # the same, as it is over the hourly limit
        ALONE = "alone"  # was the only message in its window, and went out as itself
        PAUSED = "paused"  # waits, or waited, for the end of its channel's pause

    # No worker sends a delivery held by these: a digest collects it.
    TO_COLLECT: ClassVar = [Held.DIGEST, Held.FLOOD]
    # The holds that a retry by hand does not end, with the sentence for the owner.
    WAITS_FOR: ClassVar[dict[str, str]] = {
        Held.QUIET: "it waits for the end of quiet hours",
        Held.DIGEST: "it waits for its digest",
        Held.FLOOD: "it waits for its digest",
    }

    # No foreign key in the database and no index of its own (the list's index below serves): they
    # would make up a third of a delivery's cost.
    channel = models.ForeignKey(
        "notifications.Channel",
        models.PROTECT,
        related_name="deliveries",
        db_constraint=False,
        db_index=False,
    )
    # Byte order, as a comparison by the rules of a language costs ten times as much.
    reference = models.CharField(max_length=100, db_collation="C")
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    due_at = models.DateTimeField()
    data = models.JSONField(default=dict)
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=MAX_ATTEMPTS)
    next_attempt_at = models.DateTimeField(null=True)
    # In no index, so that a lease updates no index (PostgreSQL's heap-only tuples).
    leased_until = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    # Not held by quiet hours, digests and the flood guard.
    urgent = models.BooleanField(default=False, db_default=False)
    # The rule that holds its first attempt, or held it.
    held = models.CharField(max_length=8, choices=Held, null=True)  # noqa: DJ001
    digest = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        related_name="parts",
        db_constraint=False,
        db_index=False,
    )

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            # The reference comes first, so that the index finds all deliveries of one cause.
            models.UniqueConstraint(
                fields=["reference", "channel"], name="notifications_delivery_once_per_cause"
            ),
            models.CheckConstraint(
                condition=Q(
                    status="queued",
                    next_attempt_at__isnull=False,
                    leased_until__isnull=True,
                    finished_at__isnull=True,
                )
                | Q(
                    status="sending",
                    next_attempt_at__isnull=False,
                    leased_until__isnull=False,
                    finished_at__isnull=True,
                )
                | Q(
                    status__in=["sent", "dead", "cancelled", "collected"],
                    next_attempt_at__isnull=True,
                    leased_until__isnull=True,
                    finished_at__isnull=False,
                ),
                name="notifications_delivery_finished_or_scheduled",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["dead", "cancelled"], reason=""),
                name="notifications_delivery_end_has_reason",
            ),
            models.CheckConstraint(
                condition=Q(held=None)
                | Q(held__in=["quiet", "digest", "flood", "alone", "paused"]),
                name="notifications_delivery_held_known",
            ),
            models.CheckConstraint(
                condition=Q(digest=None) & ~Q(status="collected")
                | Q(digest__isnull=False, status="collected", held__in=["digest", "flood"]),
                name="notifications_delivery_collected_in_digest",
            ),
        ]
        indexes = [
            # lease.OLDEST: due deliveries, oldest first. Finished rows, nearly all, are not in it.
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="notifications_delivery_due",
            ),
            # The API's list: newest first within an owner's channels.
            models.Index(fields=["channel", "-id"], name="notifications_delivery_list"),
            # The same for the few dead and cancelled ones, whose newest may be old.
            models.Index(
                fields=["channel", "-id"],
                condition=Q(status__in=["dead", "cancelled"]),
                name="notifications_delivery_bad_end",
            ),
            # lease.OF_CHANNELS: the other channels, while one channel has a long backlog.
            models.Index(
                fields=["channel", "next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="notifications_delivery_fair",
            ),
            # digest.WINDOWS: the messages to collect, oldest window first; nearly always empty.
            models.Index(
                fields=["next_attempt_at", "channel"],
                condition=Q(held__in=["digest", "flood"], next_attempt_at__isnull=False),
                name="notifications_delivery_window",
            ),
            # The messages of a digest.
            models.Index(
                fields=["digest"],
                condition=Q(digest__isnull=False),
                name="notifications_delivery_digest",
            ),
            # The ledger and retention, by period. BRIN costs nothing, as rows come in time order.
            BrinIndex(fields=["created_at"], name="notifications_delivery_period"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} → {self.channel_id}"

    @property
    def message_id(self) -> str:
        return message_id(self.pk, self.created_at)

    def retry_refusal(self, now: datetime) -> str:
        """Return the reason why this cannot be retried at once; empty if it can."""
        if self.status not in {self.Status.DEAD, self.Status.QUEUED}:
            return f"only dead and waiting deliveries can be tried, and this one is {self.status}"
        if reason := self.channel.unused_reason:
            return reason
        if self.status == self.Status.DEAD:
            return ""
        if self.channel.is_paused(now):
            return "its channel is paused"
        if self.held in self.WAITS_FOR:
            return self.WAITS_FOR[self.held]
        is_due = self.next_attempt_at is not None and self.next_attempt_at <= now
        return "this one is queued and due: a worker takes it next" if is_due else ""


def message_id(delivery_id: int, created_at: datetime) -> str:
    """Return the id that the receiver sees: the same at each attempt, and never used twice.

    It contains the time, as a newly created database counts its rows from 1 again.
    """
    return f"foam_{delivery_id}_{(created_at - EPOCH) // MICROSECOND:x}"
