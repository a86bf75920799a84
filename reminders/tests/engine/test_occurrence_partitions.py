"""Occurrences lie in partitions by month, which are made ahead and dropped once they are empty."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection

from notifications.operations import partitions
from notifications.outbox.round import deliver_due
from reminders.engine import firing, occurrence_partitions, retention, tick
from reminders.engine.occurrence_partitions import OCCURRENCES, month
from reminders.models import Occurrence, OccurrenceTally

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken", "recorder")]

KEEP = timedelta(days=90)


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Have a busy machine fail no test."""
    monkeypatch.setattr(partitions, "LOCK_LIMIT", timedelta(seconds=30))


def names():
    return [
        partition.name.removeprefix("reminders_occurrence_")
        for partition in OCCURRENCES.partitions()
    ]


def rows_of(name):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM reminders_occurrence_{name}")
        return cursor.fetchone()[0]


@pytest.mark.parametrize(
    ("number", "first"),
    [(0, (2026, 11)), (1, (2026, 12)), (2, (2027, 1)), (-11, (2025, 12)), (14, (2028, 1))],
)
def test_months_are_counted_over_the_end_of_a_year(now, number, first):
    assert month(now, number) == datetime(*first, 1, tzinfo=UTC)


def test_partitions_of_this_month_and_the_next_two_are_made_once(now):
    occurrence_partitions.make_ahead(now)
    occurrence_partitions.make_ahead(now)
    assert names() == ["2026_11", "2026_12", "2027_01"]


def test_missing_partition_of_the_next_month_is_told(now):
    assert occurrence_partitions.is_missing(now)
    occurrence_partitions.make_ahead(now)
    assert not occurrence_partitions.is_missing(now)


def test_tick_without_a_partition_fires_and_its_rows_move_when_one_is_made(make_reminder, now):
    make_reminder()
    assert tick.run(now) == 1
    assert rows_of("default") == 1
    occurrence_partitions.make_ahead(now)
    assert (rows_of("default"), rows_of("2026_11")) == (0, 1)
    deliver_due(now)


def test_statement_over_two_partitions_is_tallied_once(make_reminder, now):
    occurrence_partitions.make_ahead(now)
    make_reminder(recurrence="FREQ=MONTHLY", misfire="all")
    assert tick.run(month(now, 2)) == 2
    assert sum(row.recorded for row in OccurrenceTally.objects.all()) == 2


def test_occurrence_is_recorded_once_in_a_partition(make_reminder, now):
    occurrence_partitions.make_ahead(now)
    occurrence = firing.trigger(make_reminder(), now)
    occurrence.pk = None
    with pytest.raises(IntegrityError, match="reminder_id_due_at_lead"):
        occurrence.save(force_insert=True)


def test_prune_drops_the_months_that_it_has_emptied(make_reminder, now):
    occurrence_partitions.make_ahead(now)
    make_reminder()
    tick.run(now)
    deliver_due(now)
    later = month(now, 1) + KEEP
    retention.prune(later, KEEP)
    retention.drop_partitions(later - KEEP)
    assert names() == ["2026_12", "2027_01"]


def test_month_with_an_unfinished_delivery_stays(make_reminder, now):
    occurrence_partitions.make_ahead(now)
    make_reminder()
    tick.run(now)
    later = month(now, 1) + KEEP
    retention.prune(later, KEEP)
    retention.drop_partitions(later - KEEP)
    assert (names()[0], Occurrence.objects.count()) == ("2026_11", 1)


def test_empty_month_that_is_not_old_yet_stays(now):
    occurrence_partitions.make_ahead(now)
    retention.drop_partitions(now)
    assert names() == ["2026_11", "2026_12", "2027_01"]


def test_nightly_run_makes_and_drops_partitions(now, settings):
    occurrence_partitions.make_ahead(now)
    later = month(now, 1) + timedelta(days=settings.FOAM_KEEP_DAYS)
    retention.prune_nightly(later)
    assert names() == ["2026_12", "2027_01", "2027_03", "2027_04", "2027_05"]
