"""Pauses and ticks at once, with real transactions in real threads."""

from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Pause, User, pause
from foam.tests.races.test_races import at_once, beside
from notifications.models import Delivery
from notifications.outbox import hold_rules, lease
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import deliver_due
from reminders.engine import tick
from reminders.models import Occurrence, Plan

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("woken")]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def statuses():
    return Counter(Occurrence.objects.values_list("status", flat=True))


def test_pause_and_ticks_at_once_record_each_once(make_reminder, user, now):
    """Whoever comes first: it fires, or it is missed, and never both."""
    for _ in range(40):
        make_reminder(recurrence="FREQ=DAILY")
    at_once(
        lambda: tick.run(now),
        lambda: pause.begin("user", now, owner=user),
        lambda: tick.run(now),
    )
    tick.run(now)
    found = statuses()
    assert found["pending"] + found["missed"] == 40
    assert Delivery.objects.count() == found["pending"]
    assert set(Plan.objects.values_list("next_due_at", flat=True)) == {now + DAY}


def test_end_and_ticks_at_once_resume_each_once(make_reminder, now):
    made = [make_reminder(recurrence="FREQ=DAILY") for _ in range(30)]
    for each in made:
        each.pause(now - HOUR, now + HOUR)
    at_once(*[lambda: tick.run(now + HOUR)] * 3)
    tick.run(now + HOUR)
    assert set(Plan.objects.values_list("status", "next_due_at")) == {("active", now + DAY)}
    assert {each.changes.filter(verb="resumed").count() for each in made} == {1}
    assert statuses() == {}


def test_pause_of_a_reminder_and_ticks_at_once_record_it_once(make_reminder, now):
    made = [make_reminder(recurrence="FREQ=DAILY") for _ in range(20)]
    at_once(
        lambda: tick.run(now),
        lambda: [each.pause(now, now + HOUR) for each in made],
        lambda: [each.pause(now, now + 2 * HOUR) for each in reversed(made)],
    )
    assert Occurrence.objects.count() == 20
    assert set(Plan.objects.values_list("status", flat=True)) == {"paused"}


def test_two_who_pause_at_once_make_one_pause(user, now):
    at_once(*[lambda: pause.begin("user", now, owner=user)] * 4)
    assert Pause.objects.count() == 1


def test_what_is_posted_beside_a_pause_waits_like_the_rest(channel, now):
    """Whoever has not seen the pause queues it as due; no worker takes it."""

    def post(names):
        for name in names:
            post_messages([Post(channel.pk, f"test:{name}", "Tea", "", now)], now)

    at_once(
        lambda: post(range(30)),
        lambda: hold_rules.pause(channel, now, now + HOUR),
        lambda: post(range(30, 60)),
    )
    assert lease.lease_oldest(now) == []
    assert set(Delivery.objects.values_list("held", "next_attempt_at")) == {("paused", now + HOUR)}


def switch_off(user):
    User.objects.filter(pk=user.pk).update(is_active=False)


def test_tick_that_commits_after_a_switch_off_has_nothing_sent(make_reminder, user, recorder):
    """The tick has not seen the pause; no worker takes what it posts."""
    now = timezone.now().replace(microsecond=0)
    for _ in range(5):
        make_reminder(starts_at=now.replace(tzinfo=None), stored_at=now - HOUR)
    beside(lambda: tick.fire_batch(now), lambda: switch_off(user))
    deliver_due(timezone.now())
    assert recorder.sent == []
    assert statuses() == {"pending": 5}
    assert set(Delivery.objects.values_list("status", flat=True)) == {"cancelled"}


def test_switch_off_waits_for_no_lease_and_ends_what_comes_after_it(channel, user, recorder):
    """What a worker has taken may still arrive; it takes nothing more."""
    now = timezone.now()
    posts = [Post(channel.pk, f"test:{name}", "Tea", "", now) for name in range(2)]
    post_messages(posts, now)
    beside(lambda: lease.lease_oldest(now, limit=1), lambda: switch_off(user))
    assert lease.lease_oldest(now) == []
    assert Counter(Delivery.objects.values_list("status", flat=True)) == {
        "sending": 1,
        "cancelled": 1,
    }
