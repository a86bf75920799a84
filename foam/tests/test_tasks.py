import pytest
from celery import current_app
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from notifications.outbox.lease import LEASE
from notifications.outbox.round import LONGEST_ROUND
from reminders import tasks
from reminders.engine import tick as dispatch

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("beat_rows")]

DISPATCH, DELIVER = "reminders.tasks.dispatch", "notifications.tasks.deliver"


def test_tick_is_a_row_of_the_beat_table():
    tick = PeriodicTask.objects.get(name="tick")
    assert tick.task == "reminders.tasks.dispatch"
    assert (tick.interval.every, tick.interval.period) == (1, IntervalSchedule.SECONDS)


def test_wake_up_that_waited_for_long_is_not_worth_a_tick():
    assert PeriodicTask.objects.get(name="tick").expire_seconds == 10


def test_every_row_of_the_beat_table_names_a_registered_task():
    current_app.loader.import_default_modules()
    named = set(PeriodicTask.objects.values_list("task", flat=True))
    assert named <= set(current_app.tasks)


def test_each_task_goes_to_its_own_queue():
    route = current_app.amqp.router.route
    assert route({}, "reminders.tasks.dispatch")["queue"].name == "dispatch"
    assert route({}, "notifications.tasks.deliver")["queue"].name == "deliver"
    assert route({}, "reminders.tasks.prune")["queue"].name == "deliver"


def test_task_that_hangs_is_ended_but_not_before_a_healthy_one_has_ended():
    current_app.loader.import_default_modules()
    limits = {name: current_app.tasks[name].time_limit for name in (DISPATCH, DELIVER)}
    assert (LONGEST_ROUND + LEASE).total_seconds() < limits[DELIVER] < 1800
    assert (dispatch.BUDGET + tasks.WATCH).total_seconds() * 2 < limits[DISPATCH] < 300
