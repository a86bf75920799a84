"""P1: an occurrence is recorded once. Level, not window: a late tick misses nothing."""

import re
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from notifications.models import Channel, Delivery
from notifications.outbox.round import deliver_due
from notifications.sql import bulk_cursor
from reminders import tasks
from reminders.engine import firing, tick
from reminders.models import Heartbeat, Occurrence, Plan, Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]


DAY = timedelta(days=1)


def reread(reminder):
    reminder.refresh_from_db()
    return reminder


def test_due_reminder_fires(reminder, now):
    assert tick.run(now) == 1
    occurrence = Occurrence.objects.get()
    assert (occurrence.due_at, occurrence.status) == (now, "pending")


def test_fired_reminder_posts_to_each_of_its_channels(make_reminder, user, channel, now):
    inbox = Channel.objects.inbox_of(user)
    make_reminder(channels=[channel, inbox])
    tick.run(now)
    assert set(Delivery.objects.values_list("channel", flat=True)) == {channel.pk, inbox.pk}


def test_delivery_carries_a_snapshot(reminder, now):
    tick.run(now)
    reminder.title = "Changed"
    reminder.store(now)
    assert Delivery.objects.get().title == "Stand-up"


def test_reminder_does_not_fire_before_its_time(reminder, now):
    assert tick.run(now - timedelta(seconds=1)) == 0


def test_late_tick_still_fires(reminder, now):
    assert tick.run(now + timedelta(days=3)) == 1


def test_second_tick_fires_nothing_more(reminder, now):
    tick.run(now)
    assert tick.run(now) == 0


def test_once_is_finished_after_it_fired(reminder, now):
    tick.run(now)
    assert reread(reminder).status == Reminder.Status.FINISHED
    assert reminder.next_due_at is None


def test_series_moves_to_its_next_occurrence(make_reminder, now):
    reminder = make_reminder(recurrence="FREQ=DAILY")
    tick.run(now)
    assert reread(reminder).next_due_at == now + timedelta(days=1)


def test_paused_reminder_does_not_fire(reminder, now):
    reminder.pause(now - timedelta(minutes=1))
    assert tick.run(now) == 0


def test_lead_speaks_before_the_due_instant(make_reminder, now):
    hour = timedelta(hours=1)
    make_reminder(leads=[hour, timedelta(0)], stored_at=now - timedelta(hours=2))
    tick.run(now - hour)
    assert Occurrence.objects.get().lead == hour
    assert "Due in 1 h" in Delivery.objects.get().body
    tick.run(now)
    assert Occurrence.objects.count() == 2


def test_outage_is_told_in_the_message_that_ends_it(make_reminder, now):
    make_reminder(recurrence="FREQ=MINUTELY")
    tick.run(now + timedelta(minutes=300, seconds=90))
    assert Occurrence.objects.filter(status="missed").count() == 301
    assert "301 earlier reminders were missed." in Delivery.objects.get().body


def test_missed_occurrence_has_a_reason(make_reminder, now):
    make_reminder(misfire="none")
    tick.run(now + timedelta(hours=1))
    assert Occurrence.objects.get().reason == "Later than the grace that the reminder allows."


def test_reminder_that_raises_is_set_aside_and_the_rest_fires(make_reminder, now, caplog):
    bad, good = make_reminder(title="bad"), make_reminder(title="good")
    Reminder.objects.filter(pk=bad.pk).update(timezone="Mars/Olympus")
    assert tick.run(now) == 1
    assert Occurrence.objects.get().reminder == good
    assert "Mars/Olympus" in reread(bad).error
    assert bad.next_fire_at == now + tick.SET_ASIDE
    assert f"reminder {bad.pk} set aside" in caplog.text


def test_reminder_set_aside_fires_once_it_is_mended(make_reminder, now):
    bad = make_reminder()
    Reminder.objects.filter(pk=bad.pk).update(timezone="Mars/Olympus")
    tick.run(now)
    Reminder.objects.filter(pk=bad.pk).update(timezone="UTC")
    assert tick.run(now + tick.SET_ASIDE) == 1
    assert Occurrence.objects.get().due_at == now
    assert reread(bad).error == ""


def test_row_that_the_database_refuses_is_set_aside_and_the_rest_fires(make_reminder, now):
    bad, good = make_reminder(title="bad"), make_reminder(title="good")
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE notifications_delivery ADD CONSTRAINT no_bad CHECK (title <> 'bad')"
        )
    assert tick.run(now) == 1
    assert Occurrence.objects.get().reminder == good
    assert "no_bad" in reread(bad).error


def test_same_occurrence_planned_twice_is_recorded_and_posted_once(reminder, now):
    tick.run(now)
    Plan.objects.update(status="active", next_due_at=now, next_fire_at=now)
    assert tick.run(now) == 0
    assert (Occurrence.objects.count(), Delivery.objects.count()) == (1, 1)


def test_occurrence_that_is_recorded_already_holds_up_nothing(make_reminder, now):
    reminder = make_reminder(recurrence="FREQ=DAILY")
    tick.run(now)
    Plan.objects.update(next_due_at=now, next_fire_at=now, next_walls=None)
    tick.run(now)
    assert (reread(reminder).error, reminder.next_due_at) == ("", now + timedelta(days=1))


