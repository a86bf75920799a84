"""A channel that fails for good is disabled, and its owner told once, on another channel."""

from datetime import timedelta

import pytest

from notifications.models import Channel, Delivery
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import deliver_due
from notifications.transports import TransportError

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

DAY = timedelta(days=1)
REFUSED = TransportError("answered 550: no such user", permanent=True)


@pytest.fixture
def post(channel):
    """Return a function that posts a message as of some time, and has it sent then."""

    def post(number, now):
        message = Post(channel.pk, f"occurrence:{number}", "Stand-up", "", now)
        post_messages([message], now)
        deliver_due(now)

    return post


def notices():
    return Delivery.objects.filter(reference__startswith="notice:channel:")


def is_disabled(channel):
    channel.refresh_from_db()
    return channel.disabled_at is not None


def test_owner_is_told_once_whatever_fails_at_the_same_time(channel, recorder, now):
    posts = [Post(channel.pk, f"occurrence:{n}", "Stand-up", "", now) for n in range(5)]
    post_messages(posts, now)

    def fail(message):
        if message.channel_id == channel.pk:
            raise TransportError("answered 410", address_gone=True)

    recorder.on_send = fail
    deliver_due(now)
    channel.disable("again", now + DAY)
    assert notices().count() == 1


def test_notice_says_what_why_and_how_to_go_on(channel, now, settings):
    channel.disable("answered 410: the receiver wants no more messages", now)
    notice = notices().get()
    assert notice.title == "FOAM no longer sends to Webhook: Hook"
    assert "Why: answered 410: the receiver wants no more messages." in notice.body
    assert f"{settings.FOAM_BASE_URL}/api/v1/channels/{channel.pk}/enable/" in notice.body


def test_notice_goes_to_the_inbox_and_to_another_channel_that_works(user, channel, now):
    for name, fields in (
        ("new", {}),
        ("disabled", {"verified_at": now, "disabled_at": now}),
        ("held", {"verified_at": now, "holds": 1, "held_until": now + DAY}),
        ("fine", {"verified_at": now}),
    ):
        url = f"https://example.com/{name}"
        Channel.objects.create(owner=user, kind="webhook", name=name, address=url, **fields)
    channel.disable("broken", now)
    inbox = Channel.objects.inbox_of(user)
    assert {notice.channel.name for notice in notices()} == {inbox.name, "fine"}


def test_notice_goes_to_the_inbox_where_there_is_no_other(user, channel, stranger, now):
    Channel.objects.create(
        owner=stranger, kind="email", name="x", address="eve@e.com", verified_at=now
    )
    channel.disable("broken", now)
    assert notices().get().channel == Channel.objects.inbox_of(user)
    deliver_due(now)
    assert Channel.objects.inbox_of(user).inbox_messages.get().title.startswith("FOAM no longer")


def test_next_time_the_owner_is_told_again(channel, now):
    channel.disable("broken", now)
    channel.enable()
    channel.disable("broken", now + DAY)
    assert notices().count() == 2


def test_inbox_that_is_disabled_is_not_told_of_itself(user, now):
    Channel.objects.inbox_of(user).disable("Disabled by grace.", now)
    assert not notices().exists()


def test_three_dead_deliveries_in_a_row_over_three_days_disable_the_channel(
    channel, post, recorder, now
):
    recorder.fail_with(REFUSED)
    for days in (0, 2):
        post(days, now + days * DAY)
    assert not is_disabled(channel)
    post(3, now + 3 * DAY)
    assert is_disabled(channel)
    assert channel.disabled_reason.startswith("3 deliveries in a row failed for good")
    assert notices().count() == 1


def test_three_dead_deliveries_within_an_hour_do_not(channel, post, recorder, now):
    recorder.fail_with(REFUSED)
    for number in range(4):
        post(number, now + number * timedelta(minutes=15))
    assert not is_disabled(channel)


def test_one_that_is_accepted_between_them_begins_the_count_anew(channel, post, recorder, now):
    recorder.fail_with(REFUSED)
    post(0, now)
    post(1, now + DAY)
    recorder.recover()
    post(2, now + 2 * DAY)
    recorder.fail_with(REFUSED)
    post(3, now + 6 * DAY)
    post(4, now + 7 * DAY)
    assert not is_disabled(channel)
    assert (channel.deaths, channel.failing_since) == (2, now + 6 * DAY)


def test_messages_that_die_while_others_are_accepted_disable_nothing(channel, post, recorder, now):
    recorder.fail_with(TransportError("answered 413"))
    for number in range(3):
        post(number, now)
    Delivery.objects.update(attempt=9, next_attempt_at=now + 4 * DAY)
    recorder.recover()
    post(3, now + 3.5 * DAY)
    recorder.fail_with(TransportError("answered 413"))
    deliver_due(now + 4 * DAY)
    assert Delivery.objects.filter(status="dead").count() == 3
    assert not is_disabled(channel)
