"""The proof that a channel belongs to its owner."""

from django.db import models
from django.db.models import Q

# Kinds that lead only to the user, or nowhere.
NEEDS_NO_PROOF = ("inbox", "null")


class Verification(models.Model):
    """The last code sent to a channel, of which only the `nonce` is stored.

    A change of the channel's address deletes it.
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
