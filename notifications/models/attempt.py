"""Attempts at a delivery."""

from typing import Self

from django.db import models

from accounts.models import SYSTEM_USER_ID
from notifications.models.delivery import Delivery


class AttemptQuerySet(models.QuerySet["Attempt"]):
    def exclude_system(self) -> Self:
        """Exclude the attempts at the canary's deliveries."""
        return self.exclude(delivery__channel=SYSTEM_USER_ID)


class Attempt(models.Model):
    """One attempt at a delivery."""

    class Outcome(models.TextChoices):
        SENT = "sent"  # the receiver accepted it
        TRANSIENT = "transient"  # failed, may work later
        PERMANENT = "permanent"  # failed, will never work
        UNCERTAIN = "uncertain"  # the outcome is not known: it may have arrived

    delivery = models.ForeignKey(
        Delivery, models.CASCADE, related_name="attempts", db_constraint=False, db_index=False
    )
    number = models.PositiveSmallIntegerField()
    outcome = models.CharField(max_length=16, choices=Outcome)
    detail = models.TextField(blank=True)
    latency = models.DurationField(null=True)
    ended_at = models.DateTimeField()

    objects = AttemptQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                fields=["delivery", "number"], name="notifications_attempt_once"
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number}: {self.outcome}"
