"""The faces of explain: the command, the API and the admin show one and the same answer."""

import io
import json
from datetime import datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from conftest import client_of
from notifications.outbox.round import deliver_due
from reminders.engine import tick
from reminders.management.commands.explain import lines
from reminders.models import Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

HOUR = timedelta(hours=1)


@pytest.fixture
def fired(make_reminder, recorder, now):
    """A reminder, due at `now`, 18:00 in Berlin, and sent."""
    reminder = make_reminder(
        starts_at=datetime(2026, 11, 23, 18), timezone="Europe/Berlin", external_id="standup"
    )
    Reminder.objects.update(created_at=now - HOUR)
    tick.run(now)
    deliver_due(now)
    return reminder


def command(*words):
    out = io.StringIO()
    call_command("explain", *map(str, words), stdout=out)
    return out.getvalue()


def url_of(reminder):
    return f"/api/v1/reminders/{reminder.pk}/explain/"


def test_command_prints_the_chain_in_both_clocks(fired, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    answer = command(fired.pk, "--at", "2026-11-23T18:00").splitlines()
    assert answer[0].endswith(": it fired on time; accepted by Webhook: Hook.")
    fired_at = "2026-11-23 18:00:00 (17:00:00 UTC)"
    assert answer[2:6] == [
        f"2026-11-23 17:00:00 (16:00:00 UTC)  reminder {fired.pk} “Stand-up” of ada, finished: it "
        "has no further occurrence",
        "schedule: once on 23 November 2026 at 18:00 (Europe/Berlin)",
        f"  {fired_at}  due",
        f"    {fired_at}  it fired on time",
    ]
    delivery, attempt = answer[6:]
    assert delivery.startswith(" " * 6 + "2026")
    assert delivery.endswith("  to Webhook: Hook · the receiver accepted it")
    assert attempt.startswith(" " * 8 + "2026")
    assert "  attempt 1: the receiver accepted it, after 0." in attempt


def test_command_finds_a_reminder_by_its_external_id(fired):
    assert command("standup", "--owner", "ada") == command(fired.pk)


def test_command_prefers_the_reminder_that_is_kept(fired, make_reminder, now):
    Reminder.objects.get().close(now)
    kept = make_reminder(external_id="standup", starts_at=datetime(2090, 1, 2), title="New")
    assert json.loads(command("standup", "--owner", "ada", "--json"))["reminder"] == kept.pk


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["0"], "There is no reminder '0'."),
        (["standup"], "'standup' is no id; for an external_id give --owner, too."),
        (["9" * 30], "is no id"),
        (["nope", "--owner", "ada"], "There is no reminder 'nope' of ada."),
        (["standup", "--owner", "bob"], "There is no user 'bob'."),
        (["standup", "--owner", "ada", "--at", "monday"], "--at: Give a moment such as"),
    ],
)
def test_command_says_what_is_wrong(fired, words, told):
    with pytest.raises(CommandError, match=told.replace(".", r"\.")):
        command(*words)


def test_chain_is_no_wider_than_the_terminal(fired, now):
    from reminders.explain.explanation import explain

    told = list(lines(explain(fired, now, "2026-11-23"), 60))
    assert max(map(len, told)) <= 60


def test_api_answers_what_the_command_does(api, fired):
    answer = api.get(url_of(fired), {"at": "2026-11-23T18:00"})
    assert answer.status_code == 200
    assert answer.json() == json.loads(command(fired.pk, "--at", "2026-11-23T18:00", "--json"))


def test_api_answers_for_programs(api, fired):
    answer = api.get(url_of(fired), {"at": "2026-11-23T18:00"}).json()
    assert {name: answer[name] for name in answer if name not in {"steps", "conclusion"}} == {
        "reminder": fired.pk,
        "timezone": "Europe/Berlin",
        "begin": "2026-11-23T17:00:00Z",
        "end": "2026-11-23T17:01:00Z",
        "verdict": "sent",
    }
    step = answer["steps"][3]
    occurrence = fired.occurrences.get()
    assert step == {
        "what": "fired",
        "depth": 2,
        "at": "2026-11-23T17:00:00Z",
        "text": "it fired on time",
        "data": {
            "id": occurrence.pk,
            "status": "pending",
            "reason": "",
            "late_seconds": 0.0,
            "lead_seconds": 0.0,
        },
    }


def test_api_names_a_moment_that_cannot_be_read(api, fired):
    answer = api.get(url_of(fired), {"at": "monday"})
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    [error] = answer.json()["errors"]
    assert error["field"] == "at"
    assert "2026-11-23T18:00" in error["detail"]


def test_api_takes_an_offset_whose_plus_was_not_quoted(api, fired):
    answer = api.get(f"{url_of(fired)}?at=2026-11-23T18:00+01:00").json()
    assert answer["verdict"] == "sent"


def test_reminder_of_another_answers_404(stranger_api, fired):
    assert stranger_api.get(url_of(fired)).status_code == 404


def test_scope_to_read_is_enough_and_needed(user, fired):
    assert client_of(user, ["reminders:read"]).get(url_of(fired)).status_code == 200
    assert client_of(user, ["deliveries:read"]).get(url_of(fired)).status_code == 403


def test_staff_see_the_chain_in_the_admin(client, staff, fired):
    client.force_login(staff)
    page = f"/admin/reminders/reminder/{fired.pk}/explain/"
    change = client.get(f"/admin/reminders/reminder/{fired.pk}/change/").content.decode()
    assert page in change
    shown = client.get(page, {"at": "2026-11-23T18:00"}).content.decode()
    assert "it fired on time; accepted by Webhook: Hook." in shown
    assert "2026-11-23 18:00:00 (17:00:00 UTC)" in shown


def test_admin_says_how_to_give_a_moment(client, staff, fired):
    client.force_login(staff)
    answer = client.get(f"/admin/reminders/reminder/{fired.pk}/explain/", {"at": "<b>monday"})
    assert "Give a moment such as" in answer.content.decode()
    assert "<b>monday" not in answer.content.decode()


def test_occurrence_in_the_admin_leads_to_its_explanation(client, staff, fired):
    client.force_login(staff)
    occurrence = fired.occurrences.get()
    answer = client.get(f"/admin/reminders/occurrence/{occurrence.pk}/explain/")
    assert answer.url == (f"/admin/reminders/reminder/{fired.pk}/explain/?at=2026-11-23T17:00:00Z")


@pytest.mark.parametrize("model", ["reminder", "occurrence"])
def test_admin_knows_nothing_of_what_is_not_there(client, staff, model):
    client.force_login(staff)
    assert client.get(f"/admin/reminders/{model}/7x/explain/").status_code == 404


def test_explain_in_the_admin_is_for_those_who_may_see_reminders(client, user, fired):
    user.is_staff = True
    user.save()
    client.force_login(user)
    assert client.get(f"/admin/reminders/reminder/{fired.pk}/explain/").status_code == 403


def test_schema_tells_of_explain(client, db):
    operations = client.get("/openapi.json", HTTP_ACCEPT="application/json").json()["paths"]
    operation = operations["/api/v1/reminders/{id}/explain/"]["get"]
    assert [each["name"] for each in operation["parameters"]] == ["If-None-Match", "at", "id"]


def test_latest_and_next_need_no_moment(api, fired):
    Reminder.objects.update(created_at=timezone.now())
    assert api.get(url_of(fired)).json()["begin"] is None
