"""Challenges and tests at once: they leave threads of web for other requests."""

from datetime import timedelta
from threading import BoundedSemaphore

import pytest
from django.utils import timezone

from conftest import client_of
from notifications.channels import direct_send
from notifications.models import Channel, Delivery
from notifications.tests.receivers import Hang, HttpReceiver, Meet


@pytest.fixture
def receiver(settings):
    settings.FOAM_ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8:*"]
    with HttpReceiver() as receiver:
        receiver.default = Meet()
        yield receiver


def hook(owner, receiver, number=0):
    address = f"{receiver.url}/{number}"
    channel = Channel(owner=owner, kind="webhook", name="Hook", address=address)
    channel.store()
    return channel


def begin(owner, receiver, number):
    """Store a challenge that another thread of web is sending."""
    channel, now = hook(owner, receiver, number), timezone.now()
    return Delivery.objects.create(
        channel=channel,
        reference=direct_send.reference(direct_send.CHALLENGE, channel),
        title="Verification",
        due_at=now,
        status="sending",
        attempt=1,
        max_attempts=1,
        next_attempt_at=now,
        leased_until=now + timedelta(minutes=2),
        created_at=now,
    )


def verify(client, channel):
    return client.post(f"/api/v1/channels/{channel.pk}/verify/")


@pytest.mark.parametrize("verb", ["verify", "test"])
def test_third_message_at_once_of_one_owner_is_refused(user, stranger, receiver, verb):
    api, stranger_api = client_of(user), client_of(stranger)
    under_way = [begin(user, receiver, number) for number in (1, 2)]
    channel, other = hook(user, receiver), hook(stranger, receiver)
    refusal = api.post(f"/api/v1/channels/{channel.pk}/{verb}/")
    assert refusal.status_code == 429
    assert int(refusal["Retry-After"]) > 0
    assert "2 test or verification messages of yours" in refusal.json()["detail"]
    assert not Delivery.objects.filter(channel=channel).exists()
    assert stranger_api.post(f"/api/v1/channels/{other.pk}/{verb}/").status_code == 200
    Delivery.objects.filter(pk=under_way[0].pk).update(
        status="dead", next_attempt_at=None, leased_until=None, finished_at=timezone.now(),
        reason="No answer.",
    )  # fmt: skip
    assert api.post(f"/api/v1/channels/{channel.pk}/{verb}/").status_code == 200


def test_message_of_a_thread_that_died_holds_no_place_for_ever(api, user, receiver):
    for number in (1, 2):
        begin(user, receiver, number)
    Delivery.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert verify(api, hook(user, receiver)).status_code == 200


def test_messages_of_all_owners_leave_half_of_the_threads(api, user, receiver, monkeypatch):
    threads = BoundedSemaphore(1)
    monkeypatch.setattr(direct_send, "_threads", threads)
    channel = hook(user, receiver)
    with threads:
        refusal = verify(api, channel)
    assert (refusal.status_code, refusal["Retry-After"]) == (429, "14")
    assert verify(api, channel).status_code == 200


def test_place_is_given_back_after_a_receiver_that_hangs(user, receiver, monkeypatch):
    monkeypatch.setattr(direct_send, "TEST_PATIENCE", 0.2)
    monkeypatch.setattr(direct_send, "_threads", threads := BoundedSemaphore(1))
    receiver.default = Hang()
    assert direct_send.test(hook(user, receiver), timezone.now()).delivery.status == "dead"
    assert threads.acquire(blocking=False)


def test_staff_read_the_sentence_in_the_admin(staff, receiver, monkeypatch, client, settings):
    settings.FOAM_STAFF_SECOND_FACTOR = False
    monkeypatch.setattr(direct_send, "_threads", threads := BoundedSemaphore(1))
    channel = hook(staff, receiver)
    client.force_login(staff)
    with threads:
        answer = client.post(
            "/admin/notifications/channel/",
            {"action": "test", "_selected_action": channel.pk, "confirmed": "yes"},
            follow=True,
        )
    assert answer.status_code == 200
