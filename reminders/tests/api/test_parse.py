"""A sentence read over the API and on the command line."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from conftest import client_of
from reminders.models import Reminder

URL = "/api/v1/reminders/parse/"


@pytest.fixture(autouse=True)
def clock(monkeypatch, now):
    monkeypatch.setattr("django.utils.timezone.now", lambda: now)


def error(answer):
    assert answer.status_code == 400, answer.json()
    (found,) = answer.json()["errors"]
    return found


def test_sentence_is_answered_with_the_reminder_it_means(api):
    answer = api.post(URL, {"text": "Stand-up every Monday at 6pm in Berlin"}).json()
    assert answer["reminder"] == {
        "title": "Stand-up",
        "starts_at": "2026-11-30T18:00:00",
        "timezone": "Europe/Berlin",
        "recurrence": "FREQ=WEEKLY;BYDAY=MO",
        "exdates": [],
        "rdates": [],
        "gap": "after",
        "fold": "first",
        "leads": ["PT0S"],
        "tags": [],
        "urgent": False,
    }
    assert answer["understood"][1] == {
        "field": "recurrence",
        "text": "every Monday",
        "start": 9,
        "end": 21,
    }
    assert answer["assumed"] == []
    assert answer["preview"]["text"] == "every week on Monday at 18:00 (Europe/Berlin)"
    assert answer["preview"]["occurrences"][0]["due_at"] == "2026-11-30T17:00:00Z"
    assert answer["preview"]["messages"][0]["title"] == "Stand-up"


def test_preview_is_that_of_the_reminder(api):
    answer = api.post(URL, {"text": "nightly at 02:30 in Berlin, 10 minutes before"}).json()
    schedule = {**answer["reminder"]}
    for name in ("title", "tags", "urgent"):
        del schedule[name]
    assert api.post("/api/v1/reminders/preview/", schedule).json() == answer["preview"]


def test_what_is_answered_can_be_stored_as_it_is(api):
    text = "dentist tomorrow at 3pm, a day before and an hour before #health !"
    draft = api.post(URL, {"text": text}).json()["reminder"]
    assert not Reminder.objects.exists()
    stored = api.post("/api/v1/reminders/", draft)
    assert stored.status_code == 201
    assert {name: stored.json()[name] for name in draft} == draft


def test_zone_of_the_user_is_that_of_the_sentence(api, user):
    user.timezone = "Asia/Tokyo"
    user.save()
    draft = api.post(URL, {"text": "every day at 9"}).json()["reminder"]
    assert draft["timezone"] == "Asia/Tokyo"


def test_zone_can_be_given_beside_the_sentence(api):
    draft = api.post(URL, {"text": "at 18:00", "timezone": "Asia/Tokyo"}).json()["reminder"]
    assert (draft["timezone"], draft["starts_at"]) == ("Asia/Tokyo", "2026-11-24T18:00:00")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("every blue moon", "not_understood"),
        ("call Bob tomorrow at 5", "ambiguous"),
        ("today at 9am", "past"),
        ("every day and every Monday", "contradiction"),
        ("x" * 201 + " tomorrow", "invalid"),
        ("title {nonsense} tomorrow", "invalid"),
        ("tomorrow at noon #" + "x" * 51, "invalid"),
        ("on Jan 1 2999 at noon, 400 days before", "invalid"),
        ("a" * 301, "max_length"),
        ("every day " * 100_000, "max_length"),
        ("", "blank"),
    ],
)
def test_what_cannot_be_read_is_an_error_of_the_text(api, text, code):
    found = error(api.post(URL, {"text": text}))
    assert (found["field"], found["code"]) == ("text", code)


def test_zone_that_is_none_is_an_error_of_it(api):
    assert error(api.post(URL, {"text": "at 9", "timezone": "Mars"}))["field"] == "timezone"


def test_moment_cannot_be_chosen(api):
    found = error(api.post(URL, {"text": "at 9", "now": "2026-11-23T00:00:00Z"}))
    assert (found["field"], found["code"]) == ("now", "unknown")


@pytest.mark.parametrize(("scope", "status"), [("reminders:read", 200), ("channels:read", 403)])
def test_reading_is_enough_to_parse(user, scope, status):
    answer = client_of(user, [scope]).post(URL, {"text": "tomorrow at 9am"})
    assert answer.status_code == status


def test_nobody_parses_unasked(client):
    assert client.post(URL, {"text": "tomorrow at 9am"}).status_code == 401


def test_command_shows_what_a_sentence_means():
    out = StringIO()
    call_command("parse", "stand-up every Monday at 6pm", timezone="Europe/Berlin", stdout=out)
    assert out.getvalue().splitlines()[:6] == [
        "title       stand-up",
        "recurrence  every Monday",
        "starts_at   at 6pm",
        "",
        "every week on Monday at 18:00 (Europe/Berlin)",
        "FREQ=WEEKLY;BYDAY=MO",
    ]


def test_command_answers_programs_as_the_api_does(api):
    out = StringIO()
    call_command("parse", "tomorrow at 9am", json=True, stdout=out)
    assert json.loads(out.getvalue()) == api.post(URL, {"text": "tomorrow at 9am"}).json()


@pytest.mark.parametrize(
    ("text", "zone"), [("every blue moon", "UTC"), ("at 9am", "Mars"), ("tomorrow at 5", "UTC")]
)
def test_command_refuses(text, zone):
    with pytest.raises(CommandError):
        call_command("parse", text, timezone=zone)
