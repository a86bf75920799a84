"""The null channel, and the heartbeat that it sends to a real receiver."""

from datetime import timedelta
from functools import cache

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from notifications.models import Attempt, Channel
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import RECORD_EVERY, deliver_due
from notifications.tests.receivers import Close, Endless, Hang, HttpReceiver, Reply
from notifications.transports import Message, transport
from notifications.transports.null import LATEST_HEARTBEAT, NullTransport


@pytest.fixture
def monitor(settings):
    with HttpReceiver() as receiver:
        settings.FOAM_HEARTBEAT_URL = receiver.url
        yield receiver


def message(due_at=None, delivery_id=1):
    due_at = due_at or timezone.now()
    return Message(delivery_id, 1, f"foam_{delivery_id}_0", 0, "", "Canary", "", due_at)


def send(*messages, timeout=5.0):
    return list(NullTransport(timeout).send_many(messages, deadline=0))


def test_everything_is_accepted():
    assert [outcome.answer for outcome in send(message(), message())] == ["accepted"] * 2


def test_each_arrival_asks_for_the_heartbeat_address(monitor):
    [outcome] = send(message())
    assert (outcome.error, outcome.answer) == (None, "accepted, heartbeat sent")
    assert [(r.method, r.path, r.body) for r in monitor.requests] == [("GET", "/hook", b"")]


def test_what_arrives_together_is_one_heartbeat(monitor):
    now = timezone.now()
    assert len(send(message(now - timedelta(hours=1)), message(now))) == 2
    assert len(monitor.requests) == 1


def test_what_arrives_too_late_is_no_sign_of_life(monitor):
    [outcome] = send(message(timezone.now() - LATEST_HEARTBEAT - timedelta(seconds=1)))
    assert outcome.answer == "accepted, too late for the heartbeat"
    assert monitor.requests == []


@pytest.mark.parametrize(
    ("deed", "failure"),
    [
        (Reply(404), "answered 404"),
        (Reply(302, headers={"Location": "https://example.com/"}), "answered 302"),
        (Close(), "Empty reply from server"),
        (Hang(), "timed out after"),
        (Endless(), None),
    ],
    ids=lambda deed: type(deed).__name__,
)
def test_failed_heartbeat_is_told_and_changes_nothing(monitor, caplog, deed, failure):
    monitor.script(deed)
    [outcome] = send(message(), timeout=0.5)
    assert outcome.error is None
    assert (failure or "heartbeat sent") in outcome.answer
    assert [record.levelname for record in caplog.records] == (["WARNING"] if failure else [])
    assert monitor.url not in caplog.text


def test_monitor_that_hangs_keeps_nobody_else_waiting(monitor, user, woken, monkeypatch):
    monitor.default = Hang()
    # Longer than a round keeps what it has before it records it.
    kinds = {
        "null": NullTransport(4 * RECORD_EVERY.total_seconds()),
        "inbox": transport("inbox"),
    }
    monkeypatch.setattr("notifications.outbox.round.transport", cache(kinds.__getitem__))
    own = Channel.objects.create(pk=0, owner=user, kind="null", name="Canary")
    inbox = Channel.objects.inbox_of(user)
    now = timezone.now()
    post_messages([Post(each.pk, "occurrence:1", "x", "", now) for each in (own, inbox)], now)
    assert deliver_due(now) == 2
    ended = Attempt.objects.order_by("ended_at").values_list("delivery__channel__kind", "outcome")
    assert list(ended) == [("inbox", "sent"), ("null", "sent")]


def test_nobody_can_have_a_null_channel(user):
    with pytest.raises(ValidationError, match="not a valid choice"):
        Channel(owner=user, kind="null", name="x").store()
