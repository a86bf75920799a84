"""What the database has counted of deliveries: the other side of the ledger."""

from django.db import models
from django.db.models import Q

from notifications.models.flood import Flood  # noqa: F401  Django finds models here


class Tally(models.Model):
    """How many deliveries were posted, and pruned by how they ended, by the UTC day they were made.

    A trigger appends what each INSERT brought, whoever made it, and prune what it removed: rows
    that disappear in any other way are missed. Several rows of one day add up.
    """

    day = models.DateField()
    status = models.CharField(max_length=16)
    # Of what was pruned, why it ended; without what follows a colon, so that there are few.
    reason = models.CharField(max_length=100, blank=True)
    recorded = models.PositiveIntegerField(default=0)
    pruned = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "tallies"
        constraints = [
            models.CheckConstraint(
                condition=Q(status="posted", pruned=0)
                | Q(status__in=["sent", "dead", "cancelled", "collected"], recorded=0),
                name="notifications_tally_status_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.status}: {self.recorded} recorded, {self.pruned} pruned"
