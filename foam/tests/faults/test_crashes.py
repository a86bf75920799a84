"""P1, P2, P3: a process killed with SIGKILL at each point of its work, and what is left behind.

A process is stopped at a point by a lock that the test holds, and PostgreSQL tells when it has come
there: no test waits for a time. Others then take over, with the clock put forward by hand.
"""

import os
import signal
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from foam.tests import processes
from notifications.models import Attempt, Delivery
from notifications.outbox.lease import LEASE
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import deliver_due
from notifications.tests.receivers import Hang, HttpReceiver
from reminders.engine import tick
from reminders.models import Occurrence, Reminder

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
]

TICK = "from reminders.tasks import dispatch; dispatch()"
DELIVER = "from notifications.tasks import deliver; deliver()"

# Whoever runs into one of these triggers waits for the lock that the test holds.
WAIT_HERE = """
CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock_shared(1843); RETURN NULL; END $$
"""
ROW = "CREATE TRIGGER stop AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION wait_here()"
COMMIT = """
CREATE CONSTRAINT TRIGGER stop AFTER {event} ON {table} DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION wait_here()
"""
HELD_UP = """
SELECT count(*) FROM pg_locks WHERE NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

UNDER_WAY = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
"""


def sql(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone() if cursor.description else None


@contextmanager
def stopped_before(table):
    """Hold up whatever comes to its first statement about this table."""
    with transaction.atomic():
        sql(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def stopped_by(trigger, event, table):
    """Hold up whatever has just done this, or is about to commit it."""
    sql(WAIT_HERE)
    sql(trigger.format(event=event, table=table))
    sql("SELECT pg_advisory_lock(1843)")
    try:
        yield
    finally:
        sql("SELECT pg_advisory_unlock(1843)")
        # Waits for the transaction of the one who was held up: then it is over.
        sql("DROP FUNCTION wait_here CASCADE")


def kill_at(stop, code, log):
    """Run a task in a process of its own, and kill that when it has come to the stop."""
    with running(code, log) as doomed, stop:
        processes.wait_until(lambda: sql(HELD_UP) == (1,), 60, "it comes to the stop")
        os.killpg(doomed.pid, signal.SIGKILL)
        doomed.wait()
    # PostgreSQL finds out that nobody is there any more when it has got the lock.
    processes.wait_until(lambda: sql(UNDER_WAY) == (0,), 60, "its transaction is undone")


def running(code, log, **extra):
    env = processes.environment(**extra)
    return processes.running(["django", "shell", "-c", code], env, log)


@pytest.fixture
def due(make_reminder):
    """Three reminders due a minute ago, one of which goes on."""
    at = timezone.now().replace(microsecond=0) - timedelta(minutes=1)
    fields = {"starts_at": at.replace(tzinfo=None), "stored_at": at - timedelta(minutes=1)}
    return [make_reminder(recurrence=each, **fields) for each in ("", "", "FREQ=DAILY")]


DISPATCH_STOPS = {
    "before the claim": lambda: stopped_before("reminders_plan"),
    "after the claim": lambda: stopped_before("reminders_occurrence"),
    "after the record": lambda: stopped_by(ROW, "INSERT", "reminders_occurrence"),
    "after the post": lambda: stopped_by(ROW, "INSERT", "notifications_delivery"),
    "after the advance": lambda: stopped_by(ROW, "UPDATE", "reminders_plan"),
    "at the commit": lambda: stopped_by(COMMIT, "INSERT", "notifications_delivery"),
}


@pytest.mark.parametrize("point", DISPATCH_STOPS)
def test_dispatcher_killed_at_any_point_has_fired_all_once_or_nothing(point, due, woken, tmp_path):
    kill_at(DISPATCH_STOPS[point](), TICK, tmp_path / "tick.log")
    # A commit that PostgreSQL had been told of goes through; anything else is undone.
    assert Occurrence.objects.count() == (len(due) if point == "at the commit" else 0)
    tick.run(timezone.now())
    assert Counter(Occurrence.objects.values_list("reminder", flat=True)) == {
        reminder.pk: 1 for reminder in due
    }
    assert Delivery.objects.count() == len(due)
    assert not Reminder.objects.due(timezone.now()).exists()


def test_what_a_machine_had_claimed_that_froze_or_was_cut_off_is_fired_by_others(
    due, woken, tmp_path
):
    url = processes.environment()["DATABASE_URL"]
    url += "&?"["?" not in url] + "options=-c%20idle_in_transaction_session_timeout%3D200"
    with running(TICK, tmp_path / "tick.log", DATABASE_URL=url) as frozen:
        with stopped_before("reminders_occurrence"):
            processes.wait_until(lambda: sql(HELD_UP) == (1,), 60, "it comes to the stop")
            os.killpg(frozen.pid, signal.SIGSTOP)
        wait = processes.wait_until
        wait(lambda: tick.run(timezone.now()) == len(due), 20, "its claim is given up")
        os.killpg(frozen.pid, signal.SIGCONT)
        frozen.wait(20)
    assert Occurrence.objects.count() == Delivery.objects.count() == len(due)


def test_no_session_holds_locks_for_ever_when_its_machine_is_gone():
    (timeout,) = sql("SHOW idle_in_transaction_session_timeout")
    assert timeout == "1min"


@pytest.fixture
def receiver(channel):
    with HttpReceiver() as receiver:
        channel.address = receiver.url
        channel.clean()
        channel.save()
        yield receiver


@pytest.fixture
def delivery(channel, receiver, woken):
    now = timezone.now()
    post_messages([Post(channel.pk, "occurrence:1", "Stand-up", "", now)], now)
    return Delivery.objects.get()


def told(delivery):
    """Return what became of each attempt, in order."""
    return list(delivery.attempts.values_list("outcome", flat=True))


UNDONE = {
    "before the lease": lambda: stopped_before("notifications_delivery"),
    "after the lease": lambda: stopped_by(ROW, "UPDATE", "notifications_delivery"),
}


@pytest.mark.parametrize("point", UNDONE)
def test_worker_killed_before_its_lease_stands_has_touched_nothing(
    point, delivery, receiver, tmp_path
):
    kill_at(UNDONE[point](), DELIVER, tmp_path / "deliver.log")
    assert receiver.requests == []
    deliver_due(timezone.now())
    assert len(receiver.requests) == 1
    assert told(delivery) == ["sent"]


def test_worker_killed_between_lease_and_sending_is_followed_when_the_lease_has_run_out(
    delivery, receiver, tmp_path
):
    stop = stopped_by(COMMIT, "UPDATE", "notifications_delivery")
    kill_at(stop, DELIVER, tmp_path / "deliver.log")
    deliver_due(timezone.now())
    assert receiver.requests == []
    deliver_due(timezone.now() + LEASE)
    assert len(receiver.requests) == 1
    assert told(delivery) == ["uncertain", "sent"]


def test_worker_killed_while_its_receiver_answers_repeats_under_the_same_id(
    delivery, receiver, tmp_path
):
    receiver.script(Hang())
    with running(DELIVER, tmp_path / "deliver.log") as doomed:
        receiver.wait_for(1, timeout=30)
        os.killpg(doomed.pid, signal.SIGKILL)
    deliver_due(timezone.now() + LEASE)
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery.message_id
    assert told(delivery) == ["uncertain", "sent"]


def test_worker_killed_between_answer_and_record_repeats_under_the_same_id(
    delivery, receiver, tmp_path
):
    stop = stopped_by(ROW, "INSERT", "notifications_attempt")
    kill_at(stop, DELIVER, tmp_path / "deliver.log")
    assert len(receiver.requests) == 1
    assert not Attempt.objects.exists()
    deliver_due(timezone.now() + LEASE)
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery.message_id
    assert told(delivery) == ["uncertain", "sent"]


def test_worker_killed_at_the_commit_of_its_record_repeats_nothing(delivery, receiver, tmp_path):
    stop = stopped_by(COMMIT, "INSERT", "notifications_attempt")
    kill_at(stop, DELIVER, tmp_path / "deliver.log")
    deliver_due(timezone.now() + LEASE)
    assert len(receiver.requests) == 1
    assert told(delivery) == ["sent"]
