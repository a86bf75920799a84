"""What the database has counted of occurrences: the other side of the ledger."""

from django.db import models
from django.db.models import Q


class Tally(models.Model):
    """How many occurrences were recorded and pruned, by the UTC day of their `recorded_at`.

    A trigger appends what each INSERT brought, whoever made it, and prune what it removed: rows
    that disappear in any other way are missed. Several rows of one day add up.
    """

    day = models.DateField()
    status = models.CharField(max_length=16)
    # Why it was missed or skipped; empty for what fired.
    reason = models.CharField(max_length=100, blank=True)
    recorded = models.PositiveIntegerField(default=0)
    pruned = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "tallies"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["fired", "skipped", "missed"]),
                name="reminders_tally_status_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.status}: {self.recorded} recorded, {self.pruned} pruned"
