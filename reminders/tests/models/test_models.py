from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from notifications.models import Channel, Delivery
from reminders.engine import tick
from reminders.models import Occurrence, Plan, Reminder
from reminders.models.errors import EditConflict

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]


def reread(reminder):
    reminder.refresh_from_db()
    return reminder


def test_new_reminder_knows_when_it_is_due(reminder, now):
    assert reminder.next_due_at == reminder.next_fire_at == now


def test_new_reminder_without_channels_uses_its_owners_inbox(user, now):
    reminder = Reminder(owner=user, title="x", starts_at=now.replace(tzinfo=None), timezone="UTC")
    reminder.store(now - timedelta(hours=1))
    assert [channel.kind for channel in reminder.channels.all()] == ["inbox"]


def test_wall_clock_is_stored_as_it_stands_on_the_wall(make_reminder):
    reminder = make_reminder(starts_at=datetime(2026, 12, 1, 18, 0), timezone="Europe/Berlin")
    with connection.cursor() as cursor:
        cursor.execute("SELECT starts_at::text FROM reminders_reminder")
        assert cursor.fetchone() == ("2026-12-01 18:00:00",)
    assert reread(reminder).starts_at == datetime(2026, 12, 1, 18, 0)


def test_once_in_the_past_is_refused(make_reminder, now):
    with pytest.raises(ValidationError) as refusal:
        make_reminder(starts_at=datetime(2020, 1, 1))
    assert "starts_at" in refusal.value.message_dict
    assert not Reminder.objects.exists()


def test_rule_is_stored_in_canonical_form(make_reminder):
    reminder = make_reminder(recurrence="RRULE:freq=weekly;byday=TH,MO;interval=1")
    assert reread(reminder).recurrence == "FREQ=WEEKLY;BYDAY=MO,TH"


def test_edit_of_the_words_leaves_the_plan(reminder, now):
    due_at = reminder.next_due_at
    reminder.title = "New"
    reminder.store(now + timedelta(minutes=5))
    assert reread(reminder).next_due_at == due_at


def test_edit_of_the_schedule_plans_anew(reminder, now):
    reminder.starts_at = datetime(2026, 12, 24, 18, 0)
    reminder.store(now - timedelta(minutes=5))
    assert f"{reread(reminder).next_due_at:%d %H:%M}" == "24 18:00"


def test_edit_of_the_schedule_records_what_was_due_but_not_fired(make_reminder, now):
    reminder = make_reminder(recurrence="FREQ=DAILY")
    reminder.recurrence = "FREQ=WEEKLY"
    reminder.store(now + timedelta(seconds=1))
    missed = Occurrence.objects.get()
    assert (missed.due_at, missed.status) == (now, "missed")


@pytest.mark.parametrize("verb", ["pause", "close"])
def test_all_that_came_due_while_nothing_ticked_is_recorded(make_reminder, now, verb):
    reminder = make_reminder(recurrence="FREQ=DAILY", leads=[timedelta(0), timedelta(minutes=1)])
    getattr(reminder, verb)(now + timedelta(days=2, seconds=1))
    missed = Occurrence.objects.filter(status="missed").values_list("due_at", "lead")
    days = [now + timedelta(days=n) for n in range(3)]
    assert set(missed) == {(at, lead) for at in days for lead in reminder.leads}


def test_edit_that_mends_a_reminder_set_aside_records_what_it_did_not_fire(make_reminder, now):
    reminder = make_reminder(recurrence="FREQ=DAILY")
    Reminder.objects.filter(pk=reminder.pk).update(timezone="Mars/Olympus")
    tick.run(now)
    reminder.refresh_from_db()
    reminder.timezone = "Europe/Berlin"
    reminder.store(now + timedelta(seconds=1))
    missed = Occurrence.objects.get()
    assert (missed.due_at, missed.status) == (now, "missed")
    assert reread(reminder).error == ""


