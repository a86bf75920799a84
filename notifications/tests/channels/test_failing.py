"""A channel whose messages do not arrive says so, from its first loss or its third failed attempt.

K3 and B10: one rule for the state and the trouble that the admin shows.
"""

import re
from datetime import timedelta

import pytest

from notifications.channels.failing import find_failing
from notifications.models import Attempt, Channel
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import deliver_due
from notifications.transports import TransportError

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

HOUR = timedelta(hours=1)
REFUSED = "answered 550: 5.1.1 unknown"


@pytest.fixture
def send(channel, recorder):
    """Return a function that sends a message, which is accepted or fails with an error."""

    def send(name, now, error=None):
        if error is None:
            recorder.recover()
        else:
            recorder.fail_with(error)
        post_messages([Post(channel.pk, f"occurrence:{name}", "Tea", "", now)], now)
        deliver_due(now)

    return send


def told(channel):
    return {pk: str(failure) for pk, failure in find_failing([channel.pk]).items()}


def busy():
    return TransportError("answered 503: busy")


def test_first_lost_message_makes_a_channel_fail(send, channel, now):
    send(1, now, TransportError(REFUSED, permanent=True))
    assert told(channel) == {
        channel.pk: f"Its messages have not arrived since {now:%Y-%m-%d %H:%M} UTC: {REFUSED}"
    }


def test_third_failed_attempt_in_a_row_does_before_anything_is_lost(send, channel, now):
    for number in range(2):
        send(number, now, busy())
    assert told(channel) == {}
    send(2, now, busy())
    assert told(channel) == {
        channel.pk: "Failing: the last 3 attempts failed, the last one at "
        f"{now:%Y-%m-%d %H:%M} UTC: answered 503: busy"
    }


def test_accepted_message_ends_both(send, channel, now):
    send(1, now, TransportError(REFUSED, permanent=True))
    for number in range(2, 5):
        send(number, now, busy())
    send(5, now + timedelta(seconds=1))
    assert told(channel) == {}


def test_loss_is_told_when_its_attempts_are_pruned(send, channel, now):
    send(1, now, TransportError(REFUSED, permanent=True))
    Attempt.objects.all().delete()
    assert told(channel)[channel.pk].endswith(f"since {now:%Y-%m-%d %H:%M} UTC")


def test_message_that_bounced_after_it_was_accepted_is_lost(send, channel, now):
    send(1, now)
    assert told(channel) == {}
    Channel.objects.filter(pk=channel.pk).update(lost_at=now + HOUR)
    assert channel.pk in told(channel)


def test_channels_that_work_or_are_unused_do_not_fail(user, send, channel, now):
    send(1, now)
    assert find_failing([channel.pk, Channel.objects.inbox_of(user).pk]) == {}
    assert find_failing([]) == {}


def test_admin_shows_its_state_and_trouble_by_one_rule(client, staff, send, channel, now):
    send(1, now, TransportError(REFUSED, permanent=True))
    client.force_login(staff)
    html = client.get("/admin/notifications/channel/").content.decode()
    assert f"Its messages have not arrived since {now:%Y-%m-%d %H:%M} UTC: {REFUSED}" in html
    assert re.search(r">\s*failing\s*<", html)
