"""How statements of the hot path find their rows, whatever the statistics say of the table."""

import re
from datetime import timedelta

import pytest
from django.db import connection, transaction

from notifications import outbox
from notifications.bulk import bulk_cursor
from notifications.lease import RELEASE_SQL, lease
from notifications.models import Delivery
from notifications.record import RECORD_SQL, record
from notifications.transports import Outcome

# A rollback leaves the pages of a big table behind, for other tests to plan by; a flush does not.
pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 20_000


@pytest.fixture
def all_queued(channel, now, woken):
    """Many wait and none is being sent: so PostgreSQL believes until it looks again."""
    posts = [
        outbox.Post(channel.pk, f"test:{number}", "Title", "Body", now) for number in range(ROWS)
    ]
    outbox.post(posts, now)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE notifications_delivery")
    return list(Delivery.objects.values_list("pk", flat=True)[:250])


def plan_of(sql, values):
    with transaction.atomic(), bulk_cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}", values)
        return "\n".join(line for (line,) in cursor.fetchall())


def test_recording_compares_no_row_with_every_other(all_queued, now):
    count = len(all_queued)
    plan = plan_of(
        RECORD_SQL,
        {
            "now": now,
            "ids": all_queued,
            "attempts": [1] * count,
            "statuses": ["sent"] * count,
            "nexts": [None] * count,
            "reasons": [""] * count,
            "kinds": ["sent"] * count,
            "details": [""] * count,
            "latencies": [timedelta(0)] * count,
            "series": ["foam_attempts_total"],
            "values": [1.0],
        },
    )
    assert not re.search(r"Join Filter: .*(o.id = d.id|d.id = o.id)", plan)


def test_releasing_compares_no_row_with_every_other(all_queued):
    plan = plan_of(RELEASE_SQL, {"ids": all_queued, "attempts": [1] * len(all_queued)})
    assert not re.search(r"Join Filter: .*(o.id = d.id|d.id = o.id)", plan)


@pytest.fixture
def little_known(channel, now, woken):
    """A few hundred wait in a table that no statistics know of yet."""
    posts = [
        outbox.Post(channel.pk, f"test:{number}", "Title", "Body", now) for number in range(300)
    ]
    outbox.post(posts, now)


@pytest.fixture
def burst(little_known, channel, now):
    """Thousands have become due since PostgreSQL looked, when it were a few hundred."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE notifications_delivery")
    posts = [
        outbox.Post(channel.pk, f"burst:{number}", "Title", "Body", now) for number in range(5000)
    ]
    outbox.post(posts, now)


def count(column, call):
    """Return by how much a figure of PostgreSQL's for the deliveries grew with a call."""
    sql = f"SELECT {column} FROM pg_stat_xact_user_tables WHERE relname = 'notifications_delivery'"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
        (before,) = cursor.fetchone()
        call()
        cursor.execute(sql)
        return cursor.fetchone()[0] - before


def read_whole(call):
    """Return how often a call read all of the deliveries."""
    return count("seq_scan", call)


def test_a_lease_does_not_read_a_table_whole_that_has_just_begun_to_grow(little_known, now):
    assert read_whole(lambda: lease(now)) == 0


def test_recording_does_not_read_a_table_whole_that_has_just_begun_to_grow(little_known, now):
    leased = lease(now, 100)
    outcomes = [Outcome(each.message, timedelta(0)) for each in leased]
    assert read_whole(lambda: record(outcomes, leased, now)) == 0


def test_a_lease_of_few_reads_few_of_a_burst(burst, now):
    assert count("idx_tup_fetch", lambda: lease(now, 10)) < 100
