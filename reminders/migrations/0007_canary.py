"""FOAM's own user, channel and reminder. `manage.py canary` plants them again."""

from datetime import UTC, datetime

from django.contrib.auth.hashers import make_password
from django.db import migrations

FOAM_ID = 0


def plant(apps, schema_editor):
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    user, _ = apps.get_model("accounts", "User").objects.get_or_create(
        pk=FOAM_ID,
        defaults={
            "username": "(foam)",
            "email": "canary@foam.invalid",
            "password": make_password(None),
            "is_active": False,
        },
    )
    channel, _ = apps.get_model("notifications", "Channel").objects.get_or_create(
        pk=FOAM_ID, defaults={"owner": user, "kind": "null", "name": "Canary"}
    )
    reminder, _ = apps.get_model("reminders", "Reminder").objects.get_or_create(
        pk=FOAM_ID,
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


def uproot(apps, schema_editor):
    for app, model, own in (
        ("notifications", "Delivery", {"channel": FOAM_ID}),
        ("reminders", "Occurrence", {"reminder": FOAM_ID}),
        ("reminders", "Reminder", {"pk": FOAM_ID}),
        ("notifications", "Channel", {"pk": FOAM_ID}),
        ("accounts", "User", {"pk": FOAM_ID}),
    ):
        apps.get_model(app, model).objects.filter(**own).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("notifications", "0005_at_most_once"),
        ("reminders", "0006_change"),
    ]

    operations = [migrations.RunPython(plant, uproot)]