def test_edit_does_not_undo_what_the_tick_did_meanwhile(make_reminder, now):
    reminder = make_reminder(recurrence="FREQ=DAILY")
    tick.run(now)
    reminder.title = "New"
    reminder.store(now)
    assert reread(reminder).next_due_at == now + timedelta(days=1)


def test_edit_of_an_outdated_copy_is_a_conflict(reminder, now):
    outdated = Reminder.objects.get()
    reminder.title = "First"
    reminder.store(now)
    outdated.title = "Second"
    with pytest.raises(EditConflict):
        outdated.store(now)
    assert reread(reminder).title == "First"


def test_paused_reminder_stays_paused_through_an_edit(make_reminder, now):
    reminder = make_reminder(recurrence="FREQ=DAILY")
    reminder.pause(now - timedelta(minutes=1))
    reminder.recurrence = "FREQ=WEEKLY"
    reminder.store(now)
    assert reread(reminder).status == Reminder.Status.PAUSED


def test_resumed_reminder_goes_on_with_the_next(make_reminder, now):
    reminder = make_reminder(recurrence="FREQ=DAILY")
    reminder.pause(now - timedelta(minutes=1))
    reminder.resume(now + timedelta(days=2, hours=1))
    assert reread(reminder).next_due_at == now + timedelta(days=3)


def test_once_that_passed_while_paused_is_finished_by_a_resume(reminder, now):
    reminder.pause(now - timedelta(minutes=1))
    reminder.resume(now + timedelta(minutes=1))
    assert reread(reminder).status == Reminder.Status.FINISHED


def test_pausing_twice_changes_nothing(reminder, now):
    reminder.pause(now - timedelta(minutes=2))
    version = reminder.version
    reminder.pause(now - timedelta(minutes=1))
    assert reread(reminder).version == version


def test_deleted_reminder_keeps_its_row_and_fires_nothing(make_reminder, now):
    reminder = make_reminder(recurrence="FREQ=DAILY")
    reminder.close(now - timedelta(minutes=1))
    assert tick.run(now) == 0
    assert Reminder.objects.not_deleted().count() == 0
    assert Reminder.objects.count() == 1


def test_deleting_cancels_what_is_queued(reminder, now):
    tick.run(now)
    reminder.close(now)
    assert Delivery.objects.get().reason == "Reminder deleted."


def test_deleting_twice_changes_nothing(reminder, now):
    reminder.close(now)
    reminder.close(now + timedelta(minutes=1))
    assert reread(reminder).deleted_at == now


def test_deleting_leaves_the_deliveries_of_others(make_reminder, now):
    gone, kept = make_reminder(), make_reminder()
    tick.run(now)
    gone.close(now)
    assert Delivery.objects.get(reference=kept.occurrences.get().reference).status == "queued"


def test_external_id_is_free_again_after_a_delete(make_reminder, now):
    make_reminder(external_id="a").close(now - timedelta(minutes=1))
    make_reminder(external_id="a")
    assert Reminder.objects.not_deleted().count() == 1


def test_external_id_is_once_per_owner(make_reminder):
    make_reminder(external_id="a")
    with pytest.raises(ValidationError, match="external_id"):
        make_reminder(external_id="a")


def test_channel_of_another_is_refused(make_reminder, stranger):
    foreign = Channel.objects.inbox_of(stranger)
    with pytest.raises(ValidationError) as refusal:
        make_reminder(channels=[foreign])
    assert "channels" in refusal.value.message_dict
    assert not Reminder.objects.exists()


def test_active_reminder_without_a_next_is_refused_by_the_database(reminder):
    with pytest.raises(IntegrityError, match="active_has_next"), transaction.atomic():
        Plan.objects.update(next_fire_at=None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timezone", "Mars/Olympus"),
        ("recurrence", "every monday"),
        ("gap", "never"),
        ("title", ""),
        ("grace", timedelta(seconds=-1)),
    ],
)
def test_unusable_field_is_named(make_reminder, field, value):
    with pytest.raises(ValidationError) as refusal:
        make_reminder(**{field: value})
    assert field in refusal.value.message_dict
