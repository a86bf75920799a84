"""ETag, If-None-Match and If-Match: a 304 is never wrong, and a firing refuses nobody's edit."""

import pytest

from notifications.models import Channel
from reminders.engine import tick
from reminders.models import Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

URL = "/api/v1/reminders/"
NOUNS = ["reminders/", "channels/", "me/", "occurrences/", "deliveries/"]


@pytest.fixture
def daily(make_reminder):
    return make_reminder(recurrence="FREQ=DAILY")


@pytest.fixture
def url(daily):
    return f"{URL}{daily.pk}/"


def tag_of(api, url):
    return api.get(url)["ETag"]


@pytest.mark.parametrize("noun", NOUNS)
def test_what_is_known_is_not_sent_again(api, daily, noun):
    api.post(f"{URL}{daily.pk}/trigger/")
    url = f"/api/v1/{noun}"
    if noun != "me/":
        url += f"{api.get(url).json()['results'][0]['id']}/"
    tag = tag_of(api, url)
    answer = api.get(url, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", tag)
    assert "Content-Type" not in answer


def test_list_has_a_tag_as_well(api, daily, make_reminder):
    tag = tag_of(api, URL)
    assert api.get(URL, headers={"If-None-Match": tag}).status_code == 304
    make_reminder()
    assert api.get(URL, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '"a",W/{} , "b"', "*"])
def test_forms_of_if_none_match(api, url, form):
    header = form.format(tag_of(api, url))
    assert api.get(url, headers={"If-None-Match": header}).status_code == 304


