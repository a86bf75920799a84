"""The rows that FOAM needs in an empty database, as the first migration adds them.

Each function takes the registry of models, a migration's or Django's own, and leaves rows that
exist as they are: staff may have edited them.
"""

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.hashers import make_password

from accounts.models import SYSTEM_USER_ID


def add(apps: Any, schema_editor: Any) -> None:
    add_tick(apps)
    add_prune(apps)
    add_canary(apps)


def remove(apps: Any, schema_editor: Any) -> None:
    remove_canary(apps)
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects
    tasks.filter(name__in=["tick", "prune"]).delete()


def add_tick(apps: Any) -> None:
    """Add the tick to beat's table, each second."""
    interval, _ = apps.get_model("django_celery_beat", "IntervalSchedule").objects.get_or_create(
        every=1, period="seconds"
    )
    apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
        name="tick",
        defaults={
            "task": "reminders.tasks.dispatch",
            "interval": interval,
            # A message that waited longer in the queue has been followed by others.
            "expire_seconds": 10,
            "description": "Fires what is due. Every second; edit the interval here if you must.",
        },
    )


def add_prune(apps: Any) -> None:
    """Add the nightly removal of old rows to beat's table."""
    crontab, _ = apps.get_model("django_celery_beat", "CrontabSchedule").objects.get_or_create(
        minute="17", hour="3", timezone="UTC"
    )
    apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
        name="prune",
        defaults={
            "task": "reminders.tasks.prune",
            "crontab": crontab,
            "description": "Removes what ended more than FOAM_KEEP_DAYS ago. Every night.",
        },
    )


def add_canary(apps: Any) -> None:
    """Add FOAM's own user, channel and reminder. `manage.py canary` plants them anew."""
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    user, _ = apps.get_model("accounts", "User").objects.get_or_create(
        pk=SYSTEM_USER_ID,
        defaults={
            "username": "(foam)",
            "email": "canary@foam.invalid",
            "password": make_password(None),
            "is_active": False,
        },
    )
    channel, _ = apps.get_model("notifications", "Channel").objects.get_or_create(
        pk=SYSTEM_USER_ID, defaults={"owner": user, "kind": "null", "name": "Canary"}
    )
    reminder, _ = apps.get_model("reminders", "Reminder").objects.get_or_create(
        pk=SYSTEM_USER_ID,
        defaults={
            "owner": user,
            "title": "Canary",
            "starts_at": minute.replace(tzinfo=None),
            "timezone": "UTC",
            "recurrence": "FREQ=MINUTELY",
            "next_fire_at": minute,
            "next_due_at": minute,
        },
    )
    reminder.channels.set([channel])


def remove_canary(apps: Any) -> None:
    """Remove FOAM's own user, channel and reminder, with all that the canary left."""
    for app, model, own in (
        ("notifications", "Delivery", {"channel": SYSTEM_USER_ID}),
        ("reminders", "Occurrence", {"reminder": SYSTEM_USER_ID}),
        ("reminders", "Reminder", {"pk": SYSTEM_USER_ID}),
        ("notifications", "Channel", {"pk": SYSTEM_USER_ID}),
        ("accounts", "User", {"pk": SYSTEM_USER_ID}),
    ):
        apps.get_model(app, model).objects.filter(**own).delete()
