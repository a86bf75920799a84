"""P1 for what follows a firing: each nag once, and of two who answer one is first."""

import threading
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from foam.tests import processes
from foam.tests.faults.test_crashes import COMMIT, ROW, TICK, kill_at, sql, stopped_by
from foam.tests.races.test_races import THREADS, at_once, beside
from notifications.models import Delivery
from reminders.actions import responses
from reminders.engine import follow_ups, tick
from reminders.models import Occurrence, Response

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("woken"),
]

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def fired(make_reminder, now):
    """Return a function that fires some reminders that nag each minute."""

    def fire(count=1):
        for _ in range(count):
            make_reminder(nag_every=MINUTE, recurrence="FREQ=YEARLY")
        tick.run(now)
        return list(Occurrence.objects.order_by("pk"))

    return fire


def nags():
    return Delivery.objects.filter(reference__contains=":nag:").order_by("reference")


def test_parallel_ticks_say_each_nag_once(fired, now, monkeypatch):
    # Small batches, so that the ticks really take turns.
    monkeypatch.setattr(follow_ups, "BATCH", 7)
    occurrences = fired(60)
    at_once(*[lambda: tick.run(now + MINUTE)] * THREADS)
    assert set(nags().values_list("reference", flat=True)) == {
        f"{each.reference}:nag:1" for each in occurrences
    }
    assert set(Occurrence.objects.values_list("nags", flat=True)) == {1}


def test_tick_does_not_wait_for_another_that_follows_up(fired, now):
    held, free = fired(2)
    lock = Occurrence.objects.select_for_update()
    beside(lambda: lock.get(pk=held.pk), lambda: tick.run(now + MINUTE))
    assert nags().get().reference == f"{free.reference}:nag:1"


def test_of_those_who_acknowledge_at_once_one_is_first(fired, now):
    (occurrence,) = fired()

    def acknowledge():
        return responses.acknowledge(Occurrence.objects.get(pk=occurrence.pk), now)

    assert sorted(at_once(*[acknowledge] * THREADS)) == [False] * (THREADS - 1) + [True]
    assert Response.objects.count() == 1


def test_nag_and_answer_at_once_leave_nothing_to_say(fired, now):
    """Whichever comes first: nothing nags on, and no nag that was not sent yet goes out."""
    occurrences = fired(20)

    def answer():
        for each in occurrences:
            responses.acknowledge(each, now + MINUTE)

    at_once(answer, lambda: tick.run(now + MINUTE))
    assert not Occurrence.objects.exclude(status="acknowledged", follow_up_at=None).exists()
    assert not Delivery.objects.unfinished().exists()


# Who waits for a row waits for the transaction that holds it.
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"


def test_snooze_that_comes_while_its_reminder_is_paused_waits_for_the_resume(fired, now):
    (occurrence,) = fired()
    paused = threading.Event()

    def pause():
        with transaction.atomic():
            occurrence.reminder.pause(now)
            paused.set()
            processes.wait_until(lambda: sql(WAITING) == (1,), 30, "the snooze waits for it")

    def snooze():
        paused.wait(20)
        responses.snooze(Occurrence.objects.get(pk=occurrence.pk), now + HOUR, now)

    at_once(pause, snooze)
    occurrence.refresh_from_db()
    assert (occurrence.status, occurrence.follow_up_at) == ("snoozed", None)


STOPS = {
    "after the post": lambda: stopped_by(ROW, "INSERT", "notifications_delivery"),
    "at the commit": lambda: stopped_by(COMMIT, "UPDATE", "reminders_occurrence"),
}


@pytest.mark.e2e
@pytest.mark.parametrize("point", STOPS)
def test_tick_killed_while_it_nags_has_said_all_once_or_nothing(point, make_reminder, tmp_path):
    at = timezone.now().replace(microsecond=0) - 3 * MINUTE
    for _ in range(3):
        make_reminder(
            nag_every=2 * MINUTE, starts_at=at.replace(tzinfo=None), stored_at=at - MINUTE
        )
    tick.run(at)
    kill_at(STOPS[point](), TICK, tmp_path / "tick.log")
    assert nags().count() == (3 if point == "at the commit" else 0)
    tick.run(timezone.now())
    assert nags().count() == 3
    assert set(Occurrence.objects.values_list("nags", flat=True)) == {1}
