"""The tally: deliveries as counted by the database, for the ledger to compare."""

from django.db import models
from django.db.models import Q


class DeliveryTally(models.Model):
    """The deliveries posted on a UTC day, and those pruned later, by status and reason.

    A trigger appends the number of rows of each INSERT, and retention the number that it deletes.
    The ledger misses rows that disappear in any other way. The rows of one day add up.
    """

    day = models.DateField()
    status = models.CharField(max_length=16)
    # Why pruned deliveries ended, up to the colon, so that there are few reasons.
    reason = models.CharField(max_length=100, blank=True)
    recorded = models.PositiveIntegerField(default=0)
    pruned = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "notifications_tally"
        verbose_name = "tally"
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
