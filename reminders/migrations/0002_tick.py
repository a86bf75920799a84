"""The universal task's row in the beat table. Staff may edit it; nothing writes it again."""

from django.db import migrations

TASK = "reminders.tasks.dispatch"


def add_tick(apps, schema_editor):
    interval, _ = apps.get_model("django_celery_beat", "IntervalSchedule").objects.get_or_create(
        every=1, period="seconds"
    )
    apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
        name="tick",
        defaults={
            "task": TASK,
            "interval": interval,
            # A wake-up that waited longer has been followed by others.
            "expire_seconds": 10,
            "description": "Fires what is due. Every second; edit the interval here if you must.",
        },
    )


def remove_tick(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name="tick").delete()


class Migration(migrations.Migration):
    dependencies = [
        ("reminders", "0001_initial"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(add_tick, remove_tick)]
