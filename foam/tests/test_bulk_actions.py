"""Many rows at once in the admin: each is done or not, and whoever asked is told which and why."""

import logging
import re
from datetime import datetime

import pytest
from django.urls import reverse

from accounts import report
from reminders import firing
from reminders.models import EditConflict, Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]


@pytest.fixture
def some(make_reminder):
    starts_at = datetime(2090, 1, 2, 18, 0)
    return [make_reminder(title=f"<b>{n}", starts_at=starts_at) for n in range(5)]


@pytest.fixture
def act(client, staff):
    """Return a function that does an action to rows, or to all, and returns what was said."""
    client.force_login(staff)

    def act(name, rows, across=False):
        url = reverse("admin:reminders_reminder_changelist")
        # Who pauses is asked until when.
        chosen = {"action": name, "confirmed": "1", "_selected_action": [row.pk for row in rows]}
        answer = client.post(url, {**chosen, "select_across": int(across)}, follow=True)
        [said] = answer.context["messages"]
        return said.level_tag, re.sub("<[^>]*>", "", str(said)), answer.content.decode()

    return act


def test_what_was_not_done_is_counted_by_reason_and_named_with_links(act, some, now):
    for each in some[:4]:
        each.pause(now)
    some[4].close(now)
    level, said, page = act("pause", some)
    assert (level, said) == (
        "error",
        "Paused 0 of 5. Not done: 4 (&lt;b&gt;0, &lt;b&gt;1, &lt;b&gt;2, …): it was paused before."
        " Not done: 1 (&lt;b&gt;4): it is deleted.",
    )
    assert f'href="/admin/reminders/reminder/{some[0].pk}/change/"' in page
    assert "<b>0" not in page


def test_row_that_raises_stops_no_other(act, some, monkeypatch, caplog):
    fire = firing.trigger

    def trigger(reminder, now):
        occurrence = fire(reminder, now)
        if reminder.pk == some[1].pk:
            raise EditConflict
        if reminder.pk == some[2].pk:
            raise RuntimeError("broken")
        return occurrence

    monkeypatch.setattr(firing, "trigger", trigger)
    with caplog.at_level(logging.ERROR):
        level, said, _ = act("fire_now", some)
    assert level == "warning"
    assert said.startswith("Fired 3 of 5. Not done: 1 (&lt;b&gt;1): Someone else has changed")
    assert "Not done: 1 (&lt;b&gt;2): an error, which is in the log." in said
    assert "broken" in caplog.text
    # What a row that raised had begun is undone.
    assert [each.occurrences.count() for each in some] == [1, 0, 0, 1, 1]


def test_all_rows_are_done_in_batches(act, some, monkeypatch):
    monkeypatch.setattr(report, "BATCH", 2)
    assert act("pause", some[:1], across=True)[:2] == ("success", "Paused 5.")
    assert not Reminder.objects.filter(status="active").exists()


def test_more_than_may_be_done_at_once_changes_nothing(act, some, monkeypatch):
    monkeypatch.setattr(report, "MOST", 4)
    level, said, _ = act("close", some[:1], across=True)
    assert (level, said) == ("error", report.TOO_MANY.format(4))
    assert Reminder.objects.kept().count() == 5


def test_what_time_ran_out_for_is_said_and_left(act, some, monkeypatch):
    moments = iter([0, 1, 2, 30, 60])
    monkeypatch.setattr(report, "monotonic", lambda: next(moments))
    _, said, _ = act("pause", some)
    assert said == "Paused 2 of 5. Time ran out for 3 more: choose them again."
    assert Reminder.objects.filter(status="paused").count() == 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("resume", "Resumed 0 of 1. Not done: 1 (<b>0): it is active, not paused."),
        ("skip_next", "Skipped the next of 1."),
        ("close", "Deleted 1."),
    ],
)
def test_each_action_says_what_it_did(act, some, name, said):
    assert act(name, some[:1])[1].replace("&lt;", "<").replace("&gt;", ">") == said


def test_what_is_done_is_returned_to_whoever_keeps_a_record(some, rf, staff, now, monkeypatch):
    class Silent:
        opts = Reminder._meta

        def message_user(self, *args):
            pass

    request = rf.post("/")
    request.user = staff
    some[0].pause(now)

    def pause(reminder):
        return "it was paused before" if reminder.status == "paused" else reminder.pause(now)

    told = report.run(request, Silent(), Reminder.objects.all(), pause, "Paused")
    assert told.finished == some[1:]
    assert told.reasons == {"it was paused before": some[:1]}
