from celery import shared_task
from django.utils import timezone

from notifications import outbox


@shared_task
def deliver() -> None:
    outbox.deliver_due(timezone.now())
