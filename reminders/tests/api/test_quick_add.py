"""A reminder stored from a sentence: POST reminders/ with `text`."""

import pytest

from conftest import client_of
from notifications.models import Channel
from reminders.models import Reminder

URL = "/api/v1/reminders/"
TEXT = "dentist tomorrow at 3pm, a day before and an hour before #health !"


@pytest.fixture(autouse=True)
def clock(monkeypatch, now):
    monkeypatch.setattr("django.utils.timezone.now", lambda: now)


def error(answer):
    assert answer.status_code == 400, answer.json()
    (fault,) = answer.json()["errors"]
    return fault


def test_sentence_is_stored_as_parse_shows_it(api):
    shown = api.post(f"{URL}parse/", {"text": TEXT}).json()
    answer = api.post(URL, {"text": TEXT})
    added = answer.json()
    assert answer.status_code == 201
    assert {name: added[name] for name in shown["reminder"]} == shown["reminder"]
    assert (added["understood"], added["assumed"]) == (shown["understood"], shown["assumed"])
    assert added["next_due_at"] == shown["preview"]["occurrences"][0]["due_at"]


def test_answer_is_the_reminder_at_its_address(api):
    answer = api.post(URL, {"text": "tea every day at 5pm"})
    stored = api.get(answer["Location"]).json()
    assert {name: answer.json()[name] for name in stored} == stored


def test_answer_names_what_was_assumed(api):
    added = api.post(URL, {"text": "tea every day"}).json()
    assert added["assumed"]


def test_sentence_goes_to_the_inbox_or_to_the_channels_beside_it(api, user, channel):
    inbox = Channel.objects.inbox_of(user)
    assert api.post(URL, {"text": "tea at 5pm"}).json()["channels"] == [inbox.pk]
    added = api.post(URL, {"text": "tea at 5pm", "channels": [channel.pk], "external_id": "t1"})
    assert (added.json()["channels"], added.json()["external_id"]) == ([channel.pk], "t1")


def test_time_zone_beside_the_sentence_is_that_of_the_reminder(api):
    added = api.post(URL, {"text": "tea at 18:00", "timezone": "Asia/Tokyo"}).json()
    assert (added["timezone"], added["starts_at"]) == ("Asia/Tokyo", "2026-11-24T18:00:00")


@pytest.mark.parametrize("text", ["every day at 5pm", "gibberish", "", None, 5])
def test_sentence_that_is_no_reminder_is_refused_at_its_field(api, text):
    assert error(api.post(URL, {"text": text}))["field"] == "text"
    assert not Reminder.objects.exists()


def test_other_fields_beside_a_sentence_are_refused(api):
    assert error(api.post(URL, {"text": "tea at 5pm", "title": "Tea"}))["field"] == "title"


def test_channel_of_another_is_refused(api, stranger):
    other = Channel.objects.inbox_of(stranger)
    fault = error(api.post(URL, {"text": "tea at 5pm", "channels": [other.pk]}))
    assert fault["field"] == "channels"


def test_sentence_needs_the_scope_to_write(user):
    answer = client_of(user, ["reminders:read"]).post(URL, {"text": "tea at 5pm"})
    assert answer.status_code == 403


def test_repeated_sentence_with_a_key_is_stored_once(api):
    answers = [
        api.post(URL, {"text": "tea at 5pm"}, headers={"Idempotency-Key": "one"}) for _ in "ab"
    ]
    assert answers[0].content == answers[1].content
    assert Reminder.objects.count() == 1
