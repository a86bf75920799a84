from celery import shared_task
from django.utils import timezone

from notifications import outbox
from notifications.lease import LEASE

# The limit is for one that hangs: a round leases for its BUDGET, and then ends within a LEASE.
LIMIT = int((outbox.BUDGET + LEASE).total_seconds()) + 60


@shared_task(time_limit=LIMIT)
def deliver() -> None:
    outbox.deliver_due(timezone.now())
