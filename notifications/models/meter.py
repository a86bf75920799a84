"""Counters for operators, to which every process adds."""

from django.db import models

from notifications.models.flood import Flood  # noqa: F401  Django finds models here


class Meter(models.Model):
    """What is counted for operators: see `meter`. Several rows of one series add up."""

    series = models.TextField()
    value = models.FloatField()

    def __str__(self) -> str:
        return f"{self.series} {self.value:g}"
