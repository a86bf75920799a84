"""`Idempotency-Key`: one effect, and the first answer to every repeat."""

import base64
import re
import threading
import zlib
from datetime import timedelta

import pytest
from django.db import connection
from django.urls import get_resolver
from django.utils import timezone

from accounts.api import idempotency
from accounts.api.base import ApiView
from accounts.api.idempotency import HEADER
from accounts.encryption import fernet
from accounts.models import IdempotencyKey
from conftest import client_of
from foam.tests.races.test_races import at_once
from notifications.channels import direct_send
from notifications.models import Channel, Delivery
from reminders.engine import retention
from reminders.models import Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

URL = "/api/v1/reminders/"
STANDUP = {"title": "Stand-up", "starts_at": "2030-01-07T18:00:00"}
KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}


def post(api, url=URL, body=STANDUP, key=KEY):
    return api.post(url, body, headers=key)


def test_repeat_replays_the_first_answer(api):
    first, again = post(api), post(api)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["ETag"] == first["ETag"]
    assert ("Idempotency-Replayed" in first, again["Idempotency-Replayed"]) == (False, "true")
    assert Reminder.objects.count() == 1


def test_without_a_key_a_repeat_is_another_request(api):
    api.post(URL, STANDUP)
    api.post(URL, STANDUP)
    assert Reminder.objects.count() == 2


@pytest.mark.parametrize(
    ("url", "body"),
    [(URL, {**STANDUP, "title": "Other"}), (f"{URL}preview/", STANDUP)],
    ids=["body", "path"],
)
def test_another_request_with_the_key_is_refused(api, url, body):
    post(api)
    answer = post(api, url, body)
    assert answer.status_code == 409
    assert answer.json()["code"] == "idempotency_key_reused"
    assert answer["Content-Type"] == "application/problem+json"


