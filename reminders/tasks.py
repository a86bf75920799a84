import time
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from reminders import dispatch as engine
from reminders import retention

# Until the next wake-up is expected, a tick waits for what comes due: on the second, not up to a
# second late.
WATCH = timedelta(seconds=1)


@shared_task
def dispatch() -> None:
    """Tick, and again at each instant that comes due within WATCH."""
    now = timezone.now()
    end = now + WATCH
    engine.tick(now)
    following = engine.next_fire_at()
    # What is due already is held by another tick, or was left by one that used up its budget.
    while following is not None and now < following <= end:
        time.sleep(max(0, (following - timezone.now()).total_seconds()))
        now = max(following, timezone.now())
        engine.tick(now)
        following = engine.next_fire_at()


@shared_task
def prune() -> None:
    retention.prune_nightly(timezone.now())
