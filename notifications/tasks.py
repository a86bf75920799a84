from celery import shared_task
from django.utils import timezone

from notifications.outbox import outbox
from notifications.outbox.lease import LEASE

# The limit is for one that hangs: a round ends within a LEASE once it has taken its LONGEST. What
# it holds goes to others as soon as its leases have run out.
LIMIT = int((outbox.LONGEST + LEASE).total_seconds()) + 60


@shared_task(time_limit=LIMIT)
def deliver() -> None:
    outbox.deliver_due(timezone.now())
