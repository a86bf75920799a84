"""Reminders as most people write them with Celery: a worker of its own, with Celery's defaults.

celery -A benchmarks.baselines.tasks worker
"""

import os
from datetime import UTC, datetime

import django
from celery import Celery
from django.apps import apps

from benchmarks.baselines.posting import post

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "foam.settings")
if not apps.ready:
    django.setup()

from reminders.models import Reminder

app = Celery("baseline", broker=os.environ["REDIS_URL"])
app.conf.update(
    task_default_queue="baseline",
    # FOAM's workers share this Redis and must not see these keys.
    broker_transport_options={"global_keyprefix": "baseline:"},
    beat_scheduler="django_celery_beat.schedulers:DatabaseScheduler",
    # Beat looks at its table this often; the default, 5 s, would make it later still.
    beat_max_loop_interval=1,
    timezone="UTC",
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
)


@app.task
def tick() -> None:
    """Start a task for each due reminder: the naive universal task."""
    for reminder in Reminder.objects.due(datetime.now(UTC)):
        remind.delay(reminder.pk)


@app.task
def remind(reminder_id: int) -> None:
    reminder = Reminder.objects.get(pk=reminder_id)
    for channel in reminder.channels.all():
        post(channel.address, reminder)
    reminder.plan_after(datetime.now(UTC))
    reminder.save()
