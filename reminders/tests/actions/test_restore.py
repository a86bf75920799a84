"""A deleted reminder is restored: it goes on, and nothing of what it missed is sent."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command

from accounts.account_data import closing
from notifications.models import Delivery
from reminders.actions import bulk
from reminders.engine import tick
from reminders.explain.explanation import explain
from reminders.explain.verdicts import Verdict
from reminders.models import Occurrence, Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

DAY = timedelta(days=1)


@pytest.fixture
def daily(make_reminder):
    return make_reminder(recurrence="FREQ=DAILY", external_id="crm-1", tags=["work"])


def test_restored_reminder_goes_on_without_a_burst(daily, now):
    tick.run(now)
    daily.close(now + DAY / 2)
    tick.run(now + 3 * DAY)
    daily.restore(now + 3.5 * DAY)
    assert (daily.status, daily.next_due_at, daily.deleted_at) == ("active", now + 4 * DAY, None)
    for days in (3.5, 4):
        tick.run(now + days * DAY)
    assert [each.due_at for each in Occurrence.objects.order_by("due_at")] == [now, now + 4 * DAY]
    assert (daily.external_id, daily.tags, daily.channels.count()) == ("crm-1", ["work"], 1)


def test_restore_is_a_change_for_copies_and_for_the_history(daily, now):
    daily.close(now)
    version = daily.version
    daily.restore(now + DAY)
    assert daily.version == version + 1
    assert [each.verb for each in daily.changes.all()] == ["created", "deleted", "restored"]
    assert Reminder.objects.owned_by(daily.owner).get() == daily


def test_explain_tells_what_was_due_while_it_was_deleted(daily, now):
    Reminder.objects.update(created_at=now - DAY)
    daily.close(now + DAY / 2)
    daily.restore(now + 3.5 * DAY)
    told = explain(daily, now + 5 * DAY, f"{now + 2 * DAY:%Y-%m-%dT%H:%M:%SZ}")
    assert told.verdict == Verdict.DELETED
    assert "had been deleted" in told.conclusion


def test_what_is_not_deleted_stays_as_it_is(daily, now):
    before = Reminder.objects.values().get()
    daily.restore(now)
    assert Reminder.objects.values().get() == before
    assert bulk.restore([daily.pk], now) == {daily.pk: "it is not deleted"}


def test_over_one_is_finished_and_not_due(make_reminder, now):
    once = make_reminder()
    once.close(now - DAY / 48)
    once.restore(now + DAY)
    assert (once.status, once.next_due_at) == ("finished", None)
    assert tick.run(now + DAY) == 0


def test_external_id_that_is_taken_meanwhile_refuses_it(daily, make_reminder, now):
    daily.close(now)
    make_reminder(external_id="crm-1", recurrence="FREQ=DAILY")
    with pytest.raises(ValidationError, match="external_id"):
        daily.restore(now)
    assert Reminder.objects.get(pk=daily.pk).deleted_at == now


def test_erased_reminder_of_a_closed_account_stays_deleted(daily, user, now):
    closing.close(user, now)
    with pytest.raises(ValidationError, match="closed"):
        daily.restore(now)
    assert bulk.restore([daily.pk], now) == {daily.pk: "the account of its owner is closed"}


def test_reminder_whose_channels_are_deleted_gets_the_inbox(daily, channel, now):
    daily.close(now)
    channel.close(now)
    daily.restore(now)
    assert [each.kind for each in daily.channels.filter(deleted_at=None)] == ["inbox"]


@pytest.mark.django_db(transaction=True)
def test_ledger_balances_after_a_restore(daily, now, capsys):
    tick.run(now)
    daily.close(now + DAY / 2)
    daily.restore(now + DAY)
    tick.run(now + 2 * DAY)
    call_command("ledger")
    assert Delivery.objects.count() == 2


def test_many_are_closed_and_restored_as_one_is(make_reminder, channel, user, now):
    """The same rows, whichever way: two by the functions of one, two by those of many."""
    made = [make_reminder(recurrence="FREQ=DAILY", nag_every=timedelta(hours=1)) for _ in range(4)]
    tick.run(now)
    for moment, verb in ((now + DAY, "close"), (now + 2 * DAY, "restore")):
        for each in made[:2]:
            getattr(each, verb)(moment)
        getattr(bulk, verb)([each.pk for each in made[2:]], moment)
    one, many = ([told_of(each.pk) for each in part] for part in (made[:2], made[2:]))
    assert one == many
    assert set(Delivery.objects.values_list("status", flat=True)) == {"cancelled"}


def told_of(pk):
    """Return what the tables tell of a reminder, but for ids and the time of the write."""
    left_out = {"id", "created_at", "updated_at", "reminder_id"}

    def plain(rows):
        return [{k: v for k, v in row.items() if k not in left_out} for row in rows.values()]

    reminder = Reminder.objects.filter(pk=pk)
    changes, occurrences = reminder.get().changes, reminder.get().occurrences
    # Without an order PostgreSQL gives rows as they lie, which depends on the tests before.
    return [
        plain(reminder),
        plain(changes.order_by("at", "verb")),
        plain(occurrences.order_by("due_at")),
    ]