def test_database_refuses_a_second_record_of_an_occurrence(reminder, now):
    tick.run(now)
    with pytest.raises(IntegrityError, match="reminder_id_due_at_lead"), transaction.atomic():
        Occurrence.objects.create(reminder=reminder, due_at=now, status="pending", recorded_at=now)


def test_missed_occurrence_without_a_reason_is_refused_by_the_database(reminder, now):
    with pytest.raises(IntegrityError, match="missed_has_reason"), transaction.atomic():
        Occurrence.objects.create(reminder=reminder, due_at=now, status="missed", recorded_at=now)


def test_batches_go_on_until_nothing_is_due(make_reminder, now, monkeypatch):
    monkeypatch.setattr(tick.fire_batch, "__defaults__", (2,))
    for _ in range(5):
        make_reminder()
    assert tick.run(now) == 5


def test_tick_takes_a_constant_number_of_queries_however_many_are_due(
    make_reminder, now, django_assert_max_num_queries
):
    tick.run(now)
    for _ in range(30):
        make_reminder()
    with django_assert_max_num_queries(14):
        tick.run(now)


def test_tick_without_work_reads_only(reminder, now, django_assert_num_queries):
    tick.run(now - timedelta(minutes=10))
    # And the look and the claim, which go past Django's cursor.
    with django_assert_num_queries(4) as captured:
        tick.run(now - timedelta(minutes=10))
    statements = [query["sql"].split()[0] for query in captured.captured_queries]
    assert not {"INSERT", "UPDATE", "DELETE"} & set(statements)


def test_tick_finds_the_due_by_its_partial_index(make_reminder, now):
    with bulk_cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            f"EXPLAIN {firing.CLAIM}", {"now": now, "after": now - DAY, "until": now, "limit": 10}
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Scan using reminders_plan_due" in plan
    assert re.search(r"Index Cond: \(\(next_fire_at <= .* AND \(next_fire_at > ", plan)
    assert "Sort" not in plan


def test_tick_wakes_deliver_for_what_an_earlier_wake_up_lost(reminder, now, woken):
    tick.run(now)
    woken.clear()
    tick.run(now)
    assert woken == ["notifications.tasks.deliver"]


def test_tick_wakes_nobody_when_nothing_is_due(reminder, now, woken):
    tick.run(now - timedelta(minutes=1))
    assert woken == []


def test_tick_leaves_a_heartbeat(db, now):
    tick.run(now)
    assert tick.last_tick() == now


def test_tick_that_breaks_down_leaves_no_heartbeat(reminder, now, monkeypatch):
    monkeypatch.setattr(firing, "write", lambda planned, now: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tick.run(now)
    assert tick.last_tick() is None


def test_heartbeat_is_not_written_at_every_tick(db, now):
    tick.run(now)
    tick.run(now + timedelta(seconds=1))
    assert Heartbeat.objects.get().at == now


def test_heartbeat_follows_a_clock_that_was_set_back(db, now):
    tick.run(now)
    tick.run(now - timedelta(hours=1))
    assert Heartbeat.objects.get().at == now - timedelta(hours=1)


def test_trigger_fires_beside_the_schedule(make_reminder, now):
    reminder = make_reminder(recurrence="FREQ=DAILY")
    earlier = now - timedelta(minutes=10)
    firing.trigger(reminder, earlier)
    assert Occurrence.objects.get().due_at == earlier
    assert Delivery.objects.count() == 1
    assert reread(reminder).next_due_at == now


def test_story_from_due_to_sent(reminder, recorder, now):
    tick.run(now)
    deliver_due(now)
    assert [message.title for message in recorder.sent] == ["Stand-up"]


def test_task_waits_for_what_comes_due_before_the_next_wake_up(make_reminder):
    due_at = timezone.now().replace(microsecond=0) + timedelta(seconds=1)
    make_reminder(starts_at=due_at.replace(tzinfo=None), stored_at=due_at - timedelta(minutes=1))
    tasks.dispatch()
    occurrence = Occurrence.objects.get()
    assert occurrence.due_at == due_at <= occurrence.recorded_at


def test_task_leaves_what_is_due_later_to_the_next_wake_up(make_reminder):
    later = timezone.now().replace(microsecond=0) + timedelta(minutes=1)
    make_reminder(starts_at=later.replace(tzinfo=None), stored_at=later - timedelta(minutes=1))
    tasks.dispatch()
    assert not Occurrence.objects.exists()


def test_task_does_not_wait_for_a_clock_that_was_set_back(make_reminder, monkeypatch):
    due_at = timezone.now().replace(microsecond=0) + timedelta(seconds=1)
    make_reminder(starts_at=due_at.replace(tzinfo=None), stored_at=due_at - timedelta(minutes=1))
    hours = iter([due_at - timedelta(seconds=1)])
    set_back = due_at - timedelta(hours=3)
    monkeypatch.setattr(tasks.timezone, "now", lambda: next(hours, set_back))
    waited = []
    monkeypatch.setattr(tasks.time, "sleep", waited.append)
    tasks.dispatch()
    assert max(waited) <= 1
