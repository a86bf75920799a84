from celery import shared_task
from django.utils import timezone

from notifications.outbox.lease import LEASE
from notifications.outbox.round import LONGEST_ROUND, deliver_due

# The limit is for one that hangs: a round ends within a LEASE once it has taken its LONGEST. What
# it holds goes to others as soon as its leases have run out.
LIMIT = int((LONGEST_ROUND + LEASE).total_seconds()) + 60


@shared_task(time_limit=LIMIT)
def deliver() -> None:
    deliver_due(timezone.now())