def test_firing_changes_what_is_known(api, url, now):
    tag = tag_of(api, url)
    tick.run(now)
    answer = api.get(url, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.json()["next_due_at"] == "2026-11-24T17:00:00Z"


def test_verification_of_a_channel_changes_what_is_known_of_a_reminder(api, url, channel):
    tag = tag_of(api, url)
    Channel.objects.filter(pk=channel.pk).update(verified_at=None)
    assert api.get(url, headers={"If-None-Match": tag}).status_code == 200


def test_page_for_a_browser_has_no_tag(api, url):
    assert "ETag" not in api.get(url, headers={"Accept": "text/html"})


def test_firing_refuses_no_edit(api, url, now):
    tag = tag_of(api, url)
    tick.run(now)
    assert api.patch(url, {"title": "x"}, headers={"If-Match": tag}).status_code == 200


@pytest.mark.parametrize("form", ["{}", '"9", {}', "*", '"1"', '"1-anything"'])
def test_if_match_lets_the_present_version_through(api, url, form):
    header = form.format(tag_of(api, url))
    assert api.patch(url, {"title": "x"}, headers={"If-Match": header}).status_code == 200


@pytest.mark.parametrize(
    ("method", "action"),
    [
        ("put", ""),
        ("patch", ""),
        ("delete", ""),
        ("post", "pause/"),
        ("post", "resume/"),
        ("post", "skip/"),
        ("post", "trigger/"),
    ],
)
def test_if_match_refuses_what_was_edited_since(api, url, daily, method, action):
    old = tag_of(api, url)
    Reminder.objects.filter(pk=daily.pk).update(version=2)
    body = {"title": "x", "starts_at": "2030-01-07T18:00:00"}
    answer = getattr(api, method)(url + action, body, headers={"If-Match": old})
    assert answer.status_code == 412
    assert answer["Content-Type"] == "application/problem+json"
    daily.refresh_from_db()
    assert (daily.version, daily.status, daily.title) == (2, "active", "Stand-up")


def test_weak_tag_never_matches_an_edit(api, url):
    """RFC 9110, section 13.1.1: by strong comparison."""
    header = f"W/{tag_of(api, url)}"
    assert api.patch(url, {"title": "x"}, headers={"If-Match": header}).status_code == 412


@pytest.mark.parametrize("header", ["1", "", '"', '"1" "2"', "**", '"a', '"a",*', '"' * 5000])
def test_header_without_tags_is_named(api, url, header):
    answer = api.patch(url, {"title": "x"}, headers={"If-Match": header})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "If-Match"


def test_reminder_of_another_is_not_found_whatever_it_matches(stranger_api, url):
    answer = stranger_api.patch(url, {"title": "x"}, headers={"If-Match": '"1"'})
    assert answer.status_code == 404


@pytest.mark.parametrize("noun", ["channels", "me"])
def test_edit_changes_the_tag_of_what_has_no_version(api, channel, noun):
    url, change = {
        "channels": (f"/api/v1/channels/{channel.pk}/", {"name": "New"}),
        "me": ("/api/v1/me/", {"timezone": "Asia/Tokyo"}),
    }[noun]
    old = {"If-Match": tag_of(api, url)}
    edited = api.patch(url, change, headers=old)
    assert edited.status_code == 200
    assert api.patch(url, change, headers=old).status_code == 412
    assert api.patch(url, change, headers={"If-Match": edited["ETag"]}).status_code == 200


def test_what_foam_notes_of_a_channel_refuses_no_edit(api, channel):
    url = f"/api/v1/channels/{channel.pk}/"
    old = {"If-Match": tag_of(api, url)}
    Channel.objects.filter(pk=channel.pk).update(deaths=2, holds=1)
    assert api.patch(url, {"name": "New"}, headers=old).status_code == 200


def test_answer_is_for_its_user_alone(api, url):
    assert set(api.get(url)["Cache-Control"].split(", ")) == {"private", "no-cache"}


STANDUP = {"title": "Stand-up", "starts_at": "2030-01-07T18:00:00"}


def test_tag_of_a_write_is_known_to_the_next_read(api, user):
    """So that a program need not read what it has just been answered."""
    made = api.post(URL, {**STANDUP, "recurrence": "FREQ=DAILY"})
    url = made["Location"]
    writes = [
        made,
        api.patch(url, {"title": "x"}),
        api.put(url, STANDUP),
        api.post(f"{url}pause/", {}),
        api.post(f"{url}resume/"),
    ]
    assert len({answer["ETag"] for answer in writes}) == len(writes)
    assert api.get(url, headers={"If-None-Match": writes[-1]["ETag"]}).status_code == 304
    assert api.get(url, headers={"If-None-Match": writes[-2]["ETag"]}).status_code == 200
    assert api.delete(url, headers={"If-Match": writes[-1]["ETag"]}).status_code == 204


def test_tag_of_a_change_is_known_to_the_next_read(api):
    email = {"kind": "email", "name": "n", "address": "a@example.com"}
    channel = api.post("/api/v1/channels/", email)["Location"]
    for url, body in (("/api/v1/me/", {"first_name": "Ada"}), (channel, {"name": "Mail"})):
        tag = api.patch(url, body)["ETag"]
        assert api.get(url, headers={"If-None-Match": tag}).status_code == 304


def test_tag_of_a_write_is_no_longer_known_after_a_firing(api, url, now):
    tag = api.patch(url, {"title": "x"})["ETag"]
    tick.run(now)
    assert api.get(url, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize(
    ("noun", "body", "where"),
    [
        ("reminders/", STANDUP, "reminders/"),
        ("channels/", {"kind": "email", "name": "n", "address": "a@example.com"}, "channels/"),
        ("tokens/", {"name": "t", "scopes": ["me:read"]}, "tokens/"),
        ("pauses/", {"scope": "user"}, "pauses/"),
        ("reminders/feed/", {}, "tokens/"),
        ("reminders/{daily}/trigger/", {}, "occurrences/"),
    ],
)
def test_answer_that_something_was_made_says_where_it_is(api, daily, noun, body, where):
    made = api.post("/api/v1/" + noun.format(daily=daily.pk), body)
    assert made.status_code == 201, made.json()
    assert f"/api/v1/{where}" in made["Location"]
    assert api.get(made["Location"]).status_code == 200
