from celery import shared_task
from django.utils import timezone

from notifications import outbox


# The limit is for one that hangs, and longer than outbox.BUDGET and a LEASE after it.
@shared_task(time_limit=240)
def deliver() -> None:
    outbox.deliver_due(timezone.now())
