"""F2: every message that FOAM itself sends is a wake-up, so that the door lets it in."""

import pytest
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import ModelEntry
from kombu import Connection

from foam import logs
from foam.celery import app
from foam.processes import wake_ups
from notifications.outbox import queue
from reminders.engine import retention

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("beat_rows")]


@pytest.fixture
def sent(monkeypatch):
    """Return a function that reads what was sent to a queue, as a worker reads it."""
    app.loader.import_default_modules()
    connection = Connection("memory://")
    send = app.send_task

    def send_here(*args, **options):
        return send(*args, **{**options, "connection": connection})

    monkeypatch.setattr(app, "send_task", send_here)

    def read(name):
        with connection.SimpleQueue(app.amqp.queues[name]) as messages:
            return messages.get(timeout=5)

    with connection:
        connection.SimpleQueue(app.amqp.queues["deliver"]).clear()
        connection.SimpleQueue(app.amqp.queues["dispatch"]).clear()
        yield read


def test_wake_up_of_the_deliverers_is_let_in(sent):
    queue.wake_workers()
    assert wake_ups.refusal(sent("deliver"), app.tasks) == ""
    with logs.request("0123456789" * 6):
        queue.wake_workers()
    assert wake_ups.refusal(sent("deliver"), app.tasks) == ""


def test_next_part_of_a_night_is_let_in(sent, monkeypatch, now):
    unfinished = retention.PruneResult(is_done=False)
    monkeypatch.setattr(retention, "prune", lambda *args: unfinished)
    retention.prune_nightly(now)
    assert wake_ups.refusal(sent("deliver"), app.tasks) == ""


@pytest.mark.parametrize(("name", "queue"), [("tick", "dispatch"), ("prune", "deliver")])
def test_what_beat_sends_is_let_in(sent, name, queue):
    entry = ModelEntry(PeriodicTask.objects.get(name=name), app=app)
    # As celery.beat.Scheduler.apply_async does.
    options = {**entry.options, "headers": {**entry.options["headers"], "celery_beat_task": True}}
    app.tasks[entry.task].apply_async(entry.args, entry.kwargs, **options)
    message = sent(queue)
    assert wake_ups.refusal(message, app.tasks) == ""
    assert message.headers["task"] == entry.task
