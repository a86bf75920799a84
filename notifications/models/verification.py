"""Proofs that a channel belongs to its owner."""

from django.db import models
from django.db.models import Q

from notifications.models.flood import Flood  # noqa: F401  Django finds models here


class Verification(models.Model):
    """The code that was sent to a channel last, of which only its `nonce` is kept.

    Who changes the channel's address begins anew.
    """

    MAX_TRIES = 5

    channel = models.OneToOneField("notifications.Channel", models.CASCADE, primary_key=True)
    nonce = models.CharField(max_length=32)
    expires_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(tries__lte=5), name="notifications_verification_few_tries"
            ),
        ]

    def __str__(self) -> str:
        return f"verification of {self.channel_id}"
