"""What ended long ago goes, the ledger keeps its sums, and nobody waits for that."""

import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import InternalError, connection, transaction
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from accounts.audit.actor import Actor, acting_as
from notifications.models import Attempt, Channel, ChannelChange, Delivery, InboxMessage
from notifications.operations import retention as delivery_retention
from notifications.operations.ledger import Period
from notifications.outbox.post import Post, post_messages
from notifications.outbox.queue import retry_now
from notifications.outbox.round import deliver_due
from notifications.transports import TransportError
from reminders import tasks
from reminders.actions import responses
from reminders.engine import canary, firing, retention, tick
from reminders.models import Change, Occurrence, OccurrenceTally, Reminder, Response
from reminders.reports import ledger

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
KEEP = timedelta(days=90)


@pytest.fixture
def later(now):
    """When all of `now` is old."""
    return now + KEEP + DAY


@pytest.fixture
def fire(make_reminder, recorder, now):
    """Return a function that fires and delivers `count` reminders."""

    def fire(count=1, at=now, **fields):
        for _ in range(count):
            make_reminder(starts_at=at.replace(tzinfo=None), stored_at=at - HOUR, **fields)
        tick.run(at)
        deliver_due(at)

    return fire


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(delivery_retention, "BATCH", 2)


def sql(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def left():
    return [model.objects.count() for model in (Occurrence, Delivery, Attempt)]


def read(now):
    """The ledger, but for how much of it was pruned."""
    found = ledger.read(Period(), now)
    return replace(
        found,
        occurrences=replace(found.occurrences, pruned=0),
        deliveries=replace(found.deliveries, pruned=0),
    )


def test_what_is_old_goes_with_its_deliveries_and_their_attempts(fire, user, channel, later):
    fire(3, channels=[channel, Channel.objects.inbox_of(user)])
    removed = retention.prune(later, KEEP)
    assert (removed.occurrences, removed.deliveries, removed.attempts) == (3, 6, 6)
    assert left() == [0, 0, 0]


def test_what_is_not_old_yet_stays(fire, now):
    fire(3)
    retention.prune(now + KEEP, KEEP)
    assert left() == [3, 3, 3]


def test_pruning_keeps_every_sum(fire, make_reminder, recorder, now, later):
    fire(2)
    fire(recurrence="0 * * * *", at=now - HOUR)
    recorder.fail_with(TransportError("gone: no such mailbox", permanent=True))
    fire(title="dead")
    make_reminder(title="cancelled")
    tick.run(now)
    Delivery.objects.cancel("Reminder deleted.", now)
    before = read(now)
    assert before.balances
    retention.prune(later, KEEP)
    assert left() == [0, 0, 0]
    assert read(now) == before


def test_missed_occurrence_goes_too(make_reminder, now, later):
    make_reminder(recurrence="0 * * * *").pause(now)
    assert Occurrence.objects.get().status == "missed"
    retention.prune(later, KEEP)
    assert left() == [0, 0, 0]
    assert ledger.read(Period(), now).occurrences.missed == {"Paused before this could be sent.": 1}


def test_occurrence_stays_whole_while_one_of_its_deliveries_is_unfinished(
    fire, user, channel, now, later
):
    fire(channels=[channel, Channel.objects.inbox_of(user)])
    fire(1)
    first = Delivery.objects.order_by("pk").first()
    Delivery.objects.filter(pk=first.pk).update(status="dead", reason="x")
    retry_now([first.pk], now)
    retention.prune(later, KEEP)
    assert left() == [1, 2, 2]


def test_changes_go_but_for_the_last_one_of_each_reminder(make_reminder, now, later):
    calm, busy = make_reminder(recurrence="FREQ=DAILY"), make_reminder(recurrence="FREQ=DAILY")
    calm.pause(now)
    for at in (now, now + HOUR):
        busy.pause(at)
        busy.resume(at)
    busy.pause(later)
    retention.prune(later, KEEP)
    kept = Change.objects.values_list("reminder", "verb", "at")
    assert list(kept) == [(calm.pk, "paused", now), (busy.pk, "paused", later)]


def test_who_created_and_triggered_a_reminder_is_forgotten_in_time(make_reminder, now, later):
    reminder = make_reminder(recurrence="FREQ=DAILY")
    reminder.pause(now)
    firing.trigger(reminder, now + HOUR)
    retention.prune(later, KEEP)
    assert [change.verb for change in Change.objects.all()] == ["paused"]


def test_changes_of_channels_go(channel, now, later):
    for at in (now, later):
        channel.disable("Nobody is there.", at)
        channel.enable()
    ChannelChange.objects.filter(verb="enabled").delete()
    retention.prune(later, KEEP)
    assert [change.at for change in ChannelChange.objects.all()] == [later]


def test_occurrence_goes_with_all_that_was_said_and_answered_later(fire, now, later):
    fire(nag_every=HOUR)
    tick.run(now + HOUR)
    deliver_due(now + HOUR)
    with acting_as(Actor("command")):
        responses.acknowledge(Occurrence.objects.get(), now + HOUR)
    before = read(now)
    assert retention.count(later, KEEP) == retention.PruneResult(1, 2)
    retention.prune(later, KEEP)
    assert (left(), Response.objects.count()) == ([0, 0, 0], 0)
    assert read(now) == before


def test_occurrence_stays_whole_while_a_nag_is_unfinished(fire, now, later):
    fire(nag_every=HOUR, nag_max=1)
    tick.run(now + HOUR)
    assert retention.count(later, KEEP) == retention.PruneResult()
    retention.prune(later, KEEP)
    assert left() == [1, 2, 1]


def test_what_is_yet_to_speak_again_stays(fire, now, later):
    fire(recurrence="FREQ=YEARLY")
    occurrence = Occurrence.objects.get()
    with acting_as(Actor("command")):
        responses.snooze(occurrence, later + DAY, now)
    occurrence.reminder.pause(now)
    retention.prune(later, KEEP)
    assert left() == [1, 1, 1]


def test_delivery_is_kept_from_its_end_not_from_its_beginning(fire, now, later):
    fire()
    Delivery.objects.update(finished_at=later - DAY)
    retention.prune(later, KEEP)
    assert left() == [1, 1, 1]


def test_delivery_with_another_cause_goes_too(channel, recorder, now, later):
    post_messages([Post(channel.pk, "channel:1", "Welcome", "", now)], now)
    deliver_due(now)
    assert retention.prune(later, KEEP).deliveries == 1
    assert ledger.read(Period(), now).deliveries.sent == 1


def test_inbox_and_reminders_stay(make_reminder, user, now, later):
    make_reminder(channels=[Channel.objects.inbox_of(user)])
    tick.run(now)
    deliver_due(now)
    retention.prune(later, KEEP)
    assert (left(), InboxMessage.objects.count(), Reminder.objects.count()) == ([0, 0, 0], 1, 1)


def test_lost_row_stays_missed_after_pruning(fire, now, later):
    fire(2)
    sql(
        "DELETE FROM notifications_delivery WHERE id = (SELECT min(id) FROM notifications_delivery)"
    )
    retention.prune(later, KEEP)
    assert not ledger.read(Period(), now).balances


def test_what_foam_sends_itself_is_kept_for_a_day(fire, now):
    canary.plant(now)
    fire()
    retention.prune(now + DAY, KEEP)
    assert left() == [2, 2, 2]
    retention.prune(now + DAY + HOUR, KEEP)
    assert left() == [1, 1, 1]
    assert OccurrenceTally.objects.filter(pruned__gt=0).count() == 0


@pytest.mark.usefixtures("small_batches")
def test_all_goes_in_small_batches(fire, later):
    fire(5)
    counts = []
    retention.prune(later, KEEP, step=counts.append)
    # What else is forgotten has its steps, too, in which no occurrence goes.
    assert ([count for count in counts if count], left()) == ([2, 2, 1], [0, 0, 0])


@pytest.mark.usefixtures("small_batches")
def test_stops_at_its_time_and_goes_on_from_there(fire, now, later):
    fire(5)
    removed = retention.prune(later, KEEP, seconds=0)
    assert (removed.occurrences, removed.is_done) == (2, False)
    assert ledger.read(Period(), now).balances
    removed = retention.prune(later, KEEP)
    assert (removed.occurrences, removed.is_done) == (3, True)


@pytest.mark.usefixtures("small_batches")
def test_ledger_balances_when_a_batch_breaks_off(fire, now, later):
    fire(3)
    before = read(now)
    # The second batch, after its deliveries went.
    sql(
        "CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE 'broken off' USING ERRCODE = 'XX000'; END $$"
    )
    sql(
        "CREATE TRIGGER break_off BEFORE DELETE ON reminders_occurrence FOR EACH ROW "
        f"WHEN (OLD.id = {Occurrence.objects.order_by('pk').last().pk}) "
        "EXECUTE FUNCTION break_off()"
    )
    with pytest.raises(InternalError, match="broken off"):
        retention.prune(later, KEEP)
    assert left() == [1, 1, 1]
    assert read(now) == before


def test_tally_of_past_days_is_compacted(fire, now, later):
    fire(1)
    fire(1)
    retention.prune(later, KEEP)
    [row] = OccurrenceTally.objects.all()
    assert (row.recorded, row.pruned) == (2, 2)


def test_count_tells_what_prune_would_remove(fire, user, channel, now, later):
    fire(2, channels=[channel, Channel.objects.inbox_of(user)])
    fire(1)
    Delivery.objects.filter(pk=Delivery.objects.order_by("pk").last().pk).update(
        finished_at=later - DAY
    )
    found, removed = retention.count(later, KEEP), retention.prune(later, KEEP)
    assert (found.occurrences, found.deliveries) == (2, 4)
    assert (removed.occurrences, removed.deliveries) == (2, 4)


@pytest.fixture
def long_ago(make_reminder, recorder):
    """Three that were delivered 100 days ago, by the clock that commands and tasks ask."""
    at = timezone.now().replace(microsecond=0) - timedelta(days=100)
    for _ in range(3):
        make_reminder(starts_at=at.replace(tzinfo=None), stored_at=at - HOUR)
    tick.run(at)
    deliver_due(at)


def command(*words):
    out = StringIO()
    call_command("prune", *words, stdout=out)
    return out.getvalue()


def test_command_prunes_and_says_what_went(long_ago):
    assert command() == "Removed 3 occurrences, 3 deliveries, 3 attempts.\n"
    assert left() == [0, 0, 0]


def test_command_keeps_as_long_as_it_is_told(long_ago):
    assert command("--keep=15w").startswith("Removed 0 occurrences")


def test_dry_run_changes_nothing(long_ago):
    assert command("--dry-run") == "Would remove 3 occurrences, 3 deliveries.\n"
    assert left() == [3, 3, 3]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--keep=90"], "is no length of time"),
        (["--keep=23h"], "--keep must be 1d or more"),
        (["--seconds=0"], "--seconds must be 1 or more"),
        (["--lock-seconds=0"], "--lock-seconds must be 1 or more"),
    ],
)
def test_command_says_what_it_cannot_read(db, words, message):
    with pytest.raises(CommandError, match=message):
        command(*words)


