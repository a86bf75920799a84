"""What changed of a reminder is kept, and what held until then can be told."""

from datetime import datetime, timedelta

import pytest

from notifications.models import Channel
from reminders.engine import replan, tick
from reminders.models import Reminder
from reminders.models import change as history
from reminders.tests.engine import tz_rules

update_rules = tz_rules.update_rules
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

MINUTE = timedelta(minutes=1)


def story(reminder):
    told = history.schedule_changes(reminder)
    return [(change.verb, change.detail) for change in told]


def test_firing_leaves_nothing_and_a_creation_only_that_it_was(make_reminder, now):
    reminder = make_reminder(recurrence="FREQ=DAILY")
    tick.run(now)
    assert [change.verb for change in reminder.changes.all()] == ["created"]
    assert story(reminder) == []


def test_edit_is_kept_with_the_names_of_what_changed(reminder, now):
    reminder.title = "Tell nobody"
    reminder.recurrence = "FREQ=DAILY"
    reminder.store(now - MINUTE)
    assert story(reminder) == [("edited", "title, recurrence")]
    assert reminder.changes.last().diff == {
        "title": ["Stand-up", "Tell nobody"],
        "recurrence": ["", "FREQ=DAILY"],
    }


def test_edit_that_changes_nothing_leaves_nothing(reminder, channel, now):
    reminder.store(now - MINUTE, [channel])
    assert story(reminder) == []


def test_edit_of_the_channels_is_kept(reminder, user, now):
    reminder.store(now - MINUTE, [Channel.objects.inbox_of(user)])
    assert story(reminder) == [("edited", "channels")]


def test_refused_edit_leaves_nothing(reminder, now):
    reminder.timezone = "Mars/Olympus"
    with pytest.raises(Exception, match="Mars"):
        reminder.store(now - MINUTE)
    assert story(reminder) == []


def test_pause_resume_and_delete_are_kept_once(reminder, now):
    for verb in (reminder.pause, reminder.pause, reminder.resume, reminder.resume):
        verb(now - MINUTE)
    reminder.close(now - MINUTE)
    reminder.close(now - MINUTE)
    assert story(reminder) == [("paused", ""), ("resumed", ""), ("deleted", "")]


def test_set_aside_is_kept_once_for_one_error(reminder, now):
    Reminder.objects.filter(pk=reminder.pk).update(timezone="Mars/Olympus")
    for _ in range(3):
        tick.run(now)
        now += tick.SET_ASIDE
    [(verb, detail)] = story(reminder)
    assert (verb, "Mars/Olympus" in detail) == ("set_aside", True)


def test_error_that_quotes_the_row_is_kept_without_it(reminder, now):
    for number in range(2):
        error = ValueError(f"no\nDETAIL:  Failing row contains ({number}, Stand-up).")
        tick.set_aside(reminder, error, now)
        reminder.refresh_from_db()
    assert story(reminder) == [("set_aside", "ValueError: no")]


def test_same_error_after_a_firing_is_kept_again(make_reminder, now):
    reminder = make_reminder(recurrence="FREQ=DAILY")
    rows = Reminder.objects.filter(pk=reminder.pk)
    for zone in ("Mars/Olympus", "UTC", "Mars/Olympus"):
        rows.update(timezone=zone)
        tick.run(now)
        now += timedelta(days=1)
    assert [verb for verb, _ in story(reminder)] == ["set_aside", "set_aside"]


def test_plan_made_anew_is_kept_with_its_move(make_reminder, now, update_rules):
    reminder = make_reminder(starts_at=datetime(2026, 11, 23, 18), timezone="Europe/Berlin")
    update_rules("Europe/Berlin", "Europe/London")
    replan.apply([reminder.pk], now - MINUTE)
    move = "2026-11-23 17:00:00 UTC -> 2026-11-23 18:00:00 UTC"
    assert story(reminder) == [("replanned", move)]


def test_reminder_can_be_told_as_of_any_moment(make_reminder, now):
    fields = {
        "recurrence": "FREQ=DAILY",
        "exdates": [datetime(2026, 11, 25, 17)],
        "leads": [timedelta(0), timedelta(hours=1)],
        "misfire": "none",
        "grace": timedelta(minutes=7),
    }
    reminder = make_reminder(**fields, stored_at=now - timedelta(hours=2))
    reminder.recurrence, reminder.exdates, reminder.leads = "FREQ=WEEKLY", [], [timedelta(0)]
    reminder.store(now + MINUTE)
    reminder.pause(now + 3 * MINUTE)
    first = history.as_of(reminder, now)
    assert {name: getattr(first, name) for name in fields} == fields
    assert first.schedule == Reminder(**fields, starts_at=first.starts_at, timezone="UTC").schedule
    second = history.as_of(reminder, now + 2 * MINUTE)
    assert (second.recurrence, second.status) == ("FREQ=WEEKLY", "active")
    assert history.as_of(reminder, now + 4 * MINUTE).status == "paused"


def test_what_is_due_at_the_moment_of_a_change_belongs_to_what_was_before(reminder, now):
    reminder.pause(now)
    assert history.as_of(reminder, now).status == "active"
