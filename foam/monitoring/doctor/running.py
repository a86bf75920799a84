"""Checks of what runs: beat's rows, the last tick and the last canary."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django_celery_beat.models import PeriodicTask

from foam.monitoring.doctor.finding import Check, Finding, fail, ok, warn
from foam.monitoring.health import Pulse

BEAT, ALIVE = "beat rows", "running"
TICK, PRUNE = "reminders.tasks.dispatch", "reminders.tasks.prune"
# A tick fires what comes due within the next second: a longer interval makes reminders late.
LONGEST_INTERVAL = timedelta(seconds=1)


def look_at_beat(now: datetime) -> Iterator[Finding]:
    for task, is_vital in ((TICK, True), (PRUNE, False)):
        rows = list(PeriodicTask.objects.filter(task=task).select_related("interval"))
        enabled = [row for row in rows if row.enabled]
        task_text = f"The periodic task {task}"
        effect = "nothing fires" if is_vital else "nothing old is removed"
        if not enabled:
            fault = "is switched off" if rows else "is not there"
            fix = (
                f"Enable {rows[0].name!r} under Periodic tasks in the admin."
                if rows
                else f"Make it anew in the admin, under Periodic tasks, for the task {task}."
            )
            yield (fail if is_vital else warn)(BEAT, f"{task_text} {fault}: {effect}.", fix)
            continue
        if len(enabled) > 1:
            yield warn(
                BEAT,
                f"{task_text} is there {len(enabled)} times: each sends wake-ups of its own.",
                "Delete all but one under Periodic tasks in the admin.",
            )
        for row in enabled:
            yield from _interval(row, is_vital)
            if row.one_off or (row.expires and row.expires < now):
                yield fail(
                    BEAT,
                    f"{task_text} runs once only, or has expired: {effect}.",
                    f"Clear one-off and expires of {row.name!r} in the admin.",
                )
    yield ok(BEAT, f"{PeriodicTask.objects.filter(enabled=True).count()} rows are enabled.")


def _interval(row: PeriodicTask, is_vital: bool) -> Iterator[Finding]:
    if not is_vital:
        return
    every = row.interval and timedelta(**{row.interval.period: row.interval.every})
    if every is None or every > LONGEST_INTERVAL:
        schedule = f"every {every.total_seconds():g} s" if every else "by another schedule"
        yield warn(
            BEAT,
            f"The tick comes {schedule}: reminders are late by up to that.",
            f"Give {row.name!r} an interval of one second in the admin.",
        )


def look_alive(now: datetime) -> Iterator[Finding]:
    pulse = Pulse.take(now)
    if pulse.tick_trouble:
        yield fail(
            ALIVE,
            pulse.tick_trouble,
            "Start beat and the worker of the queue dispatch, and look at their logs.",
        )
    if pulse.canary_trouble:
        yield fail(
            ALIVE,
            pulse.canary_trouble,
            "Start the worker of the queue deliver and look at its log; python manage.py canary "
            "puts right a canary that was changed.",
        )
    if not pulse.tick_trouble and not pulse.canary_trouble:
        yield ok(ALIVE, "The tick is fresh, and canaries arrive.")


CHECKS = [Check(BEAT, look_at_beat), Check(ALIVE, look_alive)]
