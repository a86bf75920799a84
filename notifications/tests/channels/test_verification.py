"""Channels are verified before use: codes, challenges, and what becomes of an address's change."""

import json
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone
from standardwebhooks import Webhook

from notifications.channels import direct_send, verification
from notifications.links import signed_links, verification_codes
from notifications.links.signed_links import BadLink, ExpiredLink
from notifications.models import Channel, Delivery, Verification
from notifications.outbox.post import Post, post_messages
from notifications.outbox.queue import retry_now
from notifications.outbox.round import deliver, deliver_due
from notifications.tests.receivers import Hang, HttpReceiver, Meet, Reply
from notifications.transports import TransportError

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

CHANNELS = "/api/v1/channels/"


@pytest.fixture
def receiver(settings):
    settings.FOAM_ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8:*"]
    with HttpReceiver() as receiver:
        receiver.default = Meet()
        yield receiver


@pytest.fixture
def hook(user, receiver):
    channel = Channel(owner=user, kind="webhook", name="Hook", address=receiver.url)
    channel.store()
    return channel


@pytest.fixture
def mail(user, settings):
    settings.EMAIL_URL = "smtp://127.0.0.1:9"
    channel = Channel(owner=user, kind="email", name="Mail", address="ada@example.com")
    channel.store()
    return channel


@pytest.fixture
def code(mail, recorder, now):
    """The code that was sent to `mail`, as its receiver reads it."""
    return asked_for(mail, recorder, now)


def asked_for(channel, recorder, now):
    verification.request(channel, now)
    deliver_due(now)
    return re.search(r"\b\d{6}\b", recorder.sent[-1].body).group()


def path(channel, verb):
    return f"{CHANNELS}{channel.pk}/{verb}/"


def is_verified(channel):
    channel.refresh_from_db()
    return channel.is_verified


# Codes


def test_code_that_was_sent_verifies(mail, code, now):
    verification.verify(mail, f" {code[:3]} {code[3:]} ", now)
    assert mail.verified_at == now


def test_message_with_a_code_goes_where_nothing_else_does(mail, code, now):
    post_messages([Post(mail.pk, "occurrence:1", "Stand-up", "", now)], now)
    statuses = mail.deliveries.order_by("pk").values_list("status", "reason")
    assert list(statuses) == [("sent", ""), ("cancelled", "Channel not verified.")]


def test_code_is_neither_stored_nor_shown_to_the_owner(api, mail, code):
    delivery = Delivery.objects.get()
    assert verification_codes.PLACEHOLDER in delivery.body
    assert code not in f"{vars(delivery)} {vars(Verification.objects.get())}"
    assert code not in api.get(f"/api/v1/deliveries/{delivery.pk}/").content.decode()


def test_wrong_code_says_how_many_tries_are_left(api, mail, recorder):
    code = asked_for(mail, recorder, timezone.now())
    answer = api.post(path(mail, "verify"), {"code": wrong(code)})
    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert (error["field"], "4 tries are left" in error["detail"]) == ("code", True)


def test_sixth_try_is_too_many_even_with_the_right_code(mail, code, now):
    for _ in range(5):
        with pytest.raises(ValidationError, match="not the code"):
            verification.verify(mail, wrong(code), now)
    with pytest.raises(ValidationError, match="Too many"):
        verification.verify(mail, code, now)
    assert not is_verified(mail)


def test_more_tries_than_allowed_are_refused_by_the_database(mail, now):
    with pytest.raises(IntegrityError):
        Verification.objects.create(channel=mail, nonce="x", expires_at=now, tries=6)


def test_code_expires_after_half_an_hour(mail, code, now):
    with pytest.raises(ValidationError, match="expired"):
        verification.verify(mail, code, now + timedelta(minutes=30))


def test_new_code_replaces_the_old(mail, code, recorder, now):
    newer = asked_for(mail, recorder, now)
    with pytest.raises(ValidationError):
        verification.verify(mail, code, now)
    verification.verify(mail, newer, now)


def test_code_of_another_channel_is_no_use(user, mail, code, recorder, now):
    other = Channel(owner=user, kind="email", name="Other", address="bob@example.com")
    other.store()
    asked_for(other, recorder, now)
    with pytest.raises(ValidationError):
        verification.verify(other, code, now)


@pytest.fixture
def at_now(time_machine, now):
    time_machine.move_to(now)


def test_link_does_the_same_and_again_is_harmless(mail, code, recorder, now):
    [link] = signed_links.links(recorder.sent[-1])
    pressed = signed_links.read(link.url.partition(signed_links.PATH)[2], now)
    for _ in range(2):
        verification.confirm(pressed, now)
    assert is_verified(mail)


