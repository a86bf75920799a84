"""The queue of deliveries: its length and age, retries by hand, and the call that wakes workers."""

import logging
from collections.abc import Sequence
from datetime import datetime

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError as BrokerError

from notifications.metrics import store
from notifications.models import Delivery

log = logging.getLogger(__name__)


def has_due(now: datetime) -> bool:
    return Delivery.objects.due(now).exists()


def count_due(now: datetime, limit: int) -> int:
    """Return how many deliveries wait for a worker, up to `limit`."""
    due = Delivery.objects.due(now).exclude(held__in=Delivery.TO_COLLECT)
    return due.order_by("next_attempt_at")[:limit].count()


def due_since(now: datetime) -> datetime | None:
    """Return when the oldest delivery that is due and not leased became due."""
    due = Delivery.objects.due(now).order_by("next_attempt_at")
    return due.values_list("next_attempt_at", flat=True).first()


@transaction.atomic
def retry_now(ids: Sequence[int], now: datetime) -> dict[int, str]:
    """Make dead and waiting deliveries due; return by id the reason why another was not.

    A dead one gets all its attempts again, a waiting one its next attempt before its time. The
    rows are locked, so a delivery that a worker leases meanwhile stays with that worker. Workers
    are woken at commit.
    """
    rows = Delivery.objects.filter(pk__in=ids).order_by("pk").select_related("channel__owner")
    rows = rows.defer("channel__secret", "channel__previous_secret")
    locked = rows.select_for_update(of=("self",))
    reasons = {delivery.pk: delivery.retry_refusal(now) for delivery in locked}
    ready = Delivery.objects.filter(pk__in=[pk for pk, reason in reasons.items() if not reason])
    ready.revive(now)
    ready.filter(next_attempt_at__gt=now).update(next_attempt_at=now)
    transaction.on_commit(wake_workers, robust=True)
    return {pk: reason for pk, reason in reasons.items() if reason}


def wake_workers() -> None:
    """Queue a `deliver` task. Losing or doubling it does no harm: each tick queues one, too."""
    try:
        current_app.send_task("notifications.tasks.deliver", expires=60)
    except BrokerError as error:
        store.error("wake")
        log.warning("could not wake the deliverers: %s", error)
