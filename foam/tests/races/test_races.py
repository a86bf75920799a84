"""P1, P3, P4: parallel ticks and workers, with real transactions in real threads."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.db import OperationalError, connection, transaction

from foam.tests import processes
from notifications.links.signed_links import Pressed
from notifications.models import Attempt, Delivery
from notifications.outbox.lease import LEASE, lease_oldest
from notifications.outbox.round import deliver_due
from reminders.actions import message_links
from reminders.engine import firing, tick
from reminders.models import Occurrence, Plan, Reminder

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("woken"),
]

THREADS = 4


def at_once(*calls):
    """Run the calls in threads that start together; return what each returned."""
    gate = threading.Barrier(len(calls))

    def run(call):
        try:
            gate.wait(10)
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def beside(lock, call):
    """Call while another thread is in a transaction that has called `lock`; return the answer."""
    holds, may_end = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            lock()
            holds.set()
            may_end.wait(10)

    def called():
        holds.wait(10)
        try:
            return call()
        finally:
            may_end.set()

    return at_once(hold, called)[1]


def tick_beside(lock, now):
    return beside(lock, lambda: tick.run(now))


def test_parallel_ticks_fire_each_reminder_once(make_reminder, now):
    made = [make_reminder().pk for _ in range(60)]
    fired = at_once(*[lambda: tick.run(now)] * THREADS)
    assert sum(fired) == len(made)
    assert sorted(Occurrence.objects.values_list("reminder", flat=True)) == made
    assert Delivery.objects.count() == len(made)


def test_tick_with_a_backlog_drains_it_two_batches_at_a_time(make_reminder, now, monkeypatch):
    monkeypatch.setattr(tick, "FIRST", 5)
    monkeypatch.setattr(tick, "BATCH", 5)
    monkeypatch.setattr(tick.fire_batch, "__defaults__", (5,))
    made = [make_reminder().pk for _ in range(60)]
    assert tick.run(now) == len(made)
    assert sorted(Occurrence.objects.values_list("reminder", flat=True)) == made


def test_tick_shows_what_broke_down_beside_it(make_reminder, now, monkeypatch):
    monkeypatch.setattr(tick, "FIRST", 1)
    monkeypatch.setattr(tick, "BATCH", 1)
    for _ in range(3):
        make_reminder()

    def break_down(now, end, after):
        raise OperationalError("no connection left")

    monkeypatch.setattr(tick, "_drain_in_thread", break_down)
    with pytest.raises(OperationalError):
        tick.run(now)
    assert tick.last_tick() is None


def test_parallel_ticks_move_a_series_once(make_reminder, now):
    reminder = make_reminder(recurrence="FREQ=DAILY")
    at_once(*[lambda: tick.run(now)] * THREADS)
    reminder.refresh_from_db()
    assert reminder.next_due_at == now + timedelta(days=1)


# Row locks are waited for as those of transactions. pg_stat_activity stays as it was first read.
WAITING = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted)"


def test_edit_beside_a_batch_keeps_what_the_batch_has_fired(make_reminder, now):
    """It reads the plan after the batch that has claimed it, not beside it."""
    reminder = make_reminder(recurrence="FREQ=DAILY")
    claimed = threading.Event()

    def is_waiting():
        with connection.cursor() as cursor:
            cursor.execute(WAITING)
            return cursor.fetchone()[0]

    def fire():
        with transaction.atomic():
            due = firing.claim(now, 9)
            claimed.set()
            processes.wait_until(is_waiting, 10, "the edit waits")
            firing.write([firing.plan_of(row, now) for row in due], now)

    def edit():
        claimed.wait(10)
        reminder.recurrence = "FREQ=HOURLY"
        reminder.store(now)

    at_once(fire, edit)
    plan = Plan.objects.get(pk=reminder.pk)
    assert (plan.fired_count, plan.next_due_at) == (1, now + timedelta(hours=1))


def test_tick_does_not_wait_for_another_that_holds_rows(make_reminder, now):
    held, free = make_reminder(), make_reminder(starts_at=now.replace(tzinfo=None))
    lock = Reminder.objects.locked()
    assert tick_beside(lambda: lock.get(pk=held.pk), now) == 1
    assert Occurrence.objects.get().reminder == free


def test_lease_does_not_wait_for_another_that_holds_rows(make_reminder, now):
    make_reminder()
    make_reminder()
    tick.run(now)
    held, free = Delivery.objects.order_by("pk")
    lock = Delivery.objects.select_for_update()
    leased = beside(lambda: lock.get(pk=held.pk), lambda: lease_oldest(now))
    assert [each.message.delivery_id for each in leased] == [free.pk]


def test_parallel_workers_send_each_delivery_once(make_reminder, recorder, now, monkeypatch):
    # Small batches, so that the workers really take turns.
    monkeypatch.setattr("notifications.outbox.round.LEASE_BATCH_SIZE", 7)
    monkeypatch.setattr(lease_oldest, "__defaults__", (7,))
    for _ in range(60):
        make_reminder()
    tick.run(now)
    at_once(*[lambda: deliver_due(now)] * THREADS)
    sent = Counter(message.delivery_id for message in recorder.sent)
    assert len(sent) == 60
    assert set(sent.values()) == {1}
    assert Attempt.objects.count() == 60


def test_what_a_tick_has_claimed_is_its_own_until_it_has_fired(make_reminder, now, monkeypatch):
    make_reminder()
    plan_each, free = tick._plan_each, []

    def claim_beside():
        try:
            with transaction.atomic():
                return firing.claim(now, 1)
        finally:
            connection.close()

    def look_beside(claimed, at, decide):
        with ThreadPoolExecutor(1) as beside:
            free.append(beside.submit(claim_beside).result())
        return plan_each(claimed, at, decide)

    monkeypatch.setattr(tick, "_plan_each", look_beside)
    assert tick.run(now) == 1
    assert free == [[]]


def test_edit_and_tick_at_once_lose_nothing(make_reminder, now):
    """Whichever comes first, the due instant ends as fired or as missed with its reason."""
    reminders = [make_reminder(recurrence="FREQ=DAILY") for _ in range(20)]

    def edit():
        for reminder in reminders:
            reminder.recurrence = "FREQ=WEEKLY"
            reminder.store(now)

    at_once(edit, lambda: tick.run(now))
    recorded = Occurrence.objects.filter(due_at=now)
    assert recorded.count() == len(reminders)
    assert not recorded.exclude(status="missed", reason__gt="").exclude(status="pending").exists()


def test_work_whose_wake_up_was_lost_is_done_at_the_next_tick(make_reminder, recorder, now, woken):
    make_reminder()
    tick.run(now)
    woken.clear()  # as a flushed broker would
    tick.run(now + timedelta(seconds=1))
    assert woken == ["notifications.tasks.deliver"]
    deliver_due(now + timedelta(seconds=1))
    assert len(recorder.sent) == 1


def test_worker_that_dies_while_sending_is_followed_by_another(make_reminder, recorder, now):
    make_reminder()
    tick.run(now)

    def die(message):
        raise SystemExit

    recorder.on_send = die
    with pytest.raises(SystemExit):
        deliver_due(now)
    recorder.recover()
    deliver_due(now + timedelta(seconds=1))
    assert recorder.sent == []  # the lease is still out
    deliver_due(now + LEASE + timedelta(seconds=1))
    assert len(recorder.sent) == 1
    assert list(Delivery.objects.get().attempts.values_list("outcome", flat=True)) == [
        "uncertain",
        "sent",
    ]


@pytest.mark.parametrize("name", ["done", "snooze_10m"])
def test_two_presses_of_a_link_at_once_answer_once(reminder, now, name):
    tick.run(now)
    delivery, occurrence = Delivery.objects.get(), Occurrence.objects.get()
    action = next(each for each in message_links.ACTIONS if each.name == name)
    pressed = Pressed(action, delivery.reference, delivery.channel_id, now + timedelta(days=14))
    seconds = [timedelta(seconds=number) for number in range(THREADS)]
    told = at_once(*[partial(message_links.act, pressed, now + second) for second in seconds])
    assert sorted(each.heading.split()[0] for each in told).count("Already") == THREADS - 1
    assert occurrence.responses.count() == 1
