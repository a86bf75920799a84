"""The ledger of a period costs its rows, whatever else is stored and whatever PostgreSQL knows."""

from datetime import timedelta

import pytest
from django.db import connection

from notifications.models import Channel
from notifications.operations.ledger import Period, snapshot
from notifications.tests.counters import READ, counted_so_far, forget_statistics
from reminders.models import Reminder
from reminders.reports import ledger

# A rollback leaves the pages of a big table behind, for other tests to plan by; a flush does not.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("woken")]

DAY = timedelta(days=1)
OLD, NEW = 20_000, 100
# The index of the period tells pages apart by 128. So many rows are read beside those of it.
NEARBY = 2600
TABLES = {
    # As often as rows of the period are read, for one sum or another.
    "reminders_occurrence": 3 * (NEW + NEARBY),
    "notifications_delivery": 5 * (NEW + NEARBY),
    "notifications_attempt": NEW,
    "notifications_channel": NEW,
    "reminders_reminder": 2 * NEW,
    "reminders_plan": 2 * NEW,
}

# Wide rows, so that few of them make many pages.
HISTORY = """
WITH occurred AS (
    INSERT INTO reminders_occurrence (reminder_id, due_at, lead, status, reason, recorded_at)
    SELECT %(reminder)s, at, '0', CASE n %% 2 WHEN 0 THEN 'missed' ELSE 'pending' END,
        CASE n %% 2 WHEN 0 THEN repeat('.', 1000) ELSE '' END, at
    FROM generate_series(1, %(number)s) AS n,
        LATERAL (SELECT %(at)s::timestamptz + n * interval '1 s') AS t(at)
    ORDER BY n RETURNING id, due_at, status
), posted AS (
    INSERT INTO notifications_delivery (channel_id, reference, title, body, due_at, data, status,
        attempt, max_attempts, reason, created_at, finished_at)
    SELECT %(channel)s, 'occurrence:' || id, 'Tea', repeat('.', 200), due_at, '{}', 'sent', 1, 9,
        '', due_at, due_at
    FROM occurred WHERE status = 'pending' ORDER BY id RETURNING id, due_at
)
INSERT INTO notifications_attempt (delivery_id, number, outcome, detail, ended_at)
SELECT id, 1, 'sent', '', due_at FROM posted
"""


def store(reminder, channel, number, at):
    """Store occurrences, the deliveries of those that fired and an attempt at each of these."""
    values = {"reminder": reminder.pk, "channel": channel.pk, "number": number, "at": at}
    with connection.cursor() as cursor:
        cursor.execute(HISTORY, values)


def summarize():
    """Have the indexes of the period know all pages, as autovacuum does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT brin_summarize_new_values(i.oid) FROM pg_class i JOIN pg_am a ON a.oid = relam"
            " WHERE amname = 'brin' AND relkind = 'i'"
        )


def analyze():
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(TABLES)}")


def never_analyzed():
    forget_statistics(list(TABLES))


@pytest.fixture(params=["in the default partition", "in one of many partitions"])
def history(request):
    if "many" in request.param:
        request.getfixturevalue("partitions")


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("statistics", [analyze, never_analyzed])
def test_ledger_of_a_period_reads_its_rows_alone(reminder, channel, now, statistics):
    store(reminder, channel, OLD, now - 30 * DAY)
    Channel.objects.bulk_create(
        Channel(owner=channel.owner, kind="webhook", name="C", address=f"http://127.0.0.1:9/{n}")
        for n in range(1000)
    )
    Reminder.objects.bulk_create(
        Reminder(
            owner=channel.owner,
            title="Tea",
            starts_at=now.replace(tzinfo=None),
            timezone="UTC",
            next_due_at=now + DAY,
            next_fire_at=now + DAY,
            next_lead=timedelta(0),
        )
        for _ in range(1000)
    )
    summarize()
    store(reminder, channel, NEW, now - DAY)
    statistics()
    period = Period(now - 7 * DAY)
    with snapshot():
        before = {table: counted_so_far(READ, [table]) for table in TABLES}
        account = ledger.read(period, now)
        read = {table: counted_so_far(READ, [table]) - before[table] for table in TABLES}
    assert (account.balances, account.occurrences.due) == (True, NEW)
    assert {table: rows for table, rows in read.items() if rows > TABLES[table]} == {}