@pytest.mark.usefixtures("code", "at_now")
def test_link_opens_a_page_that_asks_before_it_confirms(client, mail, recorder):
    [link] = signed_links.links(recorder.sent[-1])
    path = urlsplit(link.url).path
    assert "Get reminders here?" in client.get(path).content.decode()
    assert not is_verified(mail)
    assert "Confirmed" in client.post(path).content.decode()
    assert is_verified(mail)


@pytest.mark.parametrize("later", [timedelta(minutes=30), timedelta(0)])
def test_link_of_an_expired_or_replaced_code_verifies_nothing(mail, code, recorder, now, later):
    [link] = signed_links.links(recorder.sent[-1])
    if not later:
        asked_for(mail, recorder, now)
    pressed = signed_links.read(link.url.partition(signed_links.PATH)[2], now)
    with pytest.raises(ExpiredLink):
        verification.confirm(pressed, now + later)
    assert not is_verified(mail)


def test_link_to_a_deleted_channel_is_refused(mail, code, recorder, now):
    [link] = signed_links.links(recorder.sent[-1])
    mail.close(now)
    with pytest.raises(BadLink):
        verification.confirm(signed_links.read(link.url.partition(signed_links.PATH)[2], now), now)


def test_code_arrives_by_mail_and_verifies_over_the_api(api, mail, recorder):
    asked = api.post(path(mail, "verify"))
    assert (asked.status_code, asked.json()["is_verified"]) == (202, False)
    deliver_due(timezone.now())
    [code] = re.findall(r"\b\d{6}\b", recorder.sent[0].body)
    answer = api.post(path(mail, "verify"), {"code": code})
    assert (answer.status_code, answer.json()["is_verified"]) == (200, True)
    read = api.get(f"{CHANNELS}{mail.pk}/").json()
    assert read["is_verified"]
    assert read["verified_at"]


def wrong(code):
    return f"{(int(code) + 1) % 10**6:06}"


# Challenges


@pytest.mark.parametrize("as_text", [False, True], ids=["JSON", "text"])
def test_webhook_that_answers_its_challenge_is_verified(api, hook, receiver, as_text):
    if as_text:
        receiver.default = Meet(as_text=True)
    answer = api.post(path(hook, "verify"))
    assert answer.json() | {"delivery": 0} == {
        "is_verified": True,
        "detail": "The receiver answered the challenge.",
        "delivery": 0,
    }
    [request] = receiver.requests
    sent = Webhook(hook.secret).verify(request.body, request.headers)
    assert (sent["type"], "actions" in sent["data"]) == ("channel.verify", False)
    assert is_verified(hook)
    assert Delivery.objects.get().attempts.get().outcome == "sent"


@pytest.mark.parametrize(
    "reply", [Reply(200, b"ok"), Reply(200, b'{"challenge": 1}'), Reply(404)], ids=str
)
def test_webhook_that_does_not_is_not(api, hook, receiver, reply):
    receiver.default = reply
    answer = api.post(path(hook, "verify"))
    assert answer.status_code == 409
    assert f"answered {reply.status}" in answer.json()["detail"]
    assert Delivery.objects.get().status == "dead"
    assert not is_verified(hook)


def test_receiver_that_sends_back_all_it_gets_does_not_answer_the_challenge(hook, receiver, now):
    receiver.default = Meet(as_it_came=True)
    assert not verification.request(hook, now).is_verified


def test_challenge_of_a_receiver_that_hangs_is_given_up_in_time(api, hook, receiver, monkeypatch):
    monkeypatch.setattr(verification, "CHALLENGE_TIMEOUT_SECONDS", 0.3)
    receiver.default = Hang()
    assert "timed out" in api.post(path(hook, "verify")).json()["detail"]


def test_answer_of_the_address_before_does_not_verify_the_next(hook, receiver, now, monkeypatch):
    def change_meanwhile(*args):
        deliver(*args)
        changed = Channel.objects.get(pk=hook.pk)
        changed.address = "https://victim.example.com/"
        changed.store()

    monkeypatch.setattr("notifications.channels.direct_send.deliver", change_meanwhile)
    assert not verification.request(hook, now).is_verified


# What is verified


def test_new_channel_is_not_verified_and_the_inbox_needs_none(api, user):
    made = api.post(CHANNELS, {"kind": "email", "name": "x", "address": "ada@example.com"}).json()
    assert (made["is_verified"], made["verified_at"]) == (False, None)
    assert Channel.objects.inbox_of(user).is_verified


