"""Reminders one after the other, however many, without holding more than a few."""

from collections.abc import Iterator

from django.db.models import QuerySet

from reminders.models import Reminder

CHUNK = 500


def stream(reminders: QuerySet[Reminder]) -> Iterator[Reminder]:
    """Yield them in the order in which they were made, by chunk and with their owners.

    Each chunk is a query of its own: no transaction is open while a slow reader reads, and nobody
    waits for one. What is made or deleted meanwhile may or may not be there.
    """
    ordered = reminders.select_related("owner").order_by("pk")
    last = -1
    while some := list(ordered.filter(pk__gt=last)[:CHUNK]):
        yield from some
        last = some[-1].pk
