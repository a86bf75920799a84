"""Tallies: the numbers of occurrences that triggers have counted, to check the ledger against."""

from django.db import models
from django.db.models import Q


class OccurrenceTally(models.Model):
    """Numbers of occurrences recorded and pruned, by the UTC day of their `recorded_at`.

    A trigger adds a row for each INSERT, and pruning adds one for each batch. So the ledger notices
    occurrences that disappear in any other way. Several rows of one day add up.
    """

    day = models.DateField()
    status = models.CharField(max_length=16)
    # The reason for missed and skipped occurrences; empty for fired ones.
    reason = models.CharField(max_length=100, blank=True)
    recorded = models.PositiveIntegerField(default=0)
    pruned = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "reminders_tally"
        verbose_name = "tally"
        verbose_name_plural = "tallies"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["fired", "skipped", "missed"]),
                name="reminders_tally_status_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.status}: {self.recorded} recorded, {self.pruned} pruned"
