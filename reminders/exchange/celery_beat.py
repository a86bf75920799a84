"""The tables of django-celery-beat, for users who had a PeriodicTask for each reminder.

FOAM reminds, and runs no tasks: each PeriodicTask becomes a reminder with the name and arguments
of the task, due when beat would have sent it. In beat a day must match both day fields, in cron one
of them: a crontab with both becomes a rule. An interval counts in UTC from its last run.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from celery.schedules import ParseException
from django.db.models import QuerySet
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from accounts.timezones import zone
from reminders.exchange import plain
from reminders.exchange.drafts import PAUSED, Draft, FileContent, Loss
from reminders.exchange.icalendar.rrule_text import rule_of_cron
from reminders.exchange.limits import COMMAND
from reminders.recurrence import Schedule
from reminders.recurrence.cron import Cron

REMINDS = "FOAM reminds, and runs no tasks: each reminder says the task that beat would send."
# The start of a crontab without one; the same at each import.
LONG_AGO = datetime(2000, 1, 1)
# FOAM's own rows are no reminders, nor is Celery's.
OWN = [("tick", "reminders.tasks.dispatch"), ("prune", "reminders.tasks.prune")]
CELERYS = "celery.backend_cleanup"
ROUTING = ("queue", "exchange", "routing_key", "priority")
EMPTY = ("", "[]", "{}", None)
EXTERNAL_ID_LENGTH = 200


class Uncarried(ValueError):
    """The task cannot be a reminder; the message says why."""


def tasks(using: str, names: Sequence[str] = ()) -> QuerySet[PeriodicTask]:
    """Return the tasks of a database that may be reminders, or only those named `names`."""
    rows = PeriodicTask.objects.using(using).exclude(task=CELERYS)
    for name, task in OWN:
        rows = rows.exclude(name=name, task=task)
    rows = rows.filter(name__in=names) if names else rows
    return rows.select_related("interval", "crontab", "solar", "clocked").order_by("pk")


def read(rows: Iterable[PeriodicTask], timezone: str, now: datetime) -> FileContent:
    """Read tasks as of `now`; clocked one-offs get `timezone`."""
    result = FileContent(COMMAND)
    for task in rows:
        place, state = where(task), None if task.enabled else PAUSED
        try:
            result.add(Draft(place, _fields(task, timezone, now), state))
        except Uncarried as error:
            result.loss_list.add(place, f"Not carried over: {error}")
        else:
            for what in _unused_settings(task):
                result.loss_list.add(place, what)
    if result.drafts:
        result.loss_list.first.insert(0, Loss("all tasks", REMINDS))
    return result


def where(task: PeriodicTask) -> str:
    return f'PeriodicTask "{task.name}"'


def _fields(task: PeriodicTask, timezone: str, now: datetime) -> dict[str, Any]:
    if task.expires is not None and task.expires <= now:
        raise Uncarried(f"it has expired, at {_utc(task.expires)}.")
    if task.one_off and task.total_run_count:
        raise Uncarried("it was to run once, and has.")
    when = _when(task, timezone)
    if task.one_off:
        when = _once(when, now)
    lateness = {}
    if task.expire_seconds is not None:
        lateness = {"misfire": "none", "grace": f"PT{task.expire_seconds}S"}
    return {
        "title": plain.title(task.name),
        "body": plain.escape_braces("\n".join(_body_lines(task))),
        "external_id": external_id(task.name),
        **when,
        **lateness,
        "starts_at": when["starts_at"].isoformat(),
    }


def external_id(name: str) -> str:
    """Return the external id of a task, by its name: another database has other ids."""
    text = f"beat:{name}"
    if len(text) <= EXTERNAL_ID_LENGTH:
        return text
    return f"beat:{hashlib.sha256(name.encode()).hexdigest()}"


def _body_lines(task: PeriodicTask) -> Iterator[str]:
    if task.description.strip():
        yield task.description.strip()
    yield f"Task: {task.task}"
    for name in ("args", "kwargs"):
        if (value := getattr(task, name)) not in EMPTY:
            yield f"{name.capitalize()}: {value}"


def _unused_settings(task: PeriodicTask) -> Iterator[str]:
    for name in ROUTING:
        if (value := getattr(task, name)) not in EMPTY:
            yield f"{name} {value!r} is for messages to workers."
    if task.headers not in EMPTY:
        yield "Its headers are for messages to workers."


def _when(task: PeriodicTask, timezone: str) -> dict[str, Any]:
    if task.crontab is not None:
        return _by_crontab(task, task.crontab)
    if task.interval is not None:
        return _by_interval(task)
    if task.clocked is not None:
        local = task.clocked.clocked_time.astimezone(zone(timezone))
        return {"starts_at": _wall(local), "timezone": timezone, "recurrence": ""}
    if task.solar is not None:
        raise Uncarried(f"FOAM does not follow the sun ({task.solar.get_event_display()}).")
    raise Uncarried("it has no schedule.")


def _once(when: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return a one-off at the next due instant."""
    due_at = Schedule(**when).after(now)
    if due_at is None:
        raise Uncarried("nothing of it is left in the future.")
    local = due_at.astimezone(zone(when["timezone"]))
    return {**when, "starts_at": _wall(local), "recurrence": ""}


