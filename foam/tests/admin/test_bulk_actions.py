"""Many rows at once in the admin: each is done or not, and whoever asked is told which and why."""

import html
import logging
import re
from datetime import datetime

import pytest
from django.contrib import admin
from django.core import signing
from django.db import connection
from django.urls import reverse

from accounts.admin import bulk_actions
from accounts.models import ApiToken, pause
from notifications.models import Channel
from reminders.engine import firing
from reminders.models import Plan, Reminder
from reminders.models.errors import EditConflict

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

OWN = ("accounts_", "notifications_", "reminders_", "django_celery_beat_")


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
    ended = {"status": "finished", "next_fire_at": None, "next_due_at": None}
    Plan.objects.filter(pk=some[4].pk).update(**ended)
    level, said, page = act("pause", some)
    assert (level, said) == (
        "error",
        "Paused 0 of 5. Not done: 4 (&lt;b&gt;0, &lt;b&gt;1, &lt;b&gt;2, …): it was paused before."
        " Not done: 1 (&lt;b&gt;4): it is finished.",
    )
    assert f'href="/admin/reminders/reminder/{some[0].pk}/change/"' in page
    assert "<b>0" not in page


def test_row_that_raises_stops_no_other(act, some, monkeypatch, caplog):
    fire = firing.trigger_each

    def trigger_each(reminders, now):
        occurrences = fire(reminders, now)
        if some[1] in reminders:
            raise EditConflict
        if some[2] in reminders:
            raise RuntimeError("broken")
        return occurrences

    monkeypatch.setattr(firing, "trigger_each", trigger_each)
    with caplog.at_level(logging.ERROR):
        level, said, _ = act("fire_now", some)
    assert level == "warning"
    assert said.startswith("Fired 3 of 5. Not done: 1 (&lt;b&gt;1): Someone else has changed")
    assert "Not done: 1 (&lt;b&gt;2): an error, which is in the log." in said
    assert "broken" in caplog.text
    # What a row that raised had begun is undone.
    assert [each.occurrences.count() for each in some] == [1, 0, 0, 1, 1]


def test_row_that_raises_leaves_nothing_of_what_it_had_begun(client, staff, channel, monkeypatch):
    disable = Channel.disable

    def disable_and_break(channel, reason, now):
        disable(channel, reason, now)
        raise RuntimeError("broken")

    monkeypatch.setattr(Channel, "disable", disable_and_break)
    client.force_login(staff)
    chosen = {"action": "disable", "confirmed": "1", "_selected_action": [channel.pk]}
    client.post(reverse("admin:notifications_channel_changelist"), chosen)
    channel.refresh_from_db()
    assert channel.disabled_at is None


def test_all_rows_are_done_in_batches(act, some, monkeypatch):
    monkeypatch.setattr(bulk_actions, "BATCH_SIZE", 2)
    assert act("pause", some[:1], across=True)[:2] == ("success", "Paused 5.")
    assert not Plan.objects.filter(status="active").exists()


def test_more_than_may_be_done_at_once_changes_nothing(act, some, monkeypatch):
    monkeypatch.setattr(bulk_actions, "MAX_ROWS", 4)
    level, said, _ = act("close", some[:1], across=True)
    assert (level, said) == ("error", bulk_actions.TOO_MANY.format(4))
    assert Reminder.objects.not_deleted().count() == 5


def test_page_goes_on_with_what_time_ran_out_for(client, staff, some, monkeypatch):
    """Each reminder once, although the first page of the list shows the same ones again."""
    monkeypatch.setattr(bulk_actions, "BATCH_SIZE", 2)
    moments = iter([0, 1, 30, 60, 61, 90, 120, 121])
    monkeypatch.setattr(bulk_actions, "monotonic", lambda: next(moments))
    client.force_login(staff)
    url = reverse("admin:reminders_reminder_changelist")
    chosen = {"action": "skip_next", "confirmed": "1", "_selected_action": [some[0].pk]}
    page = client.post(url, {**chosen, "select_across": "1"})
    assert (page.context["title"], page.context["position"]) == ("3 of 5 are left", 2)
    assert "Go on with the rest" in page.content.decode()
    page = client.post(url, fields_of(page))
    assert page.context["title"] == "1 of 5 are left"
    answer = client.post(url, fields_of(page), follow=True)
    assert [str(each) for each in answer.context["messages"]] == ["Skipped the next of 5."]
    assert [each.occurrences.count() for each in some] == [1] * 5


def fields_of(page):
    """Return what the form of a page sends."""
    fields = {}
    for name, value in page.context["fields"]:
        fields.setdefault(name, []).append(value)
    return fields


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


@pytest.mark.parametrize(
    "forged",
    ["", "zzz", signing.dumps({"total": 9}, salt="other")],
    ids=["empty", "no token", "another salt"],
)
def test_forged_progress_begins_anew(act, some, client, forged):
    url = reverse("admin:reminders_reminder_changelist")
    act("resume", some[:1])
    chosen = {"action": "pause", "confirmed": "1", "_selected_action": [row.pk for row in some]}
    client.post(url, {**chosen, "progress": forged})
    assert Plan.objects.filter(status="paused").count() == 5


ASKED = [
    (model, name)
    for model, model_admin in admin.site._registry.items()
    for name in model_admin.actions
    if not name.startswith("export")
]


@pytest.mark.parametrize(("model", "name"), ASKED, ids=[f"{m.__name__}-{n}" for m, n in ASKED])
@pytest.mark.usefixtures("beat_rows", "one_of_each")
def test_action_asks_first_and_changes_nothing(client, model, name):
    """Also for all rows across pages: how many, what happens, and a way back to the same list."""
    before = contents()
    rows = model._default_manager.exclude(pk=0)
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    chosen = {"action": name, "_selected_action": [rows[0].pk], "select_across": "1"}
    page = client.post(f"{url}?q=", chosen)
    text = page.content.decode()
    assert page.status_code == 200
    assert f" {len(rows)} " in page.context["title"]
    assert page.context["effect"] in html.unescape(text)
    assert f'href="{url}?q="' in text
    assert ">Cancel</a>" in text
    assert contents() == before


@pytest.fixture
def one_of_each(client, staff, some, now):
    firing.trigger(some[0], now)
    ApiToken.issue(staff, "laptop")
    pause.begin("user", now, owner=staff)
    client.force_login(staff)


def contents():
    """Return all rows of FOAM's own tables and of beat's."""
    tables = [t for t in connection.introspection.table_names() if t.startswith(OWN)]
    found = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t ORDER BY 1')
            found[table] = cursor.fetchall()
    return found
