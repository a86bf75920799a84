"""Heartbeats: when the tick last did what."""

from django.db import models


class Heartbeat(models.Model):
    """When a part of FOAM last showed that it lives; `tick` is the universal task."""

    name = models.CharField(max_length=32, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
