"""P8: parallel ticks share one rate, and a decision holds for all that comes after it."""

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.audit.actor import Actor, acting_as
from notifications.models import Channel, Delivery
from notifications.outbox.round import deliver_due
from reminders.engine import backlog, firing, tick
from reminders.models import Backlog, Occurrence, Reminder

from .test_races import THREADS, at_once, beside

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("woken"),
]

RATE = 4


@pytest.fixture
def late(make_reminder, now, monkeypatch, settings):
    """Twenty reminders that an outage has left."""
    monkeypatch.setattr(tick, "FIRST", 3)
    settings.FOAM_BACKLOG_RATE = RATE
    began = (now - timedelta(hours=1)).replace(tzinfo=None)
    return [make_reminder(starts_at=began, stored_at=now - timedelta(hours=2)) for _ in range(20)]


def test_parallel_ticks_share_the_rate(late, now):
    at_once(*[lambda: tick.run(now)] * THREADS)
    assert Occurrence.objects.count() == RATE
    at_once(*[lambda: tick.run(now + timedelta(seconds=1))] * THREADS)
    assert Occurrence.objects.count() == 2 * RATE
    assert Backlog.objects.count() == 1


def test_two_who_decide_at_once_open_one_backlog(late, now):
    at_once(
        lambda: backlog.decide("hold", now),
        lambda: backlog.decide("hold", now),
    )
    assert Backlog.objects.get().decision == "hold"


def test_tick_does_not_wait_for_who_is_deciding(late, make_reminder, now):
    make_reminder()
    tick.run(now - timedelta(seconds=1))
    assert beside(Backlog.objects.locked, lambda: tick.run(now)) == 1


def test_decision_waits_for_the_batch_that_is_being_fired(late, now, monkeypatch):
    tick.run(now)
    fires, write = threading.Event(), firing.write

    def slowly(planned, at):
        fires.set()
        threading.Event().wait(0.3)
        return write(planned, at)

    monkeypatch.setattr(firing, "write", slowly)

    def decide():
        fires.wait(10)
        with acting_as(Actor("admin")):
            backlog.decide("hold", now)
        return Occurrence.objects.count()

    _, seen = at_once(lambda: tick.run(now + timedelta(seconds=1)), decide)
    assert seen == 2 * RATE == Occurrence.objects.count()


def test_backlog_is_open_while_another_has_what_is_left_of_it(late, now):
    with acting_as(Actor("admin")):
        backlog.decide("drop", now)
    locked = Reminder.objects.locked()
    assert beside(lambda: list(locked), lambda: tick.run(now)) == 0
    assert Backlog.objects.get().ended_at is None
    tick.run(now)
    assert Occurrence.objects.filter(status="missed").count() == 20


def test_on_time_is_sent_while_a_large_backlog_waits(late, make_reminder, user, recorder, settings):
    settings.FOAM_BACKLOG_RATE = 5
    inbox = Channel.objects.inbox_of(user)
    now = timezone.now().replace(microsecond=0)
    on_time = make_reminder(
        starts_at=now.replace(tzinfo=None), stored_at=now - timedelta(hours=1), channels=[inbox]
    )
    tick.run(now)
    deliver_due(now)
    # With the few late ones of the same tick, which are due at the same instant.
    assert inbox.pk in {message.channel_id for message in recorder.sent}
    assert Delivery.objects.get(channel=inbox).status == "sent"
    assert on_time.occurrences.count() == 1
    assert Backlog.objects.get().cleared_count == 5