def test_changed_address_is_to_be_verified_again_and_gets_nothing_that_waits(api, channel, now):
    post_messages([Post(channel.pk, "occurrence:1", "Stand-up", "", now)], now)
    api.patch(f"{CHANNELS}{channel.pk}/", {"address": "https://other.example.com/"})
    assert not is_verified(channel)
    delivery = Delivery.objects.get()
    assert delivery.status == "cancelled"
    assert delivery.reason == "Channel not verified: its address was changed."


@pytest.mark.parametrize(
    "change", [{"name": "New"}, {"secret": ""}, {"at_most_once": True}], ids=str
)
def test_other_changes_leave_a_webhook_verified(api, channel, change):
    assert api.patch(f"{CHANNELS}{channel.pk}/", change).status_code == 200
    assert is_verified(channel)


def test_dead_delivery_is_not_retried_where_the_address_was_changed(api, channel, recorder, now):
    post_messages([Post(channel.pk, "occurrence:1", "Stand-up", "", now)], now)
    recorder.fail_with(TransportError("no", permanent=True))
    deliver_due(now)
    api.patch(f"{CHANNELS}{channel.pk}/", {"address": "https://other.example.com/"})
    delivery = Delivery.objects.get(channel=channel)
    answer = api.post(f"/api/v1/deliveries/{delivery.pk}/retry/")
    assert (answer.status_code, answer.json()["detail"]) == (409, "Its channel is not verified.")
    assert retry_now([delivery.pk], now) == {delivery.pk: "its channel is not verified"}


def test_edit_does_not_write_over_a_verification_meanwhile(mail, now):
    stale = Channel.objects.get(pk=mail.pk)
    Channel.objects.filter(pk=mail.pk).update(verified_at=now, disabled_at=now, disabled_reason="x")
    stale.name = "New"
    stale.store({"name"})
    mail.refresh_from_db()
    assert (mail.name, mail.verified_at, mail.disabled_at) == ("New", now, now)


# Tests, and how often


def test_test_message_tells_what_the_receiver_said(api, hook, receiver):
    receiver.default = Reply(500, b"broken")
    Channel.objects.filter(pk=hook.pk).update(verified_at=timezone.now())
    answer = api.post(path(hook, "test"))
    told = answer.json()
    assert (answer.status_code, told["status"], told["outcome"]) == (200, "dead", "transient")
    assert told["detail"] == "answered 500: broken"
    assert told["latency_ms"] > 0
    assert api.get(told["url"]).json()["id"] == told["delivery"]
    [request] = receiver.requests
    assert json.loads(request.body)["type"] == "channel.test"


def test_test_message_to_the_inbox_is_there_at_once(api, user):
    inbox = Channel.objects.inbox_of(user)
    assert api.post(path(inbox, "test")).json()["outcome"] == "sent"
    assert inbox.inbox_messages.get().title == "Test message"


def test_test_message_of_a_kind_that_is_slow_is_left_to_the_workers(
    api, channel, woken, monkeypatch
):
    monkeypatch.setattr(type(channel.transport), "in_time", lambda self, seconds: None)
    answer = api.post(path(channel, "test"))
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert api.get(answer.json()["url"]).json()["status"] == "queued"


def test_test_of_a_disabled_channel_is_refused(api, channel, now):
    channel.disable("answered 410", now)
    answer = api.post(path(channel, "test"))
    assert (answer.status_code, "enable it first" in answer.json()["detail"]) == (409, True)


def test_sixth_message_within_an_hour_is_refused_and_the_time_told(api, user):
    inbox = Channel.objects.inbox_of(user)
    answers = [api.post(path(inbox, "test")) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert 3500 < int(answers[5]["Retry-After"]) <= 3600
    assert "5 test and verification messages" in answers[5].json()["detail"]


def test_limit_of_an_owner_holds_over_all_channels(user, now):
    for number in range(15):
        channel = Channel(owner=user, kind="email", name="x", address=f"a{number // 5}@e.com")
        channel = Channel.objects.filter(address=channel.address).first() or channel
        channel.store()
        one_more(channel, now)
    other = Channel.objects.inbox_of(user)
    with pytest.raises(direct_send.HourlyLimitReached):
        one_more(other, now)
    one_more(other, now + timedelta(hours=1))


def one_more(channel, now):
    direct_send._check_limits(channel, now)
    post = Post(channel.pk, direct_send.reference(direct_send.TEST, channel), "t", "", now)
    post_messages([post], now, to_unverified=True)


@pytest.mark.parametrize("verb", ["verify", "test", "rotate_secret"])
def test_channel_of_another_answers_404(stranger_api, channel, verb):
    assert stranger_api.post(path(channel, verb)).status_code == 404
