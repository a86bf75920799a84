import time
from collections.abc import Callable
from datetime import datetime, timedelta

from celery import shared_task
from django.utils import timezone

from reminders.engine import retention
from reminders.engine import tick as engine

# The task waits for reminders that come due before the next run: they fire on the second, and not
# up to a second late.
WATCH = timedelta(seconds=1)


# A task that hangs is killed after this, with its process, which the worker replaces.
@shared_task(time_limit=240)
def dispatch() -> None:
    """Run a tick, and one more at each instant at which a reminder is due within WATCH."""
    clock = running_clock()
    now = clock()
    end = now + WATCH
    engine.run(now)
    # Reminders due before `now` are not waited for: another tick, the backlog or the next run has
    # them.
    following = engine.next_fire_at(now)
    while following is not None and following <= end:
        time.sleep(max(0, (following - clock()).total_seconds()))
        now = max(following, clock())
        engine.run(now)
        following = engine.next_fire_at(now)


@shared_task(time_limit=600)
def prune() -> None:
    retention.prune_nightly(timezone.now())


def running_clock() -> Callable[[], datetime]:
    """Return a monotonic clock.

    If the system clock were set back meanwhile, the task would sleep until it caught up.
    """
    start, began = timezone.now(), time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - began)
