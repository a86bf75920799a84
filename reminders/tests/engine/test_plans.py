"""How the tick finds its rows, whatever the statistics say of the tables."""

from dataclasses import fields
from datetime import timedelta

import pytest
from django.db import connection

from notifications.tests.counters import READ, SCANS, counted
from reminders.engine import tick
from reminders.engine.firing import Due
from reminders.engine.follow_ups import ReminderContent
from reminders.engine.occurrence_partitions import month
from reminders.explain.explanation import explain
from reminders.models import Occurrence
from reminders.recurrence import Schedule

# A rollback leaves the pages of a big table behind, for other tests to plan by; a flush does not.
pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


def fire(now, number):
    assert tick.fire_batch(now, number) == (number, number)


@pytest.mark.usefixtures("unknown", "woken")
def test_firing_does_not_read_tables_whole_that_have_just_begun_to_grow(make_reminder, now):
    for _ in range(100):
        make_reminder(recurrence="FREQ=DAILY")
    tables = ["reminders_occurrence", "reminders_plan", "reminders_reminder"]
    assert counted(SCANS, tables, lambda: fire(now, 50)) == 0


@pytest.mark.usefixtures("woken")
def test_firing_few_reads_few_where_postgresql_believes_that_there_is_only_one(make_reminder, now):
    make_reminder(recurrence="FREQ=DAILY")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE reminders_plan, reminders_reminder")
    for _ in range(200):
        make_reminder(recurrence="FREQ=DAILY")
    assert counted(READ, ["reminders_plan", "reminders_reminder"], lambda: fire(now, 10)) <= 50


@pytest.mark.usefixtures("unknown", "woken", "partitions")
def test_firing_into_one_of_many_partitions_reads_no_occurrence(make_reminder, now):
    for _ in range(50):
        make_reminder(recurrence="FREQ=DAILY")
    assert counted(READ, ["reminders_occurrence"], lambda: fire(now, 50)) == 0


@pytest.mark.usefixtures("unknown", "woken", "partitions")
def test_follow_ups_among_many_partitions_read_only_what_is_due(make_reminder, now):
    make_reminder(recurrence="FREQ=DAILY", nag_every=HOUR, stored_at=month(now, -1), misfire="all")
    for _ in range(20):
        make_reminder(recurrence="FREQ=DAILY", nag_every=HOUR)
    fire(now, 21)
    Occurrence.objects.filter(pk__in=Occurrence.objects.all()[5:]).stop_follow_ups()
    due = Occurrence.objects.filter(follow_up_at__isnull=False).count()
    assert counted(READ, ["reminders_occurrence"], lambda: tick.run(now + HOUR)) <= 3 * due


@pytest.mark.usefixtures("unknown", "woken", "partitions")
def test_explaining_one_of_many_months_reads_its_occurrences(make_reminder, now):
    for _ in range(20):
        reminder = make_reminder(recurrence="FREQ=DAILY")
    fire(now, 20)
    read = counted(READ, ["reminders_occurrence"], lambda: explain(reminder, now))
    assert read <= 5


@pytest.mark.parametrize("row", [Due, ReminderContent])
def test_columns_of_a_claimed_reminder_begin_with_those_of_its_schedule(row):
    names = [field.name.removesuffix("_text") for field in fields(row)]
    assert tuple(names[: len(Schedule.FIELDS)]) == Schedule.FIELDS
