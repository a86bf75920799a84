"""The API under parallel requests, with real transactions in real threads."""

import threading

import pytest
from django.db import connection, transaction

from accounts.api import rate_limits
from conftest import client_of
from foam.tests.races.test_races import at_once
from reminders.models import Reminder

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("woken")]

URL = "/api/v1/reminders/"
STANDUP = {"title": "Stand-up", "starts_at": "2030-01-07T18:00:00"}


def test_of_parallel_puts_one_creates(user):
    api = client_of(user)
    put = [lambda: api.put(f"{URL}by-external-id/e1/", STANDUP).status_code] * 4
    assert sorted(at_once(*put)) == [200, 200, 200, 201]
    assert Reminder.objects.get().version == 4


def someone_waits():
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return cursor.fetchone()[0]


@pytest.mark.parametrize("way", ["put", "batch"])
def test_upsert_replaces_what_is_just_being_created(user, make_reminder, way):
    """The other has created it, but not yet committed: nobody sees it, and it is in the way."""
    api = client_of(user)
    is_there, is_done = threading.Event(), threading.Event()

    def create():
        with transaction.atomic():
            make_reminder(external_id="e1")
            is_there.set()
            while not someone_waits() and not is_done.is_set():
                pass

    def upsert():
        is_there.wait(10)
        try:
            if way == "put":
                return api.put(f"{URL}by-external-id/e1/", STANDUP).status_code
            item = {"op": "upsert", "fields": {**STANDUP, "external_id": "e1"}}
            (result,) = api.post(f"{URL}batch/", {"items": [item]}).json()["results"]
            return result["status"]
        finally:
            is_done.set()

    assert at_once(create, upsert)[1] == 200
    assert Reminder.objects.get().version == 2


def test_of_parallel_posts_with_one_external_id_one_creates(user):
    api = client_of(user)
    post = [lambda: api.post(URL, {**STANDUP, "external_id": "e1"}).status_code] * 4
    assert sorted(at_once(*post)) == [201, 400, 400, 400]


@pytest.fixture(autouse=True)
def places(monkeypatch):
    """Let a user have many batches under way."""
    monkeypatch.setattr(rate_limits, "MAX_EXPENSIVE", 10)


def test_of_parallel_batches_that_upsert_one_creates(user):
    api = client_of(user)
    items = [{"op": "upsert", "fields": {**STANDUP, "external_id": "e1"}}]
    calls = [lambda: api.post(f"{URL}batch/", {"items": items}).json()["results"][0]["status"]] * 4
    assert sorted(at_once(*calls)) == [200, 200, 200, 201]


def test_two_batches_in_opposite_orders_do_not_stop_each_other(user, make_reminder):
    """Each has rows of its own to update, and between them the external ids of the other."""
    api = client_of(user)

    def batch(order):
        for number in order:
            yield {"op": "update", "id": make_reminder().pk, "fields": {"body": "x"}}
            yield {"op": "upsert", "fields": {**STANDUP, "external_id": f"e{number}"}}

    def send(items):
        answer = api.post(f"{URL}batch/", {"items": items})
        assert answer.status_code == 200
        return answer.json()["refused"]

    forth, back = list(batch(range(15))), list(batch(range(14, -1, -1)))
    assert at_once(*[lambda: send(forth), lambda: send(back)] * 2) == [0, 0, 0, 0]
    assert Reminder.objects.filter(external_id__isnull=False).count() == 15


def test_two_batches_update_the_same_rows_in_opposite_orders(user, make_reminder):
    api = client_of(user)
    items = [{"op": "update", "id": make_reminder().pk, "fields": {"body": "x"}} for _ in range(9)]
    send = [
        lambda each=each: api.post(f"{URL}batch/", {"items": each}).json()["done"]
        for each in (items, items[::-1])
    ]
    assert at_once(*send * 2) == [9, 9, 9, 9]


def test_of_parallel_edits_of_one_channel_one_is_let_through(user, channel):
    api, url = client_of(user), f"/api/v1/channels/{channel.pk}/"
    tag = {"If-Match": api.get(url)["ETag"]}
    calls = [lambda: api.patch(url, {"name": "New"}, headers=tag).status_code] * 4
    assert sorted(at_once(*calls)) == [200, 412, 412, 412]


def test_of_parallel_edits_of_oneself_one_is_let_through(user):
    api, url = client_of(user), "/api/v1/me/"
    tag = {"If-Match": api.get(url)["ETag"]}
    zones = ["Asia/Tokyo", "Europe/Berlin", "America/Lima", "Africa/Cairo"]
    calls = [
        lambda zone=zone: api.patch(url, {"timezone": zone}, headers=tag).status_code
        for zone in zones
    ]
    assert sorted(at_once(*calls)) == [200, 412, 412, 412]
