"""P1, P2: the clock of the machine jumps. What is late by it, and that nothing is lost or doubled.

By whatever clock a thing was written it is read: what was put off while the clock was ahead waits
until the clock is there again. With everything real, test_faults.py has the clock jump under FOAM.
"""

from datetime import UTC, datetime, timedelta

import pytest
from django_celery_beat.models import PeriodicTask

from foam.celery import app
from foam.monitoring import health
from foam.processes.beat_scheduler import BeatEntry
from notifications.models import Channel, Delivery
from notifications.outbox.lease import LEASE, lease_oldest
from notifications.outbox.round import deliver, deliver_due
from notifications.transports import TransportError
from reminders.engine import tick as dispatch
from reminders.models import Occurrence

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

BACK = timedelta(minutes=10)
AHEAD = timedelta(hours=3)


def fired():
    return list(Occurrence.objects.order_by("due_at").values_list("due_at", "status"))


def test_what_fired_before_the_clock_was_set_back_does_not_fire_again(make_reminder, now):
    make_reminder()
    make_reminder(recurrence="FREQ=MINUTELY", stored_at=now - timedelta(seconds=30))
    dispatch.run(now)
    for minute in range(11):
        dispatch.run(now - BACK + timedelta(minutes=minute))
    assert [due_at for due_at, _ in fired()] == [now, now]
    dispatch.run(now + timedelta(minutes=1))
    assert len(fired()) == 3


def test_reminder_made_after_the_clock_was_set_back_fires_by_the_new_clock(make_reminder, now):
    dispatch.run(now)
    earlier = now - BACK
    due_at = earlier + timedelta(minutes=1)
    make_reminder(starts_at=due_at.replace(tzinfo=None), stored_at=earlier)
    assert dispatch.run(due_at) == 1


def test_clock_three_hours_ahead_fires_early_once_and_says_what_was_missed(make_reminder, now):
    make_reminder(starts_at=(now + AHEAD).replace(tzinfo=None))
    make_reminder(recurrence="FREQ=HOURLY")
    dispatch.run(now)
    dispatch.run(now + AHEAD)
    early = fired()
    assert [status for _, status in early] == ["pending", "missed", "missed", "pending", "pending"]
    for minutes in range(0, 181, 20):
        dispatch.run(now + timedelta(minutes=minutes))
    assert fired() == early
    assert dispatch.run(now + AHEAD + timedelta(hours=1)) == 1


def test_message_queued_before_the_clock_was_set_back_is_late_by_as_much(reminder, recorder, now):
    dispatch.run(now)
    deliver_due(now - BACK)
    assert recorder.sent == []
    deliver_due(now)
    assert len(recorder.sent) == 1


def test_lease_of_a_dead_worker_outlasts_a_clock_set_back_by_as_much(reminder, now):
    dispatch.run(now)
    lease_oldest(now)
    assert lease_oldest(now - BACK + LEASE) == []
    assert len(lease_oldest(now + LEASE)) == 1


def test_worker_that_sends_while_the_clock_is_set_back_is_not_followed(reminder, recorder, now):
    dispatch.run(now)
    leased = lease_oldest(now)
    assert deliver_due(now - BACK) == 0
    assert deliver(leased, now) == 1
    deliver_due(now + LEASE)
    assert len(recorder.sent) == 1


def test_worker_that_sends_while_the_clock_goes_ahead_cannot_record_twice(reminder, recorder, now):
    dispatch.run(now)
    leased = lease_oldest(now)
    deliver_due(now + AHEAD)
    assert deliver(leased, now) == 0
    delivery = Delivery.objects.get()
    assert list(delivery.attempts.values_list("outcome", flat=True)) == ["sent", "sent"]
    assert {message.id for message in recorder.sent} == {delivery.message_id}


def test_retry_put_off_before_the_clock_was_set_back_still_comes(reminder, recorder, now):
    dispatch.run(now)
    recorder.fail_with(TransportError("busy"))
    deliver_due(now)
    recorder.recover()
    deliver_due(now - BACK)
    assert recorder.sent == []
    deliver_due(now + timedelta(seconds=10))
    assert len(recorder.sent) == 1


def test_held_channel_is_let_go_by_the_clock_that_held_it(reminder, recorder, channel, now):
    recorder.fail_with(TransportError("timed out", hung=True))
    dispatch.run(now)
    deliver_due(now)
    recorder.recover()
    channel.refresh_from_db()
    assert channel.held_until <= now + timedelta(seconds=16)
    deliver_due(now + timedelta(seconds=20))
    assert Channel.objects.get(pk=channel.pk).held_until is None


def test_clock_set_back_without_a_tick_since_is_no_fresh_heartbeat(now):
    dispatch.run(now)
    assert "ahead" in health.Pulse.take(now - BACK).tick_trouble
    dispatch.run(now - BACK)
    assert health.Pulse.take(now - BACK).tick_trouble == ""


def test_beat_sends_what_last_ran_in_the_future(beat_rows):
    tick = PeriodicTask.objects.get(name="tick")
    tick.last_run_at = datetime.now(UTC) + AHEAD
    _, seconds = BeatEntry(tick, app=app).is_due()
    assert seconds <= 1
