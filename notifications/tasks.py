from celery import shared_task
from django.utils import timezone

from notifications.outbox.lease import LEASE
from notifications.outbox.round import LONGEST_ROUND, deliver_due

# Celery kills a worker whose round hangs: a healthy round ends within a LEASE after LONGEST_ROUND.
# Other workers lease its deliveries when its leases have run out.
DELIVER_TIME_LIMIT = int((LONGEST_ROUND + LEASE).total_seconds()) + 60


@shared_task(time_limit=DELIVER_TIME_LIMIT)
def deliver() -> None:
    deliver_due(timezone.now())
