"""P1 and P7: a replan and a tick at once, with real transactions in real threads."""

import threading
from collections import Counter
from datetime import datetime, timedelta

import pytest
from django.db import transaction

from foam.tests.races.test_races import at_once, tick_beside
from reminders.engine import replan
from reminders.engine import tick as dispatch
from reminders.models import Occurrence, Plan, Reminder
from reminders.recurrence import local_time
from reminders.tests.engine import tz_rules

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("woken", "update_rules"),
]

update_rules = tz_rules.update_rules

BERLIN = "Europe/Berlin"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def make_daily(make_reminder):
    """Return a function that stores a daily reminder at an hour of 23 November in Berlin."""

    def make(hour, **fields):
        starts_at = datetime(2026, 11, 23, hour)
        return make_reminder(
            starts_at=starts_at, timezone=BERLIN, recurrence="FREQ=DAILY", **fields
        ).pk

    return make


def replan_all(now):
    """As the command does, in small parts."""
    ids, batch = [], replan.find_moves(now, limit=7)
    while batch.checked:
        ids += [move.reminder_id for move in batch.moves]
        batch = replan.find_moves(now, batch.last_id, limit=7)
    return sum(len(replan.apply(some, now).moves) for some in replan.batches(ids, 7))


@pytest.mark.parametrize("like", ["Europe/London", "Europe/Helsinki"])
def test_replan_and_tick_at_once_lose_and_double_nothing(make_daily, now, update_rules, like):
    """18:00 is due at `now` by the old rules, 19:00 is not: whoever comes first, each fires once
    a day on the wall clock."""
    due = [make_daily(18) for _ in range(30)]
    ahead = [make_daily(19) for _ in range(30)]
    update_rules(BERLIN, like)
    at_once(
        lambda: dispatch.run(now),
        lambda: replan_all(now),
        lambda: replan_all(now),
        lambda: dispatch.run(now),
    )
    for hours in range(4):
        dispatch.run(now + hours * HOUR)
    assert Counter(Occurrence.objects.values_list("reminder", flat=True)) == Counter(due + ahead)
    assert not Occurrence.objects.exclude(status="pending").exists()
    for reminder in Reminder.objects.all():
        hour = 18 if reminder.pk in due else 19
        assert local_time(reminder.next_due_at, BERLIN) == datetime(2026, 11, 24, hour)


def test_replan_before_and_tick_after_lose_and_double_nothing(make_daily, now, update_rules):
    """Planned at a moment when 18:00 is not due yet, applied while the tick fires it."""
    made = [make_daily(18) for _ in range(40)]
    update_rules(BERLIN, "Europe/London")
    before = now - timedelta(seconds=1)
    at_once(lambda: replan_all(before), lambda: dispatch.run(now))
    dispatch.run(now + HOUR)
    assert Counter(Occurrence.objects.values_list("reminder", flat=True)) == Counter(made)
    assert set(Plan.objects.values_list("next_due_at", flat=True)) == {now + DAY + HOUR}


def test_tick_passes_over_what_a_replan_holds(make_daily, now):
    held, free = make_daily(18), make_daily(18)
    assert tick_beside(lambda: replan.apply([held], now - HOUR), now) == 1
    assert Occurrence.objects.get().reminder_id == free
    assert dispatch.run(now) == 1


def test_replan_leaves_what_a_tick_fires_meanwhile(make_daily, now, update_rules):
    """It waits for the row, and then finds the plan that the tick made by the new rules."""
    made = make_daily(18)
    update_rules(BERLIN, "Europe/London")
    holds, may_end = threading.Event(), threading.Event()

    def tick():
        with transaction.atomic():
            dispatch.fire_batch(now)
            holds.set()
            may_end.wait(10)

    def apply():
        holds.wait(10)
        threading.Timer(0.2, may_end.set).start()
        return replan.apply([made], now - HOUR).moves

    _, moves = at_once(tick, apply)
    assert moves == []
    assert Reminder.objects.get().next_due_at == now + DAY + HOUR
