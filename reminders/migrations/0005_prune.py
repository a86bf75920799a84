"""The nightly row of retention in the beat table. Staff may edit it; nothing writes it again."""

from django.db import migrations


def add_prune(apps, schema_editor):
    at, _ = apps.get_model("django_celery_beat", "CrontabSchedule").objects.get_or_create(
        minute="17", hour="3", timezone="UTC"
    )
    apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
        name="prune",
        defaults={
            "task": "reminders.tasks.prune",
            "crontab": at,
            "description": "Removes what ended more than FOAM_KEEP_DAYS ago. Every night.",
        },
    )


def remove_prune(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name="prune").delete()


class Migration(migrations.Migration):
    dependencies = [
        ("reminders", "0004_tally"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(add_prune, remove_prune)]
