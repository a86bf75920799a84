"""FOAM's own rows in beat's table; triggers keep them (reminders/migrations/sql/own_tasks.sql)."""

from datetime import timedelta
from typing import Any

from django_celery_beat.models import IntervalSchedule, PeriodicTask

TICK, PRUNE = "tick", "prune"
OWN = (TICK, PRUNE)
# The trigger refuses changes of these fields.
FIXED = (
    "name",
    "task",
    "args",
    "kwargs",
    "queue",
    "exchange",
    "routing_key",
    "headers",
    "one_off",
    "start_time",
    "expires",
)
SHORTEST_TICK, LONGEST_TICK = timedelta(seconds=1), timedelta(seconds=60)
TICK_INTERVAL_RULE = "The tick runs at an interval of 1 to 60 seconds."


def is_tick_interval(interval: IntervalSchedule | None) -> bool:
    """Whether the tick may run at this interval."""
    if interval is None:
        return False
    return SHORTEST_TICK <= timedelta(**{interval.period: interval.every}) <= LONGEST_TICK


def own_names(rows: Any) -> list[str]:
    """Return the names of FOAM's own tasks among these tasks, or that run by these schedules."""
    own = PeriodicTask.objects.filter(name__in=OWN)
    names = set()
    for row in rows:
        if isinstance(row, PeriodicTask):
            names |= {row.name} & set(OWN)
        else:
            field = type(row).__name__.removesuffix("Schedule").lower()
            names |= set(own.filter(**{field: row}).values_list("name", flat=True))
    return sorted(names)