def test_nightly_task_prunes_by_the_setting(long_ago, settings):
    settings.FOAM_KEEP_DAYS = 101
    tasks.prune()
    assert left() == [3, 3, 3]
    settings.FOAM_KEEP_DAYS = 99
    tasks.prune()
    assert left() == [0, 0, 0]


def test_nightly_task_asks_to_be_called_again_when_there_is_more(long_ago, monkeypatch, woken):
    woken.clear()
    monkeypatch.setattr(retention, "BUDGET", timedelta(0))
    tasks.prune()
    assert woken == ["reminders.tasks.prune"]


def test_nightly_row_stands_in_the_beat_table(beat_rows):
    row = PeriodicTask.objects.get(name="prune")
    assert row.task == "reminders.tasks.prune"
    assert (row.crontab.hour, row.crontab.minute, f"{row.crontab.timezone}") == ("3", "17", "UTC")


@contextmanager
def meanwhile(act):
    """Run the body while another transaction, which has called `act`, is open."""
    holds, may_end = threading.Event(), threading.Event()

    def hold():
        try:
            with transaction.atomic():
                act()
                holds.set()
                may_end.wait(10)
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert holds.wait(10)
    # Whoever waits for a lock fails, instead of going on when it is given up.
    sql("SET lock_timeout = '1s'")
    try:
        yield
    finally:
        may_end.set()
        thread.join()
        sql("RESET lock_timeout")


