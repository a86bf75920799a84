"""The loop from due to done: what people answer, and who was first."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.audit.actor import Actor, acting_as
from notifications.models import Delivery
from reminders.actions import responses
from reminders.engine import tick
from reminders.models import Occurrence, Reminder
from reminders.models.occurrence import occurrence_id

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def fired(make_reminder, now):
    """Return a function that stores a daily reminder, fires it at `now` and returns that."""

    def fire(**fields):
        make_reminder(**{"recurrence": "FREQ=DAILY", **fields})
        tick.run(now)
        return Occurrence.objects.latest("pk")

    return fire


def reread(row):
    row.refresh_from_db()
    return row


# Acknowledge


def test_acknowledged_occurrence_says_nothing_more(fired, now):
    occurrence = fired(nag_every=MINUTE)
    assert responses.acknowledge(occurrence, now)
    assert (occurrence.status, occurrence.follow_up_at) == ("acknowledged", None)


def test_acknowledging_cancels_what_is_not_sent_yet(fired, now):
    responses.acknowledge(fired(), now)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.reason) == ("cancelled", "Acknowledged.")


def test_acknowledging_leaves_the_series_and_other_occurrences(fired, now):
    occurrence = fired()
    tick.run(now + DAY)
    responses.acknowledge(occurrence, now + DAY)
    assert Occurrence.objects.latest("pk").status == "pending"
    assert Delivery.objects.latest("pk").status == "queued"
    assert occurrence.reminder.next_due_at == now + 2 * DAY


def test_second_acknowledge_changes_nothing_and_says_so(fired, user, channel, now):
    occurrence = fired()
    with acting_as(Actor("link", channel_id=channel.pk)):
        responses.acknowledge(occurrence, now)
    with acting_as(Actor("api", user.pk)):
        assert not responses.acknowledge(occurrence, now + HOUR)
    response = occurrence.responses.get()
    assert (response.verb, response.at, response.face) == ("acknowledged", now, "link")
    assert (response.user, response.channel) == (None, channel)


def test_database_refuses_that_what_is_answered_goes_on(fired, now):
    occurrence = fired()
    responses.acknowledge(occurrence, now)
    with pytest.raises(IntegrityError, match="answered_is_quiet"), transaction.atomic():
        Occurrence.objects.filter(pk=occurrence.pk).update(follow_up_at=now)


# Snooze


def test_snoozed_occurrence_is_quiet_and_the_series_goes_on(fired, user, now):
    occurrence = fired()
    with acting_as(Actor("api", user.pk)):
        assert responses.snooze(occurrence, now + HOUR, now)
    assert (occurrence.status, occurrence.follow_up_at) == ("snoozed", now + HOUR)
    assert Delivery.objects.get().reason == "Snoozed."
    assert occurrence.reminder.next_due_at == now + DAY
    response = occurrence.responses.get()
    assert (response.verb, response.user, response.detail) == (
        "snoozed",
        user,
        "2026-11-23T18:00:00Z",
    )


def test_snoozing_again_moves_it(fired, now):
    occurrence = fired()
    responses.snooze(occurrence, now + HOUR, now)
    assert responses.snooze(occurrence, now + DAY, now)
    assert occurrence.follow_up_at == now + DAY
    assert not responses.snooze(occurrence, now + DAY, now)
    assert occurrence.responses.count() == 2


def test_acknowledged_occurrence_is_not_snoozed(fired, now):
    occurrence = fired()
    responses.acknowledge(occurrence, now)
    assert not responses.snooze(occurrence, now + HOUR, now)
    assert occurrence.status == "acknowledged"


@pytest.mark.parametrize("ahead", [timedelta(0), -HOUR, timedelta(days=365, seconds=1)])
def test_snooze_ends_in_the_future_and_within_a_year(fired, now, ahead):
    occurrence = fired()
    with pytest.raises(ValidationError) as refusal:
        responses.snooze(occurrence, now + ahead, now)
    assert set(refusal.value.message_dict) == {"until"}
    assert reread(occurrence).status == "pending"


# Skip next


def test_skipped_occurrence_is_recorded_and_nothing_is_sent(make_reminder, user, now):
    reminder = make_reminder(recurrence="FREQ=DAILY")
    with acting_as(Actor("api", user.pk)):
        skipped = responses.skip_next(reminder, now - MINUTE)
    assert (skipped.due_at, skipped.status, skipped.reason) == (
        now,
        "skipped",
        "Skipped before it was due.",
    )
    assert skipped.responses.get().user == user
    assert tick.run(now) == 0
    assert reread(reminder).next_due_at == now + DAY
    assert tick.run(now + DAY) == 1
    assert Occurrence.objects.latest("pk").due_at == now + DAY
    assert "missed" not in Delivery.objects.get().body


def test_all_leads_to_come_are_skipped(make_reminder, now):
    reminder = make_reminder(recurrence="FREQ=DAILY", leads=[timedelta(0), MINUTE, 2 * HOUR])
    responses.skip_next(reminder, now - HOUR)
    # The lead of two hours was past when the reminder was stored.
    assert set(Occurrence.objects.values_list("due_at", "lead", "status")) == {
        (now, timedelta(0), "skipped"),
        (now, MINUTE, "skipped"),
    }
    assert (reread(reminder).next_due_at, reminder.next_lead) == (now + DAY, 2 * HOUR)


def test_lead_that_lies_beyond_another_instant_is_skipped_in_its_turn(make_reminder, now):
    reminder = make_reminder(recurrence="FREQ=DAILY", leads=[timedelta(0), 36 * HOUR])
    tick.run(now)
    # At 36 hours before the day after tomorrow, with tomorrow in between.
    assert (reread(reminder).next_due_at, reminder.next_lead) == (now + 2 * DAY, 36 * HOUR)
    responses.skip_next(reminder, now)
    tick.run(now + DAY)
    tick.run(now + 2 * DAY)
    fired = Occurrence.objects.filter(status="pending")
    assert not fired.filter(due_at=now + 2 * DAY).exists()
    assert fired.filter(due_at=now + DAY).exists()


def test_reminder_with_nothing_after_the_skipped_one_is_finished(reminder, now):
    assert responses.skip_next(reminder, now - MINUTE)
    assert reread(reminder).status == Reminder.Status.FINISHED
    assert responses.skip_next(reminder, now) is None


def test_paused_reminder_has_nothing_to_skip(reminder, now):
    reminder.pause(now - MINUTE)
    assert responses.skip_next(reminder, now) is None
    assert not Occurrence.objects.exists()


# What a delivery refers to


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("occurrence:12", 12),
        ("occurrence:12:nag:1", 12),
        ("occurrence:", None),
        ("occurrence:x", None),
        ("occurrence:1²", None),
        ("occurrence:" + "9" * 19, None),
        ("digest:12", None),
    ],
)
def test_occurrence_of_a_reference(reference, found):
    assert occurrence_id(reference) == found
