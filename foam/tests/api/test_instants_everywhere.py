"""Instants in each parameter and field: read alike, in UTC, and refused with a sentence."""

from urllib.parse import quote

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ApiToken

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

B = "/api/v1/"
FAR_EAST = "2026-11-24T09:00:00+16:00"  # 2026-11-23T17:00:00Z
QUERIES = [
    ("reminders/", "due_after"),
    ("reminders/", "due_before"),
    ("reminders/", "updated_since"),
    ("occurrences/", "due_after"),
    ("occurrences/", "due_before"),
    ("reminders/export/", "due_after"),
    ("reminders/export/", "due_before"),
]
REFUSED = [
    "0001-01-01T00:00:00+16:00",
    "9999-12-31T23:59:59-23:59",
    "9999-12-31T23:59:59+23:59",
    "2026-11-23T17:00:60Z",
    "٢٠٢٦-11-23T17:00:00Z",
    "2026-11-23T17:00:00",
    "2026-11-23T17:00:00+24:00",
]


@pytest.mark.parametrize(("path", "name"), QUERIES)
@pytest.mark.parametrize("text", [FAR_EAST, "2026-11-22T17:30:00-23:30", "2026-11-23T17:00:00,5Z"])
def test_offset_of_any_size_is_taken_in_a_query(api, path, name, text):
    answer = api.get(f"{B}{path}?{name}={quote(text)}")
    assert answer.status_code == 200
    assert answer.getvalue() if answer.streaming else answer.content


@pytest.mark.parametrize(("path", "name"), QUERIES)
@pytest.mark.parametrize("text", REFUSED)
def test_query_that_names_no_instant_is_refused_by_name(api, path, name, text):
    answer = api.get(f"{B}{path}?{name}={quote(text)}")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [name]


def test_filter_compares_the_instant_and_not_its_clock(api, make_reminder, now):
    make_reminder(starts_at="2026-11-23T18:00:00")
    later, before = "2026-11-24T10:00:01+16:00", "2026-11-24T09:59:59+16:00"
    found = {text: len(api.get(f"{B}reminders/", {"due_before": text}).json()["results"])
             for text in (later, before)}  # fmt: skip
    assert found == {later: 1, before: 0}


FIELDS = [
    ("reminders/", {"title": "T", "starts_at": "{}"}, "starts_at"),
    (
        "reminders/",
        {"title": "T", "starts_at": "2030-01-01T09:00", "exdates": ["{}"]},
        "exdates",
    ),
    ("reminders/preview/", {"starts_at": "2030-01-01T09:00:00", "after": "{}"}, "after"),
    ("pauses/", {"scope": "user", "until": "{}"}, "until"),
    ("tokens/", {"name": "t", "scopes": ["me:read"], "expires_at": "{}"}, "expires_at"),
    ("reminders/feed/", {"expires_at": "{}"}, "expires_at"),
]


def filled(body, text):
    return {
        name: text if value == "{}" else [text] if value == ["{}"] else value
        for name, value in body.items()
    }


@pytest.mark.parametrize(("path", "body", "field"), FIELDS)
def test_offset_of_any_size_is_taken_in_a_body(api, now, path, body, field):
    text = "2027-06-02T09:00:00+16:00"
    answer = api.post(B + path, filled(body, text))
    assert answer.status_code in {200, 201}, answer.json()


@pytest.mark.parametrize(("path", "body", "field"), FIELDS)
@pytest.mark.parametrize("text", [t for t in REFUSED if t[-1] in "Z0" or "+" in t or "-2" in t])
def test_body_that_names_no_instant_is_refused_by_name(api, path, body, field, text):
    if field in {"starts_at", "exdates"} and text == "2026-11-23T17:00:00":
        pytest.skip("a wall-clock time")
    answer = api.post(B + path, filled(body, text))
    assert answer.status_code == 400
    assert {error["field"].split(".")[0] for error in answer.json()["errors"]} == {field}


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31T23:59", "2026-11-23T17:00:60"])
def test_explain_refuses_a_moment_that_it_cannot_look_around(api, make_reminder, text):
    reminder = make_reminder()
    answer = api.get(f"{B}reminders/{reminder.pk}/explain/", {"at": text})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "at")


def test_pause_command_takes_any_offset_and_refuses_the_ends(user, now, capsys):
    call_command("pause", "--user", "ada", "--until", "2027-06-02T09:00:00+16:00")
    with pytest.raises(CommandError, match="--until: This time is out of range"):
        call_command("pause", "--user", "ada", "--until", "9999-12-31T23:59:59-16:00")


def test_admin_pauses_until_an_instant_with_any_offset(client, staff, make_reminder):
    client.force_login(staff)
    reminder = make_reminder(recurrence="FREQ=DAILY")
    form = {"action": "pause", "_selected_action": reminder.pk, "confirmed": "1"}
    url = "/admin/reminders/reminder/"
    client.post(url, {**form, "until": "2027-06-02T09:00:00+16:00"})
    reminder.refresh_from_db()
    assert f"{reminder.paused_until:%d %H}" == "01 17"
    page = client.post(url, {**form, "until": "9999-12-31T23:59:59-16:00"})
    assert "out of range" in page.content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "query",
    [
        "accounts/apitoken/?expires_at__gte=2026-11-23T17:00:00%2B16:00",
        "reminders/occurrence/?recorded_at__gte=2026-11-23T17:00:00%2B16:00",
        "notifications/delivery/?created_at__lt=9999-12-31T23:59:59-23:59",
        "accounts/pause/?ended_at__gte=0001-01-01T00:00:00%2B16:00",
    ],
)
def test_admin_list_whose_filter_cannot_be_used_says_so(client, staff, query):
    client.force_login(staff)
    answer = client.get(f"/admin/{query}", follow=True)
    assert answer.status_code == 200
    assert "The filter in the address is not valid" in answer.content.decode()


def test_token_keeps_the_instant_that_was_given(api):
    body = {"name": "t", "scopes": ["me:read"], "expires_at": "2027-06-02T09:00:00+16:00"}
    made = api.post(f"{B}tokens/", body).json()
    assert made["expires_at"] == "2027-06-01T17:00:00Z"
    assert ApiToken.objects.get(pk=made["id"]).expires_at.isoformat() == "2027-06-01T17:00:00+00:00"
