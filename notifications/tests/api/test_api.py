"""The API of channels, deliveries and the inbox; P9 and P10."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from conftest import client_of
from notifications.links import signed_links
from notifications.links.signed_links import Action
from notifications.models import Channel, Delivery, InboxMessage
from notifications.outbox.lease import LEASE, lease_oldest
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import deliver, deliver_due
from notifications.transports import TransportError

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

CHANNELS = "/api/v1/channels/"
HOOK = {"kind": "webhook", "name": "Ops", "address": "https://hooks.example.com/foam"}


@pytest.fixture
def hook(api):
    answer = api.post(CHANNELS, HOOK)
    assert answer.status_code == 201, answer.json()
    return answer.json()


@pytest.fixture
def delivery(channel, now):
    post_messages([Post(channel.pk, "occurrence:1", "Stand-up", "Body", now)], now)
    return Delivery.objects.get()


def fields_at_fault(answer):
    assert answer.status_code == 400, answer.content
    return {error["field"] for error in answer.json()["errors"]}


def test_new_webhook_gets_a_secret_that_is_shown_once(api, hook):
    assert hook["secret"].startswith("whsec_")
    shown = api.get(f"{CHANNELS}{hook['id']}/").json()["secret"]
    assert "…" in shown
    assert shown != hook["secret"]


def test_secret_of_ones_own_can_be_given(api):
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
    assert api.post(CHANNELS, {**HOOK, "secret": secret}).json()["secret"] == secret


def test_what_was_read_can_be_put_back_and_keeps_the_secret(api, hook):
    read = api.get(f"{CHANNELS}{hook['id']}/").json()
    assert api.put(f"{CHANNELS}{hook['id']}/", read).status_code == 200
    assert Channel.objects.get().secret == hook["secret"]


def test_change_of_the_name_keeps_the_secret(api, hook):
    api.patch(f"{CHANNELS}{hook['id']}/", {"name": "New"})
    assert Channel.objects.get().secret == hook["secret"]


def test_email_channel_needs_an_address(api):
    assert fields_at_fault(api.post(CHANNELS, {"kind": "email", "name": "x"})) == {"address"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "pigeon"}, "kind"),
        ({"address": "not a url"}, "address"),
        ({"address": "https://user:pass@example.com/"}, "address"),
        ({"secret": "short"}, "secret"),
        ({"name": ""}, "name"),
        ({"colour": "red"}, "colour"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_channel_names_the_field_and_stores_nothing(api, change, field):
    assert field in fields_at_fault(api.post(CHANNELS, {**HOOK, **change}))
    assert not Channel.objects.exists()


def test_private_address_is_refused_with_the_name_of_the_setting(api, settings):
    settings.FOAM_ALLOWED_PRIVATE_NETWORKS = []
    answer = api.post(CHANNELS, {**HOOK, "address": "https://10.0.0.1/hook"})
    assert fields_at_fault(answer) == {"address"}
    assert "FOAM_ALLOWED_PRIVATE_NETWORKS" in answer.json()["errors"][0]["detail"]


def test_same_address_twice_is_refused(api, hook):
    assert api.post(CHANNELS, HOOK).status_code == 400


def test_channel_keeps_its_kind(api, hook):
    answer = api.patch(f"{CHANNELS}{hook['id']}/", {"kind": "email"})
    assert fields_at_fault(answer) == {"kind"}


def test_email_without_a_server_is_shown_as_not_set_up(api, settings):
    settings.EMAIL_URL = ""
    answer = api.post(CHANNELS, {"kind": "email", "name": "Me", "address": "ada@example.com"})
    assert "EMAIL_URL" in answer.json()["not_set_up"]


def test_disabled_channel_can_be_enabled(api, hook, now):
    Channel.objects.get().disable("answered 410", now)
    read = api.get(f"{CHANNELS}{hook['id']}/").json()
    assert (read["is_enabled"], read["disabled_reason"]) == (False, "answered 410")
    assert api.post(f"{CHANNELS}{hook['id']}/enable/").json()["is_enabled"]


def test_channel_left_alone_says_until_when_and_why(api, hook):
    held_until = timezone.now() + timedelta(minutes=2)
    Channel.objects.update(holds=3, held_until=held_until)
    read = api.get(f"{CHANNELS}{hook['id']}/").json()
    assert parse_datetime(read["held_until"]) == held_until
    assert read["held_reason"] == "no answer in time, 3 times in a row"
    assert api.put(f"{CHANNELS}{hook['id']}/", read).status_code == 200


def test_channel_that_may_be_tried_again_is_not_left_alone(api, hook):
    Channel.objects.update(holds=1, held_until=timezone.now() - timedelta(seconds=1))
    read = api.get(f"{CHANNELS}{hook['id']}/").json()
    assert read["held_until"] is None
    assert read["held_reason"] == "no answer in time"


def test_deleted_channel_is_gone(api, hook):
    assert api.delete(f"{CHANNELS}{hook['id']}/").status_code == 204
    assert api.get(f"{CHANNELS}{hook['id']}/").status_code == 404


@pytest.mark.parametrize(
    ("method", "action"),
    [("get", ""), ("put", ""), ("patch", ""), ("delete", ""), ("post", "enable/")],
)
def test_channel_of_another_answers_404(stranger_api, hook, method, action):
    answer = getattr(stranger_api, method)(f"{CHANNELS}{hook['id']}/{action}", HOOK)
    assert answer.status_code == 404


def test_delivery_shows_its_attempts(api, delivery, recorder, now):
    recorder.fail_with(TransportError("answered 500"))
    deliver_due(now)
    read = api.get(f"/api/v1/deliveries/{delivery.pk}/").json()
    assert (read["status"], read["message_id"]) == ("queued", delivery.message_id)
    (attempt,) = read["attempts"]
    assert (attempt["number"], attempt["outcome"]) == (1, "transient")
    assert attempt["detail"] == "answered 500"


def test_deliveries_can_be_found_by_their_cause(api, delivery):
    found = api.get("/api/v1/deliveries/", {"reference": "occurrence:1"}).json()["results"]
    assert [each["id"] for each in found] == [delivery.pk]


def test_list_of_deliveries_takes_the_same_queries_however_long_it_is(
    api, channel, now, django_assert_max_num_queries
):
    post_messages([Post(channel.pk, f"o:{n}", "t", "", now) for n in range(30)], now)
    with django_assert_max_num_queries(8):
        assert len(api.get("/api/v1/deliveries/").json()["results"]) == 30


def test_dead_delivery_can_be_retried(api, delivery, recorder, now):
    recorder.fail_with(TransportError("gone", permanent=True))
    deliver_due(now)
    answer = api.post(f"/api/v1/deliveries/{delivery.pk}/retry/")
    assert answer.json()["status"] == "queued"


def test_delivery_that_is_due_cannot_be_retried(api, delivery):
    answer = api.post(f"/api/v1/deliveries/{delivery.pk}/retry/")
    assert answer.status_code == 409
    assert answer.json()["detail"] == "This one is queued and due: a worker takes it next."


@pytest.mark.parametrize(("method", "action"), [("get", ""), ("post", "retry/")])
def test_delivery_of_another_answers_404(stranger_api, delivery, method, action):
    answer = getattr(stranger_api, method)(f"/api/v1/deliveries/{delivery.pk}/{action}")
    assert answer.status_code == 404


def test_deliveries_of_another_are_not_listed(stranger_api, delivery):
    assert stranger_api.get("/api/v1/deliveries/").json()["results"] == []


def test_filter_does_not_tell_whether_anothers_channel_exists(stranger_api, channel):
    answers = [
        stranger_api.get("/api/v1/deliveries/", {"channel": pk}) for pk in (channel.pk, 999_999)
    ]
    assert answers[0].status_code == answers[1].status_code == 400
    assert answers[0].json() == answers[1].json()


def test_inbox_shows_what_arrived(api, user, now):
    inbox = Channel.objects.inbox_of(user)
    post_messages([Post(inbox.pk, "occurrence:1", "Stand-up", "Body", now)], now)
    deliver_due(now)
    (message,) = api.get("/api/v1/inbox/").json()["results"]
    assert (message["title"], message["body"], message["read_at"]) == ("Stand-up", "Body", None)


def test_message_in_the_inbox_has_the_links_that_answer_it(api, user, now, monkeypatch, settings):
    monkeypatch.setattr(signed_links, "_registered", {})
    signed_links.register("occurrence", [Action("done", "Done", 0)])
    inbox = Channel.objects.inbox_of(user)
    posts = [Post(inbox.pk, cause, "x", "", now) for cause in ("occurrence:1", "test:1")]
    post_messages(posts, now)
    deliver_due(now)
    shown = api.get("/api/v1/inbox/").json()["results"]
    start = f"{settings.FOAM_BASE_URL}/do/occurrence:1.{inbox.pk}."
    assert sorted(list(each["actions"]) for each in shown) == [[], ["done"]]
    assert any(each["actions"].get("done", "").startswith(start) for each in shown)


def test_token_that_may_only_read_is_shown_no_links_that_act(user, now):
    inbox = Channel.objects.inbox_of(user)
    post_messages([Post(inbox.pk, "occurrence:1", "x", "", now)], now)
    deliver_due(now)
    reader = client_of(user, ["deliveries:read", "reminders:read"])
    (message,) = reader.get("/api/v1/inbox/").json()["results"]
    assert message["actions"] == {}


@pytest.mark.parametrize(
    ("scopes", "actions"),
    [
        (["deliveries:read", "reminders:write"], ["done"]),
        (["deliveries:read", "channels:write"], ["not_me"]),
        (["deliveries:read", "reminders:write", "channels:write"], ["done", "not_me"]),
    ],
)
def test_token_is_shown_the_links_that_its_scopes_allow(user, now, monkeypatch, scopes, actions):
    monkeypatch.setattr(signed_links, "_registered", {})
    signed_links.register("occurrence", [Action("done", "Done", 0), Action("not_me", "Not me", 1)])
    inbox = Channel.objects.inbox_of(user)
    post_messages([Post(inbox.pk, "occurrence:1", "x", "", now)], now)
    deliver_due(now)
    (message,) = client_of(user, scopes).get("/api/v1/inbox/").json()["results"]
    assert sorted(message["actions"]) == actions


def test_repeated_attempt_leaves_one_message_in_the_inbox(user, now):
    inbox = Channel.objects.inbox_of(user)
    post_messages([Post(inbox.pk, "occurrence:1", "Stand-up", "Body", now)], now)
    slow = lease_oldest(now)
    deliver_due(now + LEASE)
    deliver(slow, now)
    assert InboxMessage.objects.count() == 1


def test_message_can_be_marked_as_read(api, user, now):
    inbox = Channel.objects.inbox_of(user)
    message = InboxMessage.objects.create(channel=inbox, message_id="m", title="t", due_at=now)
    assert api.post(f"/api/v1/inbox/{message.pk}/read/").json()["read_at"] is not None
    assert api.get("/api/v1/inbox/", {"is_read": "false"}).json()["results"] == []


def test_inbox_of_another_answers_404(stranger_api, user, now):
    inbox = Channel.objects.inbox_of(user)
    message = InboxMessage.objects.create(channel=inbox, message_id="m", title="t", due_at=now)
    assert stranger_api.post(f"/api/v1/inbox/{message.pk}/read/").status_code == 404


def test_everyone_has_one_inbox(user):
    assert Channel.objects.inbox_of(user) == Channel.objects.inbox_of(user)
