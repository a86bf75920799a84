"""What {number} tells: due instants that have fired, however many leads speak of each."""

from datetime import timedelta

import pytest

from notifications.models import Channel, Delivery
from reminders.engine import firing, tick
from reminders.schedule.numbering import MAX_OVERTAKEN, Count

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def said():
    """Return what was said, in the order of the due instants."""
    return list(Delivery.objects.order_by("due_at").values_list("title", flat=True))


@pytest.fixture
def daily(make_reminder, now):
    """Return a function that makes a reminder of each day."""

    def make(**fields):
        return make_reminder(title="{number}", recurrence="FREQ=DAILY", **fields)

    return make


def test_messages_are_numbered_from_one_whatever_their_channels(daily, now, user, channel):
    daily(channels=[channel, Channel.objects.inbox_of(user)])
    for days in range(3):
        tick.run(now + days * DAY)
    assert said() == ["1", "1", "2", "2", "3", "3"]


def test_leads_of_one_due_instant_have_its_number(daily, now):
    daily(leads=[HOUR, timedelta(0)], stored_at=now - 2 * HOUR)
    for at in (now - HOUR, now, now + DAY - HOUR, now + DAY):
        tick.run(at)
    assert said() == ["1", "1", "2", "2"]


def test_lead_longer_than_the_interval_has_the_number_of_its_own_due_instant(daily, now):
    daily(leads=[36 * HOUR, timedelta(0)], stored_at=now - 2 * DAY)
    for hours in (-36, -12, 0, 12, 24, 36):
        tick.run(now + hours * HOUR)
    assert said() == ["1", "1", "2", "2", "3", "4"]


def test_what_was_missed_is_not_counted(daily, now):
    daily()
    tick.run(now)
    tick.run(now + 5 * DAY)
    assert said() == ["1", "2"]


def test_each_of_a_backlog_has_its_own_number(daily, now):
    daily(misfire="all")
    tick.run(now + 3 * DAY)
    assert said() == ["1", "2", "3", "4"]


def test_message_sent_by_hand_takes_no_number_from_the_series(daily, now):
    reminder = daily()
    tick.run(now)
    reminder.refresh_from_db()
    firing.trigger(reminder, now + HOUR)
    tick.run(now + DAY)
    assert said() == ["1", "2", "2"]


def test_edit_by_one_who_read_before_it_fired_keeps_the_count(daily, now):
    reminder = daily()
    tick.run(now)
    reminder.recurrence = "FREQ=WEEKLY"
    reminder.store(now + HOUR)
    tick.run(now + 7 * DAY)
    assert said() == ["1", "2"]


def test_schedule_that_was_changed_is_counted_on_though_an_early_message_was_sent(daily, now):
    reminder = daily(leads=[30 * DAY], stored_at=now - 31 * DAY)
    tick.run(now - 30 * DAY)
    reminder.leads = [timedelta(0)]
    reminder.store(now - 30 * DAY)
    tick.run(now - 29 * DAY)
    tick.run(now)
    assert said() == ["1", "2"]


def test_search_for_the_number_of_one_long_overtaken_is_given_up(make_reminder, now):
    schedule = make_reminder(recurrence="FREQ=MINUTELY").schedule
    ahead = Count(5000, now + timedelta(minutes=MAX_OVERTAKEN + 10))
    assert ahead.number(now, schedule) == "?"
    assert ahead.number(now + timedelta(minutes=11), schedule) == str(5000 - MAX_OVERTAKEN + 1)
