"""FOAM's own rows in beat's table; triggers keep them (reminders/migrations/sql/own_tasks.sql)."""

from datetime import timedelta
from typing import Any

from django_celery_beat.models import IntervalSchedule, PeriodicTask

TICK, PRUNE = "tick", "prune"
OWN = (TICK, PRUNE)
# What nobody may change of them.
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
SHORTEST, LONGEST = timedelta(seconds=1), timedelta(seconds=60)
SANE = "The tick runs at an interval of 1 to 60 seconds."


def is_sane(interval: IntervalSchedule | None) -> bool:
    """Tell whether the tick may run so often."""
    if interval is None:
        return False
    return SHORTEST <= timedelta(**{interval.period: interval.every}) <= LONGEST


def that_need(rows: Any) -> list[str]:
    """Name FOAM's own among these tasks, or among the tasks that run by these schedules."""
    own = PeriodicTask.objects.filter(name__in=OWN)
    names = set()
    for row in rows:
        if isinstance(row, PeriodicTask):
            names |= {row.name} & set(OWN)
        else:
            field = type(row).__name__.removesuffix("Schedule").lower()
            names |= set(own.filter(**{field: row}).values_list("name", flat=True))
    return sorted(names)
