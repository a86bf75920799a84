"""Partitions that are made and dropped while others read and write their tables."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, transaction

from foam.tests.processes import wait_until
from notifications.models import Attempt, Delivery
from notifications.operations import attempt_partitions, partitions
from notifications.operations.attempt_partitions import ATTEMPTS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("partitions")]


@contextmanager
def meanwhile(act, until) -> Iterator[None]:
    """Run the body while another transaction, which has called `act`, is open `until` it holds."""
    holds = threading.Event()

    def hold():
        try:
            with transaction.atomic():
                act()
                holds.set()
                wait_until(until, 20, "the end of the transaction")
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert holds.wait(20)
    try:
        yield
    finally:
        thread.join()


def lock_is_waited_for():
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return cursor.fetchone()[0]


def test_attempt_that_is_being_stored_keeps_its_partition(channel, now):
    def store():
        delivery = Delivery.objects.create(
            pk=5, channel=channel, reference="test:5", title="Tea", due_at=now,
            created_at=now, finished_at=now, status="sent", attempt=1,
        )  # fmt: skip
        Attempt.objects.create(delivery=delivery, number=1, outcome="sent", ended_at=now)

    with meanwhile(store, lock_is_waited_for):
        dropped = ATTEMPTS.drop(ATTEMPTS.partitions()[0], attempt_partitions.NEEDED)
    assert (dropped, Attempt.objects.count()) == (False, 1)


def test_partition_in_use_is_left_for_the_next_run(monkeypatch):
    first, has_tried = ATTEMPTS.partitions()[0], threading.Event()
    monkeypatch.setattr(partitions, "LOCK_LIMIT", timedelta(milliseconds=50))
    with meanwhile(lambda: list(Attempt.objects.all()), has_tried.is_set):
        assert not ATTEMPTS.drop(first, attempt_partitions.NEEDED)
        assert not ATTEMPTS.make(10**6, 10**6 + 1, "in_use")
        has_tried.set()
    monkeypatch.setattr(partitions, "LOCK_LIMIT", timedelta(seconds=30))
    assert ATTEMPTS.drop(first, attempt_partitions.NEEDED)


def test_attempt_is_stored_while_a_partition_is_made(channel, now):
    next_lower = ATTEMPTS.partitions()[-1].upper
    with transaction.atomic():
        assert ATTEMPTS.make(next_lower, next_lower + 1000, f"{next_lower}")
        thread = threading.Thread(target=record_attempt, args=(now,))
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
    assert Attempt.objects.get().delivery_id == 7


def record_attempt(now):
    try:
        Attempt.objects.create(delivery_id=7, number=1, outcome="sent", ended_at=now)
    finally:
        connection.close()
