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
from notifications.models.flood import Flood  # noqa: F401  Django finds models here
from notifications.retry import MAX_ATTEMPTS

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
MICROSECOND = timedelta(microseconds=1)
# As `message_id` makes it, of ids and times that fit into theirs.
# Of an e-mail it stands in its Message-ID, with a tag behind it.
MESSAGE_ID = re.compile(r"<?foam_([0-9]{1,18})_([0-9a-f]{1,14})(?:\.[0-9a-f]+@[^\s@>]+)?>?")


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def exclude_system(self) -> Self:
        """All but the canary's."""
        return self.exclude(channel=SYSTEM_USER_ID)

    def owned_by(self, user: Any) -> Self:
        return self.filter(channel__owner=user)

    def of(self, *causes: str) -> Self:
        """Those of some causes, and of what followed from them: see `causes`."""
        later = (Q(reference__gt=f"{each}:", reference__lt=f"{each};") for each in causes)
        return self.filter(reduce(or_, later, Q(reference__in=causes)))

    def with_message_id(self, message_id: str) -> Self:
        """The one that a receiver has seen under this id, if any."""
        found = MESSAGE_ID.fullmatch(message_id.strip())
        if found is None:
            return self.none()
        created_at = EPOCH + timedelta(microseconds=int(found[2], 16))
        return self.filter(pk=int(found[1]), created_at=created_at)

    def due(self, now: datetime) -> Self:
        """Those to be taken: their time has come, and no worker holds a lease on them."""
        return self.filter(
            Q(leased_until=None) | Q(leased_until__lte=now), next_attempt_at__lte=now
        )

    def unfinished(self) -> Self:
        return self.filter(status__in=[Delivery.Status.QUEUED, Delivery.Status.SENDING])

    def cancel(self, reason: str, now: datetime) -> int:
        """End those that have not ended; one that is just being sent may still turn out `sent`."""
        return self.unfinished().update(
            status=Delivery.Status.CANCELLED,
            reason=reason,
            next_attempt_at=None,
            leased_until=None,
            finished_at=now,
        )

    def revive(self, now: datetime) -> int:
        """Queue the dead ones again, with a whole new ladder; return how many."""
        return self.filter(status=Delivery.Status.DEAD).update(
            status=Delivery.Status.QUEUED,
            reason="",
            finished_at=None,
            next_attempt_at=now,
            max_attempts=F("attempt") + MAX_ATTEMPTS,
        )


class Delivery(models.Model):
    """One message on its way to one channel, with a snapshot of what is to be said.

    `reference` names what caused it and is opaque here. `attempt` counts the tries begun and
    guards the outcome: only the worker that holds attempt n records attempt n.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"  # waits for next_attempt_at
        SENDING = "sending"  # leased until leased_until; then its worker is taken for dead
        SENT = "sent"  # the receiver accepted it
        DEAD = "dead"  # given up; `reason` says why; can be retried by hand
        CANCELLED = "cancelled"  # no longer wanted; `reason` says why
        COLLECTED = "collected"  # went out as a part of `digest`

    class Held(models.TextChoices):
        QUIET = "quiet"  # waits, or waited, for the end of its owner's quiet hours
        DIGEST = "digest"  # waits for the end of a window, to be collected; no worker leases it
        FLOOD = "flood"  # likewise, as one of too many within an hour
        ALONE = "alone"  # waited like these, had no company, and went out as itself
        PAUSED = "paused"  # waits, or waited, for the end of its channel's pause

    # What is to be collected before anything is sent.
    TO_COLLECT: ClassVar = [Held.DIGEST, Held.FLOOD]
    # Of a queued one, what keeps it from being tried at once.
    WAITS_FOR: ClassVar[dict[str, str]] = {
        Held.QUIET: "it waits for the end of quiet hours",
        Held.DIGEST: "it waits for its digest",
        Held.FLOOD: "it waits for its digest",
    }

    # Without a foreign key in the database, nor an index of its own (the list's below serves): to
    # check and to keep these is a third of what a delivery costs.
    channel = models.ForeignKey(
        "notifications.Channel",
        models.PROTECT,
        related_name="deliveries",
        db_constraint=False,
        db_index=False,
    )
    # Compared byte by byte: in the order of a language each comparison costs ten times as much.
    reference = models.CharField(max_length=100, db_collation="C")
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    due_at = models.DateTimeField()
    data = models.JSONField(default=dict)
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=MAX_ATTEMPTS)
    next_attempt_at = models.DateTimeField(null=True)
    # In no index, so that taking a lease rewrites none (PostgreSQL's heap-only tuples).
    leased_until = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    # Neither quiet hours nor a digest nor the flood guard holds it.
    urgent = models.BooleanField(default=False, db_default=False)
    # Why its first attempt waits, or waited.
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
            # The reference first, so that all that one cause has brought about is found by it.
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
            # lease.OLDEST: the due ones, oldest first. Finished rows, nearly all, are not in it.
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="notifications_delivery_due",
            ),
            # The API's list: newest first within an owner's channels.
            models.Index(fields=["channel", "-id"], name="notifications_delivery_list"),
            # The same for the few that ended badly, whose newest may lie far back.
            models.Index(
                fields=["channel", "-id"],
                condition=Q(status__in=["dead", "cancelled"]),
                name="notifications_delivery_bad_end",
            ),
            # lease.OF_CHANNELS, where one has so much due that the others must be looked for.
            models.Index(
                fields=["channel", "next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="notifications_delivery_fair",
            ),
            # digest.WINDOWS: nothing, as a rule; then those to be collected, oldest window first.
            models.Index(
                fields=["next_attempt_at", "channel"],
                condition=Q(held__in=["digest", "flood"], next_attempt_at__isnull=False),
                name="notifications_delivery_window",
            ),
            # What a digest has collected.
            models.Index(
                fields=["digest"],
                condition=Q(digest__isnull=False),
                name="notifications_delivery_digest",
            ),
            # The ledger and prune, by period. Rows come in the order of time: this costs nothing.
            BrinIndex(fields=["created_at"], name="notifications_delivery_period"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} → {self.channel_id}"

    @property
    def message_id(self) -> str:
        return message_id(self.pk, self.created_at)

    def why_not_retried(self, now: datetime) -> str:
        """Say why this cannot be tried at once; empty for a dead or waiting one that can."""
        if self.status not in {self.Status.DEAD, self.Status.QUEUED}:
            return f"only dead and waiting deliveries can be tried, and this one is {self.status}"
        if why := self.channel.why_unused:
            return why
        if self.status == self.Status.DEAD:
            return ""
        if self.channel.is_paused(now):
            return "its channel is paused"
        if self.held in self.WAITS_FOR:
            return self.WAITS_FOR[self.held]
        is_due = self.next_attempt_at is not None and self.next_attempt_at <= now
        return "this one is queued and due: a worker takes it next" if is_due else ""


def message_id(delivery_id: int, created_at: datetime) -> str:
    """Return the id that a receiver sees, the same at each attempt and never used twice.

    The time is in it because a database that is set up anew counts its rows from 1 again.
    """
    return f"foam_{delivery_id}_{(created_at - EPOCH) // MICROSECOND:x}"
