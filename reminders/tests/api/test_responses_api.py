"""The loop through the API: occurrences, answers, and what a reminder does without one."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.audit.actor import Actor, acting_as
from conftest import client_of
from notifications.models import Channel
from reminders.actions import responses
from reminders.engine import firing
from reminders.models import Occurrence, Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

URL = "/api/v1/occurrences/"
REMINDERS = "/api/v1/reminders/"
DAY = timedelta(days=1)


@pytest.fixture
def occurrence(make_reminder):
    """One that has fired just now, by hand; the series goes on tomorrow."""
    now = timezone.now()
    start = (now + DAY).replace(tzinfo=None, microsecond=0)
    reminder = make_reminder(starts_at=start, recurrence="FREQ=DAILY", stored_at=now)
    return firing.trigger(reminder, now)


def post(api, occurrence, action, body=None):
    return api.post(f"{URL}{occurrence.pk}/{action}/", body or {})


def fields_at_fault(answer):
    assert answer.status_code == 400, answer.content
    return {error["field"] for error in answer.json()["errors"]}


def test_occurrence_shows_who_answered_how(api, user, occurrence):
    assert post(api, occurrence, "acknowledge").status_code == 200
    shown = api.get(f"{URL}{occurrence.pk}/").json()
    (response,) = shown.pop("responses")
    assert shown == {
        "id": occurrence.pk,
        "reminder": occurrence.reminder_id,
        "title": "Stand-up",
        "external_id": None,
        "tags": [],
        "timezone": "UTC",
        "due_at": shown["due_at"],
        "lead": "PT0S",
        "status": "acknowledged",
        "reason": "",
        "recorded_at": shown["due_at"],
        "reference": f"occurrence:{occurrence.pk}",
        "follow_up_at": None,
        "nags": 0,
        "escalated_at": None,
    }
    assert response == {
        "verb": "acknowledged",
        "at": response["at"],
        "face": "api",
        "user": "ada",
        "channel": None,
        "detail": "",
    }


def test_occurrences_are_listed_newest_first_and_filtered(api, occurrence, make_reminder):
    reminder = occurrence.reminder
    later = firing.trigger(reminder, occurrence.due_at + DAY)
    other = firing.trigger(make_reminder(recurrence="FREQ=DAILY"), occurrence.due_at)
    with acting_as(Actor("command")):
        responses.acknowledge(later, later.due_at)

    def listed(**query):
        return [each["id"] for each in api.get(URL, query).json()["results"]]

    assert listed() == [other.pk, later.pk, occurrence.pk]
    assert listed(status="acknowledged") == [later.pk]
    assert listed(reminder=reminder.pk) == [later.pk, occurrence.pk]
    assert listed(due_after=later.due_at.isoformat()) == [later.pk]
    assert listed(due_before=later.due_at.isoformat()) == [other.pk, occurrence.pk]


def test_second_acknowledge_says_that_it_changed_nothing(api, occurrence):
    assert post(api, occurrence, "acknowledge").json()["changed"] is True
    second = post(api, occurrence, "acknowledge")
    assert (second.status_code, second.json()["changed"]) == (200, False)
    assert len(second.json()["responses"]) == 1


def test_snooze_until_an_instant_or_for_a_while(api, occurrence):
    until = (timezone.now() + DAY).replace(microsecond=0)
    answer = post(api, occurrence, "snooze", {"until": until.isoformat()}).json()
    assert (answer["status"], parse_datetime(answer["follow_up_at"])) == ("snoozed", until)
    answer = post(api, occurrence, "snooze", {"for": "PT10M"}).json()
    ahead = parse_datetime(answer["follow_up_at"]) - timezone.now()
    assert timedelta(minutes=9) < ahead <= timedelta(minutes=10)
    assert [each["verb"] for each in answer["responses"]] == ["snoozed", "snoozed"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "until"),
        ({"until": "2030-01-01T00:00:00Z", "for": "PT10M"}, "until"),
        ({"until": "2001-01-01T00:00:00Z"}, "until"),
        ({"until": "2099-01-01T00:00:00Z"}, "until"),
        ({"until": "2026-11-23T18:00:00"}, "until"),
        ({"until": None}, "until"),
        ({"for": "P366D"}, "for"),
        ({"for": "P999999999D"}, "for"),
        ({"for": "-PT1H"}, "for"),
        ({"for": 600}, "for"),
        ({"fro": "PT10M"}, "fro"),
    ],
)
def test_snooze_that_cannot_be_is_refused_by_its_field(api, occurrence, body, field):
    assert fields_at_fault(post(api, occurrence, "snooze", body)) == {field}
    assert Occurrence.objects.get().status == "pending"


def test_what_is_answered_is_not_snoozed(api, occurrence):
    post(api, occurrence, "acknowledge")
    answer = post(api, occurrence, "snooze", {"for": "PT10M"})
    assert answer.status_code == 409
    assert "this one is acknowledged" in answer.json()["detail"]


def test_what_never_fired_is_not_acknowledged(api, occurrence):
    with acting_as(Actor("command")):
        skipped = responses.skip_next(occurrence.reminder, timezone.now())
    assert post(api, skipped, "acknowledge").status_code == 409


def test_skip_takes_the_next_one_out(api, occurrence):
    url = f"{REMINDERS}{occurrence.reminder_id}/"
    first, second = api.get(f"{url}upcoming/?count=2").json()["occurrences"]
    skipped = api.post(f"{url}skip/").json()
    assert (skipped["due_at"], skipped["status"]) == (first, "skipped")
    assert skipped["responses"][0]["user"] == "ada"
    assert api.get(url).json()["next_due_at"] == second
    assert api.get(f"{url}upcoming/?count=2").json()["occurrences"][0] == second


def test_skip_without_a_plan_is_a_conflict(api, occurrence):
    url = f"{REMINDERS}{occurrence.reminder_id}/"
    api.post(f"{url}pause/")
    assert api.post(f"{url}skip/").status_code == 409


def test_occurrences_of_another_do_not_exist(stranger_api, occurrence):
    assert stranger_api.get(URL).json()["results"] == []
    assert stranger_api.get(f"{URL}{occurrence.pk}/").status_code == 404
    assert post(stranger_api, occurrence, "acknowledge").status_code == 404
    assert post(stranger_api, occurrence, "snooze", {"for": "PT10M"}).status_code == 404
    assert stranger_api.post(f"{REMINDERS}{occurrence.reminder_id}/skip/").status_code == 404
    assert fields_at_fault(stranger_api.get(URL, {"reminder": occurrence.reminder_id})) == {
        "reminder"
    }


def test_token_that_may_read_may_not_answer(user, occurrence):
    reader = client_of(user, ["reminders:read"])
    assert reader.get(f"{URL}{occurrence.pk}/").status_code == 200
    assert post(reader, occurrence, "acknowledge").status_code == 403
    assert post(reader, occurrence, "snooze", {"for": "PT10M"}).status_code == 403


# What a reminder does without an answer


def test_reminder_says_what_it_does_until_it_is_done(api, user, occurrence):
    inbox = Channel.objects.inbox_of(user)
    wish = {
        "nag_every": "PT10M",
        "nag_max": 5,
        "escalate_after": "PT1H",
        "escalate_channels": [inbox.pk],
        "urgent": True,
    }
    url = f"{REMINDERS}{occurrence.reminder_id}/"
    answer = api.patch(url, wish).json()
    assert {name: answer[name] for name in wish} == wish
    assert api.get(url).json() == answer
    change = Reminder.objects.get().changes.get(verb="edited")
    assert set(change.detail.split(", ")) == set(wish)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"nag_every": "PT59S"}, "nag_every"),
        ({"nag_every": "P31D"}, "nag_every"),
        ({"nag_max": 0}, "nag_max"),
        ({"nag_max": 101}, "nag_max"),
        ({"nag_max": None}, "nag_max"),
        ({"escalate_after": "PT1H"}, "escalate_channels"),
        ({"escalate_after": "PT1S", "escalate_channels": []}, "escalate_after"),
        ({"escalate_channels": [999]}, "escalate_channels"),
        ({"urgent": "perhaps"}, "urgent"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(api, occurrence, change, field):
    url = f"{REMINDERS}{occurrence.reminder_id}/"
    before = api.get(url).json()
    assert fields_at_fault(api.patch(url, change)) == {field}
    assert api.get(url).json() == before


def test_escalation_to_a_channel_of_another_is_refused(api, stranger, occurrence):
    theirs = Channel.objects.inbox_of(stranger)
    url = f"{REMINDERS}{occurrence.reminder_id}/"
    wish = {"escalate_after": "PT1H", "escalate_channels": [theirs.pk]}
    assert fields_at_fault(api.patch(url, wish)) == {"escalate_channels"}
