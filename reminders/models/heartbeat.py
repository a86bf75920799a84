"""Heartbeats of the tick."""

from django.db import models


class Heartbeat(models.Model):
    """The last sign of life of a part of FOAM; `tick` is the end of the last tick."""

    name = models.CharField(max_length=32, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