def _by_interval(task: PeriodicTask) -> dict[str, Any]:
    interval = task.interval
    every = timedelta(**{interval.period: interval.every})
    minutes, remainder = divmod(every, timedelta(minutes=1))
    if remainder or not minutes:
        raise Uncarried(f"FOAM counts in whole minutes, and this is {interval}.")
    if task.last_run_at is None and task.start_time is not None:
        first = task.start_time
    else:
        first = (task.last_run_at or task.date_changed) + every
        first = max(first, task.start_time or first)
    starts, recurrence = _wall(first.astimezone(UTC)), _every(minutes) + _until(task)
    return {"starts_at": starts, "timezone": "UTC", "recurrence": recurrence}


def _every(minutes: int) -> str:
    if minutes % 1440 == 0:
        return f"FREQ=DAILY;INTERVAL={minutes // 1440}"
    if minutes % 60 == 0:
        return f"FREQ=HOURLY;INTERVAL={minutes // 60}"
    return f"FREQ=MINUTELY;INTERVAL={minutes}"


def _until(task: PeriodicTask) -> str:
    """Return the UNTIL of a rule that ends before the task expires."""
    if task.expires is None:
        return ""
    last = task.expires - timedelta(microseconds=1)
    return f";UNTIL={last.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _by_crontab(task: PeriodicTask, crontab: CrontabSchedule) -> dict[str, Any]:
    name = str(crontab.timezone)
    try:
        starts = _wall(task.start_time.astimezone(zone(name))) if task.start_time else LONG_AGO
        cron = _cron(crontab)
    except (ParseException, ValueError) as error:
        raise Uncarried(f"its crontab cannot be read: {str(error).rstrip('.')}.") from None
    # In cron a match of one of two day fields is enough, unless one of them is `*`.
    meets = cron.any_day or cron.any_weekday
    if task.expires is None and meets:
        return {"starts_at": starts, "timezone": name, "recurrence": cron.text}
    rule = rule_of_cron(cron)
    assert rule is not None  # noqa: S101  for the type checker
    return {"starts_at": starts, "timezone": name, "recurrence": rule + _until(task)}


def _cron(crontab: CrontabSchedule) -> Cron:
    """Parse a crontab as Celery does: its grammar has more names, and ranges that wrap around."""
    schedule = crontab.schedule
    return Cron(
        minutes=frozenset(schedule.minute),
        hours=frozenset(schedule.hour),
        real_pace=any(mark in crontab.minute + crontab.hour for mark in "*/"),
        days=frozenset(schedule.day_of_month),
        nearest_weekdays=frozenset(),
        last_day=False,
        last_weekday=False,
        months=frozenset(schedule.month_of_year),
        weekdays=frozenset(schedule.day_of_week),
        ordinals=frozenset(),
        both_days=True,
    )


def _wall(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None, microsecond=0)


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
