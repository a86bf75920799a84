"""Reads the attempts at deliveries in the statement that reads the deliveries."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Extract

from accounts.models.queries import with_related
from notifications.models.attempt import Attempt
from notifications.models.delivery import Delivery


def with_attempts(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Add `attempt_rows` to each delivery, for `attempts_of`."""
    return with_related(
        deliveries,
        "attempt_rows",
        Attempt.objects.order_by("number"),
        "delivery",
        number="number",
        outcome="outcome",
        detail="detail",
        seconds=Extract("latency", "epoch"),
        ended_at="ended_at",
    )


def attempts_of(delivery: Any) -> list[Attempt]:
    """Return the attempts at a delivery read by `with_attempts`."""
    return [_attempt(delivery, **row) for row in delivery.attempt_rows]


def _attempt(
    delivery: Delivery, *, seconds: float | None, ended_at: str, **columns: Any
) -> Attempt:
    return Attempt(
        delivery=delivery,
        latency=None if seconds is None else timedelta(seconds=seconds),
        ended_at=datetime.fromisoformat(ended_at),
        **columns,
    )
