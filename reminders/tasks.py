import time
from collections.abc import Callable
from datetime import datetime, timedelta

from celery import shared_task
from django.utils import timezone

from reminders.engine import retention
from reminders.engine import tick as engine

# Until the next wake-up is expected, a tick waits for what comes due: on the second, not up to a
# second late.
WATCH = timedelta(seconds=1)


# The limit is for one that hangs: its process is then killed and replaced.
@shared_task(time_limit=240)
def dispatch() -> None:
    """Tick, and again at each instant that comes due within WATCH."""
    clock = running_clock()
    now = clock()
    end = now + WATCH
    engine.tick(now)
    # What is due already another tick has, or the backlog, or one that used up its budget left it.
    following = engine.next_fire_at(now)
    while following is not None and following <= end:
        time.sleep(max(0, (following - clock()).total_seconds()))
        now = max(following, clock())
        engine.tick(now)
        following = engine.next_fire_at(now)


@shared_task(time_limit=600)
def prune() -> None:
    retention.prune_nightly(timezone.now())


def running_clock() -> Callable[[], datetime]:
    """Return a clock that nobody sets: by one set back, we would sleep until it has caught up."""
    start, began = timezone.now(), time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - began)
