"""Pauses and ticks at once, with real transactions in real threads."""

from collections import Counter
from datetime import timedelta

import pytest

from accounts import pauses
from accounts.pauses import Pause
from foam.tests.test_races import at_once
from notifications import holding, lease, outbox
from notifications.models import Delivery
from reminders import dispatch
from reminders.models import Occurrence, Reminder

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("woken")]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def statuses():
    return Counter(Occurrence.objects.values_list("status", flat=True))


def test_pause_and_ticks_at_once_record_each_once(make_reminder, user, now):
    """Whoever comes first: it fires, or it is missed, and never both."""
    for _ in range(40):
        make_reminder(recurrence="FREQ=DAILY")
    at_once(
        lambda: dispatch.tick(now),
        lambda: pauses.begin("user", now, owner=user),
        lambda: dispatch.tick(now),
    )
    dispatch.tick(now)
    found = statuses()
    assert found["pending"] + found["missed"] == 40
    assert Delivery.objects.count() == found["pending"]
    assert set(Reminder.objects.values_list("next_due_at", flat=True)) == {now + DAY}


def test_end_and_ticks_at_once_resume_each_once(make_reminder, now):
    made = [make_reminder(recurrence="FREQ=DAILY") for _ in range(30)]
    for each in made:
        each.pause(now - HOUR, now + HOUR)
    at_once(*[lambda: dispatch.tick(now + HOUR)] * 3)
    dispatch.tick(now + HOUR)
    assert set(Reminder.objects.values_list("status", "next_due_at")) == {("active", now + DAY)}
    assert {each.changes.filter(verb="resumed").count() for each in made} == {1}
    assert statuses() == {}


def test_pause_of_a_reminder_and_ticks_at_once_record_it_once(make_reminder, now):
    made = [make_reminder(recurrence="FREQ=DAILY") for _ in range(20)]
    at_once(
        lambda: dispatch.tick(now),
        lambda: [each.pause(now, now + HOUR) for each in made],
        lambda: [each.pause(now, now + 2 * HOUR) for each in reversed(made)],
    )
    assert Occurrence.objects.count() == 20
    assert set(Reminder.objects.values_list("status", flat=True)) == {"paused"}


def test_two_who_pause_at_once_make_one_pause(user, now):
    at_once(*[lambda: pauses.begin("user", now, owner=user)] * 4)
    assert Pause.objects.count() == 1


def test_what_is_posted_beside_a_pause_waits_like_the_rest(channel, now):
    """Whoever has not seen the pause queues it as due; no worker takes it."""

    def post(names):
        for name in names:
            outbox.post([outbox.Post(channel.pk, f"test:{name}", "Tea", "", now)], now)

    at_once(
        lambda: post(range(30)),
        lambda: holding.pause(channel, now, now + HOUR),
        lambda: post(range(30, 60)),
    )
    assert lease.lease(now) == []
    assert set(Delivery.objects.values_list("held", "next_attempt_at")) == {("paused", now + HOUR)}