@pytest.mark.django_db(transaction=True)
def test_prune_does_not_wait_for_a_tick(fire, make_reminder, now, later):
    fire(2)
    make_reminder(starts_at=later.replace(tzinfo=None))
    with meanwhile(lambda: tick.run(later)):
        assert retention.prune(later, KEEP).occurrences == 2


@pytest.mark.django_db(transaction=True)
def test_tick_does_not_wait_for_prune(fire, now, later):
    fire(2, recurrence="FREQ=DAILY")
    with meanwhile(lambda: retention.prune(later, KEEP)):
        assert tick.run(later) == 2


@pytest.mark.django_db(transaction=True)
def test_prune_passes_by_what_someone_is_retrying(fire, recorder, now, later):
    recorder.fail_with(TransportError("gone", permanent=True))
    fire(2)
    first = Delivery.objects.order_by("pk").first()
    with meanwhile(lambda: retry_now([first.pk], later)):
        assert retention.prune(later, KEEP).occurrences == 1
    assert left() == [1, 1, 1]
    assert ledger.read(Period(), now).balances


@pytest.mark.django_db(transaction=True)
def test_two_prunes_share_the_work(fire, now, later):
    fire(3)
    keys = list(Occurrence.objects.order_by("pk").values_list("pk", "due_at"))
    before = read(now)
    with meanwhile(lambda: retention.remove(keys[:2], later)):
        assert retention.prune(later, KEEP).occurrences == 1
    assert (left(), read(now)) == ([0, 0, 0], before)


@pytest.mark.django_db(transaction=True)
def test_what_is_tallied_while_a_tally_is_compacted_stays(fire, make_reminder, now, later):
    fire(1)
    fire(1)
    make_reminder()
    with meanwhile(lambda: tick.run(now)):
        delivery_retention.compact_tally(OccurrenceTally, later.date())
    delivery_retention.compact_tally(OccurrenceTally, later.date())
    assert list(OccurrenceTally.objects.values_list("recorded", flat=True)) == [3]


def test_prune_finds_its_rows_by_indexes(fire, now):
    fire(3)
    # Of few rows PostgreSQL reads all.
    sql(
        "INSERT INTO notifications_attempt (delivery_id, number, outcome, detail, ended_at)"
        " SELECT n, 1, 'sent', '', %s FROM generate_series(1000000, 1003000) n",
        now,
    )
    sql("ANALYZE notifications_attempt")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN " + delivery_retention.REMOVE.replace(")b", ")s"),
            {"references": ["occurrence:1"], "causes": ["occurrence:1"], "before": now},
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "notifications_delivery_once_per_cause" in plan
    assert "notifications_attempt_default_delivery_id_number_key" in plan
    assert "Seq Scan" not in plan
