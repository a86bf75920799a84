"""How the tick finds its rows, whatever the statistics say of the tables."""

import pytest
from django.db import connection, transaction

from reminders import dispatch

# A rollback leaves the pages of a big table behind, for other tests to plan by; a flush does not.
pytestmark = pytest.mark.django_db(transaction=True)

SCANS = """
SELECT sum(seq_scan) FROM pg_stat_xact_user_tables
WHERE relname IN ('reminders_occurrence', 'reminders_reminder')
"""


@pytest.mark.usefixtures("unknown", "woken")
def test_firing_does_not_read_tables_whole_that_have_just_begun_to_grow(make_reminder, now):
    for _ in range(100):
        make_reminder(recurrence="FREQ=DAILY")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SCANS)
        (before,) = cursor.fetchone()
        assert dispatch.fire_batch(now, 50) == (50, 50)
        cursor.execute(SCANS)
        assert cursor.fetchone() == (before,)


READ = """
SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables
WHERE relname = 'reminders_reminder'
"""


@pytest.mark.usefixtures("woken")
def test_firing_few_reads_few_where_postgresql_believes_that_there_is_only_one(make_reminder, now):
    make_reminder(recurrence="FREQ=DAILY")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE reminders_reminder")
    for _ in range(200):
        make_reminder(recurrence="FREQ=DAILY")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(READ)
        (before,) = cursor.fetchone()
        assert dispatch.fire_batch(now, 10) == (10, 10)
        cursor.execute(READ)
        (after,) = cursor.fetchone()
    assert after - before <= 50
