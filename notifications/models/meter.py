"""Metrics in the database, to which every process adds."""

from django.db import models


class Meter(models.Model):
    """A part of a metric: the rows of a series add up. See `notifications.metrics.store`."""

    series = models.TextField()
    value = models.FloatField()

    def __str__(self) -> str:
        return f"{self.series} {self.value:g}"
