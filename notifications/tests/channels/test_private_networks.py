"""Who may reach the private networks that the operator allows, and what they are told."""

import pytest
from django.utils import timezone

from conftest import client_of
from notifications.channels import direct_send
from notifications.models import Channel
from notifications.tests.receivers import HttpReceiver, Reply

WORDS = "FATAL: no pg_hba.conf entry"


@pytest.fixture
def receiver(settings):
    settings.FOAM_ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8:*"]
    with HttpReceiver() as receiver:
        receiver.default = Reply(401, WORDS.encode())
        yield receiver


def webhook(api, url):
    return api.post("/api/v1/channels/", {"kind": "webhook", "name": "Hook", "address": url})


def stored(owner, url):
    channel = Channel(owner=owner, kind="webhook", name="Hook", address=url)
    channel.store()
    return channel


def test_private_network_is_for_staff_only(api, staff, receiver, settings):
    settings.FOAM_PRIVATE_NETWORKS_FOR = "staff"
    refusal = webhook(api, receiver.url)
    assert refusal.status_code == 400
    assert "127.0.0.1 is refused" in refusal.json()["errors"][0]["detail"]
    assert webhook(client_of(staff), receiver.url).status_code == 201


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_channel_of_before_or_behind_a_name_is_refused_when_it_is_sent_to(
    user, staff, receiver, settings, host
):
    url = receiver.url.replace("127.0.0.1", host)
    own, of_staff = stored(user, url), stored(staff, url)
    settings.FOAM_PRIVATE_NETWORKS_FOR = "staff"
    assert "answered 401" in direct_send.test(of_staff, timezone.now()).attempt.detail
    assert "is refused" in direct_send.test(own, timezone.now()).attempt.detail
    assert len(receiver.wait_for(1)) == 1


def test_owner_reads_no_words_of_an_answer_before_the_channel_is_verified(user, receiver):
    channel = stored(user, receiver.url)
    assert direct_send.test(channel, timezone.now()).attempt.detail == "answered 401"
    Channel.objects.filter(pk=channel.pk).update(verified_at=timezone.now())
    assert WORDS in direct_send.test(channel, timezone.now()).attempt.detail
