"""A reminder and its plan are a pair, whichever client of the database writes them."""

import pytest
from django.db import IntegrityError, connection, transaction

from reminders.engine import tick
from reminders.models import Plan, Reminder


def run(statement, *values):
    """Run a statement in a transaction of its own, at whose end the pairs are checked."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.django_db
def test_reminder_without_a_plan_is_refused(reminder):
    with pytest.raises(IntegrityError, match="reminders_reminder_has_plan"):
        run("DELETE FROM reminders_plan WHERE reminder_id = %s", reminder.pk)


@pytest.mark.django_db
def test_plan_of_another_owner_is_refused(reminder, stranger):
    with pytest.raises(IntegrityError, match="reminders_plan_of_reminder"):
        run("UPDATE reminders_plan SET owner_id = %s WHERE reminder_id > 0", stranger.pk)


@pytest.mark.django_db
def test_new_owner_of_a_reminder_owns_its_plan(reminder, stranger):
    run("UPDATE reminders_reminder SET owner_id = %s WHERE id = %s", stranger.pk, reminder.pk)
    assert Plan.objects.get(pk=reminder.pk).owner == stranger


@pytest.mark.django_db
def test_deleted_reminder_with_a_plan_to_fire_is_refused(reminder, now):
    with pytest.raises(IntegrityError, match="A deleted reminder is finished"):
        run("UPDATE reminders_reminder SET deleted_at = now() WHERE id = %s", reminder.pk)


@pytest.mark.django_db
def test_plan_of_a_deleted_reminder_stays_finished(reminder, now):
    reminder.close(now)
    with pytest.raises(IntegrityError, match="A deleted reminder is finished"):
        run(
            "UPDATE reminders_plan SET status = 'active', next_fire_at = now(),"
            " next_due_at = now() WHERE reminder_id = %s",
            reminder.pk,
        )


@pytest.mark.django_db
def test_firing_writes_no_row_of_reminders(make_reminder, now, woken):
    make_reminder(recurrence="FREQ=DAILY")
    before = Reminder.objects.extra(select={"place": "ctid"}).values_list("place", flat=True).get()
    assert tick.run(now) == 1
    after = Reminder.objects.extra(select={"place": "ctid"}).values_list("place", flat=True).get()
    assert after == before
