"""P1, P2: PostgreSQL refuses for want of room (SQLSTATE 53100), wherever that strikes.

Here a trigger says so; in test_faults.py a file system that is full does.
"""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from notifications.models import Attempt, Delivery
from notifications.outbox.round import deliver_due
from reminders.engine import tick
from reminders.models import Occurrence, Reminder

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("woken")]

REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
END $$
"""


@contextmanager
def no_room_in(table, event="INSERT"):
    with connection.cursor() as cursor:
        cursor.execute(REFUSE)
        cursor.execute(
            f"CREATE TRIGGER full_disk BEFORE {event} ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION refuse CASCADE")


@pytest.mark.parametrize(
    "place",
    [
        ("reminders_occurrence", "INSERT"),
        ("notifications_delivery", "INSERT"),
        ("reminders_plan", "UPDATE"),
    ],
)
def test_tick_without_room_fires_nothing_and_leaves_no_heartbeat(make_reminder, now, place):
    reminder = make_reminder(recurrence="FREQ=DAILY")
    with no_room_in(*place), pytest.raises(OperationalError):
        tick.run(now)
    assert not Occurrence.objects.exists()
    assert not Delivery.objects.exists()
    assert tick.last_tick() is None
    assert Reminder.objects.due(now).get() == reminder


def test_reminder_is_not_set_aside_for_want_of_room(reminder, now):
    with no_room_in("reminders_occurrence"), pytest.raises(OperationalError):
        tick.run(now)
    reminder.refresh_from_db()
    assert reminder.error == ""
    assert tick.run(now) == 1


def test_lease_without_room_leaves_the_delivery_as_it_was(reminder, recorder, now):
    tick.run(now)
    with no_room_in("notifications_delivery", "UPDATE"):
        deliver_due(now)
    assert (Delivery.objects.get().status, Delivery.objects.get().attempt) == ("queued", 0)
    assert recorder.tried == []


def test_outcome_that_finds_no_room_until_the_lease_is_over_is_uncertain_and_goes_again(
    reminder, recorder, now, monkeypatch
):
    tick.run(now)
    monkeypatch.setattr("notifications.outbox.round.LEASE", timedelta(0))
    with no_room_in("notifications_attempt"), pytest.raises(OperationalError):
        deliver_due(now)
    deliver_due(now + timedelta(minutes=3))
    first, second = recorder.sent
    assert first.id == second.id
    assert list(Attempt.objects.values_list("outcome", flat=True)) == ["uncertain", "sent"]
