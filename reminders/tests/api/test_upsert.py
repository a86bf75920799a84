"""`PUT reminders/by-external-id/…/`: created, or all of it replaced."""

import pytest

from notifications.models import Channel
from reminders.models import Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

URL = "/api/v1/reminders/"
STANDUP = {"title": "Stand-up", "starts_at": "2030-01-07T18:00:00"}


def url_of(external_id):
    return f"{URL}by-external-id/{external_id}/"


def test_put_creates_and_then_replaces(api):
    made = api.put(url_of("e1"), {**STANDUP, "body": "Bring coffee", "tags": ["work"]})
    again = api.put(url_of("e1"), STANDUP)
    assert (made.status_code, again.status_code) == (201, 200)
    assert made["Location"].endswith(f"/api/v1/reminders/{made.json()['id']}/")
    assert (again.json()["id"], again.json()["version"]) == (made.json()["id"], 2)
    assert (again.json()["body"], again.json()["tags"]) == ("", [])


@pytest.mark.parametrize("external_id", ["a/b", "ä ö", "100%25", "urn:x:1?y", "a.b"])
def test_any_text_can_be_an_external_id(api, external_id):
    from urllib.parse import quote

    answer = api.put(url_of(quote(external_id, safe="")), STANDUP)
    assert (answer.status_code, answer.json()["external_id"]) == (201, external_id)
    assert api.get(url_of(quote(external_id, safe=""))).json()["id"] == answer.json()["id"]


def test_put_by_id_resets_what_is_left_out_as_well(api, user, channel):
    fields = {
        "body": "Bring coffee",
        "recurrence": "FREQ=DAILY",
        "external_id": "e1",
        "channels": [channel.pk],
        "escalate_after": "PT1H",
        "escalate_channels": [channel.pk],
        "nag_every": "PT5M",
        "timezone": "Asia/Tokyo",
        "urgent": True,
    }
    made = api.post(URL, {**STANDUP, **fields}).json()
    put = api.put(f"{URL}{made['id']}/", STANDUP).json()
    fresh = api.post(URL, STANDUP).json()
    own = {"id", "version", "created_at", "updated_at"}
    assert {k: v for k, v in put.items() if k not in own} == {
        k: v for k, v in fresh.items() if k not in own
    }
    assert put["channels"] == [Channel.objects.inbox_of(user).pk]


def test_patch_leaves_what_is_left_out(api):
    made = api.post(URL, {**STANDUP, "body": "Bring coffee"}).json()
    assert api.patch(f"{URL}{made['id']}/", {"title": "x"}).json()["body"] == "Bring coffee"


def test_body_that_names_another_is_refused(api):
    answer = api.put(url_of("e1"), {**STANDUP, "external_id": "e2"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "external_id"


@pytest.mark.parametrize("external_id", ["x" * 201, "nul%00"])
def test_external_id_that_cannot_be_one_is_named(api, external_id):
    answer = api.put(url_of(external_id), STANDUP)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "external_id"


@pytest.mark.parametrize("body", [[], "x", None, 1])
def test_body_that_is_no_reminder_is_refused(api, body):
    assert api.put(url_of("e1"), body, format="json").status_code == 400


def test_bad_replacement_changes_nothing(api):
    made = api.put(url_of("e1"), STANDUP).json()
    assert api.put(url_of("e1"), {**STANDUP, "timezone": "Mars/Olympus"}).status_code == 400
    assert api.get(url_of("e1")).json() == made


def test_conditions_say_whether_to_create_or_to_replace(api):
    only_new, only_old = {"If-None-Match": "*"}, {"If-Match": "*"}
    assert api.put(url_of("e1"), STANDUP, headers=only_old).status_code == 412
    assert api.put(url_of("e1"), STANDUP, headers=only_new).status_code == 201
    assert api.put(url_of("e1"), STANDUP, headers=only_new).status_code == 412
    assert api.put(url_of("e1"), STANDUP, headers=only_old).status_code == 200
    assert api.put(url_of("e1"), STANDUP, headers={"If-Match": '"1"'}).status_code == 412
    assert Reminder.objects.get().version == 2


def test_deleted_external_id_is_free_again(api):
    first = api.put(url_of("e1"), STANDUP).json()
    assert api.delete(url_of("e1")).status_code == 204
    assert api.get(url_of("e1")).status_code == 404
    second = api.put(url_of("e1"), STANDUP)
    assert (second.status_code, second.json()["id"] > first["id"]) == (201, True)


def test_external_id_of_another_is_another(api, stranger_api):
    api.put(url_of("e1"), STANDUP)
    assert stranger_api.get(url_of("e1")).status_code == 404
    assert stranger_api.delete(url_of("e1")).status_code == 404
    assert stranger_api.put(url_of("e1"), STANDUP).status_code == 201
