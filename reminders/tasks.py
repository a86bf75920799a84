from celery import shared_task
from django.utils import timezone

from reminders import dispatch as engine


@shared_task
def dispatch() -> None:
    engine.tick(timezone.now())
