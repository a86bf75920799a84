"""Attempts lie in partitions by their delivery, which are made ahead and dropped when unneeded."""

from datetime import timedelta

import pytest
from django.db import connection

from notifications.models import Attempt, Delivery
from notifications.operations import attempt_partitions
from notifications.operations import partitions as partition_changes
from notifications.operations.attempt_partitions import ATTEMPTS, MILLION
from notifications.operations.partitions import Partition

pytestmark = pytest.mark.django_db

SIZE = attempt_partitions.SMALLEST


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Have a busy machine fail no test; the tests of the time limit set their own."""
    monkeypatch.setattr(partition_changes, "LOCK_LIMIT", timedelta(seconds=30))


@pytest.fixture
def deliver(channel, now):
    """Return a function that stores a delivery with an id and an attempt at it."""

    def deliver(pk):
        delivery = Delivery.objects.create(
            pk=pk, channel=channel, reference=f"test:{pk}", title="Tea", due_at=now,
            created_at=now, finished_at=now, status="sent", attempt=1,
        )  # fmt: skip
        return Attempt.objects.create(delivery=delivery, number=1, outcome="sent", ended_at=now)

    return deliver


def next_delivery(pk):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('notifications_delivery', 'id'), %s, false)", [pk]
        )


def bounds():
    return [(partition.lower, partition.upper) for partition in ATTEMPTS.partitions()]


def in_default():
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {ATTEMPTS.default}")
        return cursor.fetchone()[0]


def test_partitions_of_the_next_delivery_and_of_those_after_it_are_made():
    next_delivery(3 * MILLION + 1)
    attempt_partitions.make_ahead()
    first = 3 * MILLION
    assert bounds() == [(first, first + SIZE), (first + SIZE, first + 2 * SIZE)]


def test_making_partitions_again_makes_none():
    next_delivery(1)
    attempt_partitions.make_ahead()
    made = bounds()
    attempt_partitions.make_ahead()
    assert bounds() == made


def test_partition_holds_a_twelfth_of_many_deliveries(deliver):
    deliver(1)
    next_delivery(240 * MILLION)
    attempt_partitions.make_ahead()
    assert bounds()[0] == (240 * MILLION, 260 * MILLION)


def test_ids_that_jump_get_partitions_where_they_are():
    next_delivery(1)
    attempt_partitions.make_ahead()
    next_delivery(10**12)
    assert attempt_partitions.is_missing()
    attempt_partitions.make_ahead()
    assert not attempt_partitions.is_missing()


def test_attempt_without_a_partition_is_stored_and_moves_to_its_own_when_that_is_made(deliver):
    attempt = deliver(5)
    assert in_default() == 1
    next_delivery(6)
    attempt_partitions.make_ahead()
    assert in_default() == 0
    attempt.refresh_from_db()


def test_partition_goes_when_all_of_its_deliveries_are_deleted(deliver):
    next_delivery(1)
    attempt_partitions.make_ahead()
    deliver(5)
    deliver(SIZE + 5)
    attempt_partitions.drop_old()
    assert len(bounds()) == 2
    Delivery.objects.filter(pk=5).delete()
    attempt_partitions.drop_old()
    assert bounds() == [(SIZE, 2 * SIZE)]


def test_partition_of_deliveries_to_come_stays():
    next_delivery(1)
    attempt_partitions.make_ahead()
    attempt_partitions.drop_old()
    assert len(bounds()) == 2


def test_attempt_of_a_dropped_partition_goes_to_the_default_one(deliver):
    ATTEMPTS.make(0, 100, "from_0")
    next_delivery(200)
    attempt_partitions.drop_old()
    deliver(5)
    assert (bounds(), in_default()) == ([], 1)


@pytest.mark.parametrize(("lower", "upper"), [(0, 100), (50, 150), (10, 20), (-50, 50)])
def test_range_that_has_a_partition_gets_no_other(lower, upper):
    ATTEMPTS.make(0, 100, "from_0")
    assert ATTEMPTS.make(lower, upper, "other")
    assert bounds() == [(0, 100)]


def test_ranges_beside_a_partition_get_their_own():
    ATTEMPTS.make(0, 100, "from_0")
    ATTEMPTS.make(100, 200, "from_100")
    ATTEMPTS.make(-100, 0, "before")
    assert bounds() == [(-100, 0), (0, 100), (100, 200)]


def test_partition_that_another_run_has_dropped_is_passed_by():
    gone = Partition("notifications_attempt_gone", 0, 100)
    assert not ATTEMPTS.drop(gone, attempt_partitions.NEEDED)


@pytest.mark.usefixtures("partitions")
def test_partition_that_is_needed_is_not_dropped(deliver):
    deliver(5)
    assert not ATTEMPTS.drop(
        Partition("notifications_attempt_0", 0, 1000), attempt_partitions.NEEDED
    )
    assert Attempt.objects.count() == 1


def test_first_partition_without_a_lower_bound_is_read():
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE notifications_attempt_before PARTITION OF notifications_attempt"
            " FOR VALUES FROM (MINVALUE) TO (7)"
        )
    assert ATTEMPTS.partitions() == [Partition("notifications_attempt_before", None, 7)]
    assert ATTEMPTS.is_covered(-1)
    next_delivery(8)
    attempt_partitions.drop_old()
    assert bounds() == []