def test_key_belongs_to_the_user_and_not_to_the_token(api, user, stranger_api):
    post(api)
    assert post(client_of(user))["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in post(stranger_api)
    assert Reminder.objects.count() == 2


def test_replay_needs_the_scope_that_the_first_request_needed(api, user):
    post(api)
    answer = post(client_of(user, ["reminders:read"]))
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "key", ["", "x" * 256, "é", "tab\there"], ids=["empty", "long", "é", "tab"]
)
def test_key_that_is_none_is_named(api, key):
    answer = post(api, key={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert not Reminder.objects.exists()


def test_document_allows_the_keys_that_are_taken(api):
    document = api.get("/openapi.json").json()
    of_post = document["paths"]["/api/v1/reminders/"]["post"]["parameters"]
    (pattern,) = (each["schema"]["pattern"] for each in of_post if each["name"] == HEADER)
    for key in ("a", "two words", "~" * 255, "", "é", "~" * 256):
        is_allowed = re.search(pattern, key) is not None
        assert (post(api, key={HEADER: key}).status_code == 201) == is_allowed, key


def test_refusal_is_replayed_as_well(api):
    bad = {**STANDUP, "timezone": "Mars/Olympus"}
    first, again = post(api, body=bad), post(api, body=bad)
    assert (first.status_code, again.status_code) == (400, 400)
    assert again["Content-Type"] == "application/problem+json"
    assert again["Idempotency-Replayed"] == "true"


def test_what_failed_on_our_side_is_not_remembered(api, monkeypatch):
    api.raise_request_exception = False
    monkeypatch.setattr(Reminder, "store", lambda *args: 1 / 0)
    assert post(api).status_code == 500
    monkeypatch.undo()
    assert post(api).status_code == 201
    assert IdempotencyKey.objects.count() == 1


def test_answer_with_a_secret_is_replayed_and_encrypted_at_rest(api):
    body = {"kind": "webhook", "name": "Hook", "address": "https://example.com/hook"}
    first = post(api, "/api/v1/channels/", body).json()
    assert post(api, "/api/v1/channels/", body).json()["secret"] == first["secret"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM accounts_idempotencykey")
        (stored,) = cursor.fetchone()
    assert first["secret"].startswith("whsec_")
    # Only a key of ours leads to what was answered.
    packed = fernet().decrypt(stored.encode())
    assert first["secret"] in zlib.decompress(base64.b64decode(packed)).decode()


def test_uploads_are_told_apart_by_their_bytes(api):
    form = {"title": "x", "starts_at": "2030-01-07T18:00:00", "timezone": "UTC"}
    first = api.post(URL, form, format="multipart", headers=KEY)
    again = api.post(URL, form, format="multipart", headers=KEY)
    assert (first.status_code, again.content) == (201, first.content)
    other = api.post(URL, {**form, "title": "y"}, format="multipart", headers=KEY)
    assert other.status_code == 409


def test_form_of_a_session_can_have_a_key(client, user):
    client.force_login(user)
    form = {"title": "x", "starts_at": "2030-01-07T18:00:00", "timezone": "UTC"}
    assert client.post(URL, form, headers=KEY).status_code == 201


def test_key_is_kept_for_a_day(api):
    post(api)
    IdempotencyKey.objects.update(created_at=timezone.now() - idempotency.KEEP)
    assert "Idempotency-Replayed" not in post(api, body={**STANDUP, "title": "Tomorrow"})
    assert Reminder.objects.count() == 2


def test_prune_removes_old_keys(api):
    post(api)
    retention.prune(timezone.now() + timedelta(hours=23), timedelta(days=1))
    assert IdempotencyKey.objects.exists()
    retention.prune(timezone.now() + idempotency.KEEP, timedelta(days=1))
    assert not IdempotencyKey.objects.exists()


def test_test_message_is_sent_once(api, user, recorder):
    url = f"/api/v1/channels/{Channel.objects.inbox_of(user).pk}/test/"
    first, again = post(api, url, {}), post(api, url, {})
    assert again.content == first.content
    assert again["Idempotency-Replayed"] == "true"
    assert Delivery.objects.count() == 1


def test_lease_of_a_process_that_died_runs_out(api, user, recorder, monkeypatch):
    url = f"/api/v1/channels/{Channel.objects.inbox_of(user).pk}/test/"

    def die(*args):
        raise SystemExit

    monkeypatch.setattr(direct_send, "test", die)
    monkeypatch.setattr(idempotency.models.QuerySet, "delete", lambda rows: None)
    with pytest.raises(SystemExit):
        post(api, url, {})
    monkeypatch.undo()
    answer = post(api, url, {})
    assert (answer.status_code, answer["Retry-After"]) == (409, "1")
    assert answer.json()["code"] == "idempotency_key_in_progress"
    IdempotencyKey.objects.update(leased_until=timezone.now())
    assert post(api, url, {}).status_code == 200


def test_too_many_tests_are_not_remembered(api, user, recorder):
    url = f"/api/v1/channels/{Channel.objects.inbox_of(user).pk}/test/"
    for _ in range(5):
        api.post(url)
    assert post(api, url, {}).status_code == 429
    assert not IdempotencyKey.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_parallel_repeats_have_one_effect(api, user):
    answers = at_once(*[lambda: post(client_of(user))] * 4)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert Reminder.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_repeat_of_one_that_is_still_in_progress_is_told_to_come_again(api, user, monkeypatch):
    monkeypatch.setattr(idempotency, "LOCK_TIMEOUT", "50ms")
    began, may_end = threading.Event(), threading.Event()
    stored = Reminder.store

    def slowly(self, *args):
        began.set()
        may_end.wait(10)
        return stored(self, *args)

    monkeypatch.setattr(Reminder, "store", slowly)

    def repeat():
        began.wait(10)
        try:
            return post(client_of(user))
        finally:
            may_end.set()

    first, again = at_once(lambda: post(api), repeat)
    assert (first.status_code, again.status_code, again["Retry-After"]) == (201, 409, "1")
    assert Reminder.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_effect_and_answer_are_kept_together_or_not_at_all(api, monkeypatch):
    def die(*args):
        raise SystemExit

    monkeypatch.setattr(idempotency, "_store_answer", die)
    with pytest.raises(SystemExit):
        post(api)
    assert not Reminder.objects.exists()
    assert not IdempotencyKey.objects.exists()


def views_of_the_api(patterns, prefix=""):
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from views_of_the_api(pattern.url_patterns, path)
        elif path.startswith("api/v1/"):
            yield path, pattern.callback


def test_every_address_of_the_api_has_its_mechanics():
    views = dict(views_of_the_api(get_resolver().url_patterns))
    assert len(views) > 20
    without = [path for path, view in views.items() if not issubclass(view.cls, ApiView)]
    assert without == []


def test_every_post_replays(api, user, now, make_reminder):
    """By a request that each refuses, or to which there is nothing: an answer all the same."""
    posts = [
        (path, view)
        for path, view in views_of_the_api(get_resolver().url_patterns)
        if "post" in (getattr(view, "actions", None) or ()) or hasattr(view.cls, "post")
    ]
    assert posts
    for number, (path, _) in enumerate(posts):
        url = "/" + re.sub(r"\(\?P<\w+>[^)]+\)|<[\w:]+>", "999999", path).replace("^", "").replace(
            "$", ""
        )
        key = {"Idempotency-Key": f"walk {number}"}
        first = api.post(url, {}, headers=key)
        again = api.post(url, {}, headers=key)
        assert again.get("Idempotency-Replayed") == "true", (url, first.status_code)
        assert again.content == first.content
