"""Titles and names: one line that people can see, whatever the face."""

import pytest
from django.core.exceptions import ValidationError

from accounts.one_line import is_one_line
from reminders.models import Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

BAD = [
    "\u200b",
    "\u200b \ufeff",
    "a\r\nb",
    "a\nb",
    "a\tb",
    "a\u2028b",
    "a\x85b",
    "\u3164",
    "\ufe0f",
]
GOOD = ["a", "é", "🎉", "👩‍👩‍👧", "日本", "!", "a\u200bb", "עברית", "e\u0301", "{due}"]
TEA = {"starts_at": "2030-01-01T09:00:00"}


@pytest.mark.parametrize("title", BAD)
def test_title_that_cannot_be_shown_is_refused_by_the_api(api, title):
    for path, body in (
        ("reminders/", {"title": title, **TEA}),
        ("reminders/by-external-id/x/", {"title": title, **TEA}),
    ):
        send = api.put if "external" in path else api.post
        answer = send(f"/api/v1/{path}", body)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "title"
    fields = {"title": title, **TEA}
    batch = api.post("/api/v1/reminders/batch/", {"items": [{"op": "create", "fields": fields}]})
    assert batch.json()["results"][0]["errors"][0]["field"] == "title"


@pytest.mark.parametrize("title", BAD)
def test_title_cannot_be_changed_to_one_that_cannot_be_shown(api, make_reminder, title):
    answer = api.patch(f"/api/v1/reminders/{make_reminder().pk}/", {"title": title})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "title")


@pytest.mark.parametrize("title", GOOD)
def test_title_that_people_can_see_is_taken(api, title):
    answer = api.post("/api/v1/reminders/", {"title": title, **TEA})
    assert (answer.status_code, answer.json().get("title")) == (201, title)


def test_title_from_before_hinders_no_other_edit(api, make_reminder):
    reminder = make_reminder()
    Reminder.objects.filter(pk=reminder.pk).update(title="a\r\nb")
    url = f"/api/v1/reminders/{reminder.pk}/"
    assert api.patch(url, {"body": "new"}).status_code == 200


@pytest.mark.parametrize("name", BAD)
def test_name_of_a_channel_is_one_line_as_well(channel, name):
    channel.name = name
    with pytest.raises(ValidationError, match="one line"):
        channel.store()


def test_one_line_is_told_from_others():
    assert [is_one_line(text) for text in BAD] == [False] * len(BAD)
    assert [is_one_line(text) for text in GOOD] == [True] * len(GOOD)
