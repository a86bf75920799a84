"""The messages that a webhook gets are those that the OpenAPI document describes."""

import json
from datetime import timedelta

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from accounts.audit.actor import Actor, acting_as
from foam.tests.operations import DOCUMENT
from notifications.channels import direct_send, verification
from notifications.models import Channel, Delivery
from notifications.outbox import hold_rules
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import deliver_due
from notifications.tests.receivers import HttpReceiver, Meet
from reminders.actions import responses
from reminders.engine import tick
from reminders.models import Occurrence

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

OF_REMINDERS = {"reminder.due", "reminder.nag", "reminder.escalate", "reminder.snooze"}
OF_CHANNELS = {"channel.verify", "channel.test", "channel.disabled", "channel.unverified"}
DIGEST, LOST = "reminder.digest", "delivery.lost"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


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


def messages(receiver):
    """Return the messages that the receiver got, by their type."""
    bodies = [json.loads(request.body) for request in receiver.requests]
    return {body["type"]: body for body in bodies}


def schema_of(kind):
    body = DOCUMENT["webhooks"][kind]["post"]["requestBody"]["content"]["application/json"]
    schema = {**body["schema"], "components": DOCUMENT["components"]}
    return Draft202012Validator(schema, format_checker=FormatChecker())


def assert_described(receiver, *kinds):
    got = messages(receiver)
    assert set(kinds) <= got.keys()
    for kind, body in got.items():
        schema_of(kind).validate(body)
        name = DOCUMENT["webhooks"][kind]["post"]["requestBody"]["content"]["application/json"]
        name = name["schema"]["$ref"].rsplit("/", 1)[1].replace("Message", "Data")
        fields = DOCUMENT["components"]["schemas"][name]["properties"]
        assert body["data"].keys() <= fields.keys(), kind


def test_messages_of_a_reminder_are_described(hook, receiver, make_reminder, now):
    verification.request(hook, now)
    make_reminder(
        channels=[hook],
        nag_every=10 * MINUTE,
        escalate_after=15 * MINUTE,
        escalate_channels=[hook],
    )
    for minutes in (0, 10, 15):
        tick.run(now + minutes * MINUTE)
        deliver_due(now + minutes * MINUTE)
    at = now + 20 * MINUTE
    responses.snooze(Occurrence.objects.get(), at + 10 * MINUTE, at)
    tick.run(at + 10 * MINUTE)
    deliver_due(at + 10 * MINUTE)
    assert_described(receiver, *OF_REMINDERS)


def test_digest_is_described(hook, receiver, now):
    verification.request(hook, now)
    hook.refresh_from_db()
    hook.digest_every = HOUR
    hold_rules.store(hook, now)
    data = {"type": "reminder.due", "reminder_id": 7}
    post_messages([Post(hook.pk, f"occurrence:{n}", "Tea", "", now, data) for n in (1, 2)], now)
    deliver_due(now + HOUR)
    assert_described(receiver, DIGEST)


def test_messages_about_a_channel_are_described(hook, channel, stranger, receiver, now):
    verification.request(hook, now)
    direct_send.test(hook, now)
    other = Channel(owner=hook.owner, kind="webhook", name="Other", address=f"{receiver.url}/2")
    other.store()
    other.disable("answered 410", now)
    with acting_as(Actor("admin", stranger.pk)):
        channel.address = "http://127.0.0.1:9/another"
        channel.store()
    deliver_due(channel.updated_at)
    assert_described(receiver, *OF_CHANNELS)


def test_lost_message_is_described(hook, channel, receiver, now):
    verification.request(hook, now)
    post_messages([Post(channel.pk, "occurrence:1", "Tea", "", now)], now)
    Delivery.objects.update(max_attempts=1)
    deliver_due(now)
    deliver_due(now + MINUTE)
    assert_described(receiver, LOST)


def test_every_type_that_is_described_is_sent_by_a_test_above():
    assert DOCUMENT["webhooks"].keys() == OF_REMINDERS | OF_CHANNELS | {DIGEST, LOST}
