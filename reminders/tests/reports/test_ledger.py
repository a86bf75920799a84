"""P1, P2: due = fired + skipped + missed; each delivery has its end; what disappears is missed."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.audit.actor import Actor, acting_as
from notifications.models import Channel
from notifications.operations.ledger import Period
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import deliver_due
from notifications.transports import TransportError
from reminders.actions.responses import skip_next
from reminders.engine import canary, tick
from reminders.models import OccurrenceTally, Reminder
from reminders.reports import ledger

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def told(make_reminder, user, channel, recorder, now):
    """All that can become of what is due: 6 fired, 3 missed, 7 deliveries."""
    make_reminder(title="sent", channels=[channel, Channel.objects.inbox_of(user)])
    since = now - 3 * HOUR
    hourly = {"starts_at": since.replace(tzinfo=None), "recurrence": "0 * * * *"}
    make_reminder(title="missed", stored_at=since - HOUR, **hourly)
    cancelled = make_reminder(title="cancelled")
    make_reminder(title="dead")
    recorder.on_send = refuse_dead
    tick.run(now)
    cancelled.close(now)
    deliver_due(now)
    make_reminder(title="queued", starts_at=(now + HOUR).replace(tzinfo=None))
    tick.run(now + HOUR)


def refuse_dead(message):
    if message.title == "dead":
        raise TransportError("gone: no such mailbox", permanent=True)


def sql(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def wrong(now, **period):
    return [each.text for each in ledger.read(Period(**period), now).imbalances]


def test_due_is_fired_and_missed(told, now):
    found = ledger.read(Period(), now).occurrences
    assert (found.due, found.fired) == (9, 6)
    assert found.missed == {"A later one was due before this could be sent.": 3}


def test_each_delivery_is_accounted_for(told, now):
    found = ledger.read(Period(), now).deliveries
    assert (found.posted, found.sent, found.pending) == (8, 4, 2)
    assert (found.dead, found.cancelled) == ({"gone": 1}, {"Reminder deleted.": 1})
    assert ledger.read(Period(), now).balances


def test_tally_has_fired_and_missed_with_the_reason(told, now):
    rows = OccurrenceTally.objects.filter(status="missed").values_list("day", "reason", "recorded")
    assert list(rows) == [(now.date(), "A later one was due before this could be sent.", 3)]


def test_what_was_skipped_is_accounted_for_apart(told, make_reminder, now):
    with acting_as(Actor("command")):
        skip_next(make_reminder(recurrence="FREQ=DAILY"), now - HOUR)
    found = ledger.read(Period(), now)
    assert (found.occurrences.due, found.occurrences.fired) == (10, 6)
    assert found.occurrences.skipped == {"Skipped before it was due.": 1}
    assert found.balances
    owned = ledger.by_owner(Period())[0]
    assert (owned.due, owned.fired, owned.skipped) == (10, 6, 1)


def test_nags_belong_to_their_occurrence(make_reminder, now):
    make_reminder(nag_every=HOUR)
    tick.run(now)
    tick.run(now + HOUR)
    found = ledger.read(Period(), now)
    assert (found.occurrences.due, found.deliveries.posted, found.balances) == (1, 2, True)
    sql("DELETE FROM reminders_occurrence")
    assert "Deliveries whose occurrence is not there." in wrong(now)


def test_status_that_comes_later_leaves_what_fired_as_fired(told, now):
    sql("UPDATE reminders_occurrence SET status = 'acknowledged' WHERE status = 'pending'")
    assert ledger.read(Period(), now).occurrences.fired == 6
    assert ledger.read(Period(), now).balances


def test_what_was_set_aside_with_an_error_is_overdue(make_reminder, now):
    broken = make_reminder()
    Reminder.objects.filter(pk=broken.pk).update(recurrence="FREQ=NEVER")
    tick.run(now)
    assert ledger.read(Period(), now).occurrences.overdue == 1


def test_what_is_late_is_overdue_and_no_imbalance(reminder, make_reminder, now):
    make_reminder(starts_at=(now + HOUR).replace(tzinfo=None))
    found = ledger.read(Period(), now)
    assert (found.occurrences.overdue, found.occurrences.due, found.balances) == (1, 0, True)


def test_deleted_occurrence_is_missed_twice_over(reminder, now):
    tick.run(now)
    sql("DELETE FROM reminders_occurrence")
    assert wrong(now) == [
        "On 2026-11-23 1 occurrences were recorded, but 0 are there and 0 were pruned.",
        "Deliveries whose occurrence is not there.",
    ]


def test_deleted_delivery_is_missed_twice_over(reminder, now):
    tick.run(now)
    sql("DELETE FROM notifications_delivery")
    assert wrong(now) == [
        "Occurrences that fired without a delivery.",
        "On 2026-11-23 1 deliveries were posted, but 0 are there and 0 were pruned.",
    ]


def test_deleted_reminder_row_is_missed(reminder, now):
    tick.run(now)
    sql("DELETE FROM reminders_reminder_channels")
    sql("DELETE FROM reminders_plan")
    sql("DELETE FROM reminders_reminder")
    assert wrong(now) == ["Occurrences whose reminder is not there."]


def test_reference_that_names_no_occurrence_is_noticed(channel, now):
    post_messages([Post(channel.pk, "occurrence:x", "t", "", now)], now)
    assert wrong(now) == ["Deliveries whose occurrence is not there."]


def test_delivery_with_another_cause_needs_no_occurrence(channel, now):
    post_messages([Post(channel.pk, "channel:1", "t", "", now)], now)
    assert wrong(now) == []


def test_rows_are_checked_within_the_period(reminder, now):
    tick.run(now)
    sql("UPDATE notifications_delivery SET reference = 'occurrence:0'")
    assert len(wrong(now, since=now, until=now + HOUR)) == 2
    assert wrong(now, since=now - HOUR, until=now) == []


def test_one_owner_has_what_is_theirs(told, stranger, now):
    found = ledger.read(Period(), now, stranger)
    assert (found.occurrences.due, found.deliveries.posted, found.balances) == (0, 0, True)


def test_by_owner_adds_up_to_all(told, make_reminder, user, stranger, now):
    make_reminder(owner=stranger, channels=[Channel.objects.inbox_of(stranger)])
    tick.run(now)
    ada, eve = ledger.by_owner(Period())
    assert (ada.owner, ada.due, ada.posted) == (user.username, 9, 8)
    assert (eve.owner, eve.due, eve.posted, eve.pending) == (stranger.username, 1, 1, 1)


def test_what_foam_sends_itself_is_counted_nowhere(now):
    canary.plant(now)
    assert ledger.read(Period(), now).occurrences.overdue == 0
    tick.run(now)
    found = ledger.read(Period(), now)
    assert (found.occurrences.due, found.deliveries.posted, found.balances) == (0, 0, True)
    sql("DELETE FROM reminders_occurrence")
    assert ledger.read(Period(), now).balances
    assert (ledger.by_owner(Period()), OccurrenceTally.objects.count()) == ([], 0)


def command(*words):
    out = StringIO()
    call_command("ledger", *words, stdout=out)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_command_tells_the_figures_and_that_they_add_up(told):
    told = command()
    assert "due                        9\n  fired                    6\n" in told
    assert "1  gone\n" in told
    assert told.endswith("The ledger balances.\n")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "table", ["reminders_occurrence", "notifications_delivery", "notifications_attempt"]
)
def test_command_ends_with_1_when_a_row_was_deleted(told, table):
    sql(f"DELETE FROM {table} WHERE id = (SELECT min(id) FROM {table})")
    with pytest.raises(CommandError, match="does not balance") as caught:
        command()
    assert caught.value.returncode == 1


@pytest.mark.django_db(transaction=True)
def test_command_answers_programs_in_json(told, now):
    found = json.loads(command("--json", "--by-owner", "--since=2026-11-23", "--until=2026-11-24"))
    assert (found["since"], found["balances"]) == ("2026-11-23T00:00:00Z", True)
    assert found["occurrences"]["due"] == 9
    assert found["deliveries"]["dead"] == {"gone": 1}
    assert [each["posted"] for each in found["owners"]] == [8]


@pytest.mark.django_db(transaction=True)
def test_json_names_what_does_not_add_up(told):
    sql("DELETE FROM notifications_attempt")
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("ledger", "--json", stdout=out)
    [wrong] = json.loads(out.getvalue())["imbalances"]
    assert (wrong["count"], len(wrong["examples"])) == (5, 5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--since=yesterday"], "is no time"),
        (["--since=2026-13-01"], "is no time"),
        (["--since=7d", "--until=8d"], "--until must be later than --since"),
        (["--owner=nobody"], "there is no user 'nobody'"),
    ],
)
def test_command_says_what_it_cannot_read(db, words, message):
    with pytest.raises(CommandError, match=message):
        command(*words)


def test_ledger_reads_an_hour_by_the_index_of_periods(reminder, now):
    hour = Period(now - HOUR, now)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = ledger.counted().filter(hour.touches("recorded_at")).explain()
    assert "reminders_occurrence_default_recorded_at_idx" in plan
