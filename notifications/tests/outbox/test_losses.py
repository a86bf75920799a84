"""A lost message: its owner is told once, and only a receiver's fault disables a channel."""

from datetime import timedelta

import pytest
from django.db import IntegrityError

from notifications.models import Channel, Delivery
from notifications.outbox import losses
from notifications.outbox.losses import kind_of_reply
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import deliver_due
from notifications.transports import Fault, TransportError

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

DAY = timedelta(days=1)
UNKNOWN = "answered 550: 5.1.1 <{0.address}>: Recipient address rejected: User unknown"


def make(user, now, number=0, **fields):
    address = f"a{number}@example.com"
    fields = {"kind": "email", "name": "Mail", "address": address, "verified_at": now, **fields}
    return Channel.objects.create(owner=user, **fields)


@pytest.fixture
def mail(user, now):
    return make(user, now)


@pytest.fixture
def refuse(recorder):
    """Return a function that has mail channels fail with an error, and no others."""

    def refuse(detail=UNKNOWN, **fields):
        def fail(message):
            if "@" in message.address:
                raise TransportError(detail.format(message), **{"permanent": True, **fields})

        recorder.on_send = fail

    return refuse


def send(now, *channels, name="occurrence:1", title="Take the pill"):
    post_messages([Post(each.pk, name, title, "", now) for each in channels], now)
    deliver_due(now)


def told(user):
    """Return the titles of the notices that were sent to the inbox of a user."""
    sent = Delivery.objects.filter(channel=Channel.objects.inbox_of(user), status="sent")
    return list(sent.order_by("pk").values_list("title", flat=True))


def states(*channels):
    for each in channels:
        each.refresh_from_db()
    return [each.disabled_at is None for each in channels]


# The notice


def test_first_lost_message_is_told_in_the_inbox_and_the_following_are_not(user, mail, refuse, now):
    refuse()
    for number in range(4):
        send(now + number * DAY / 4, mail, name=f"occurrence:{number}")
    deliver_due(now + DAY)
    assert told(user) == ["Did not arrive: Take the pill"]
    body = Delivery.objects.get(reference__startswith="lost:").body
    assert "did not reach E-mail: Mail" in body
    assert "User unknown" in body


def test_first_lost_message_is_told_at_another_channel_that_works(user, mail, channel, refuse, now):
    refuse()
    send(now, mail)
    notices = Delivery.objects.filter(reference__startswith="lost:")
    assert {each.channel.kind for each in notices} == {"inbox", "webhook"}


@pytest.mark.parametrize(
    "fields", [{"verified_at": None}, {"disabled_at": 1}, {"paused_until": 1}, {"held_until": 1}]
)
def test_channel_that_takes_no_messages_is_not_told(mail, channel, refuse, now, fields):
    moments = {"paused_at": now} if "paused_until" in fields else {}
    moments |= {name: value and now + DAY for name, value in fields.items()}
    Channel.objects.filter(pk=channel.pk).update(**moments)
    refuse()
    send(now, mail)
    assert Delivery.objects.get(reference__startswith="lost:").channel.kind == "inbox"


def test_channel_that_works_again_and_fails_again_is_told_again(user, mail, refuse, recorder, now):
    refuse()
    send(now, mail)
    recorder.recover()
    send(now + DAY, mail, name="occurrence:2")
    mail.refresh_from_db()
    assert mail.lost_at is None
    refuse()
    send(now + 2 * DAY, mail, name="occurrence:3", title="Stand-up")
    deliver_due(now + 2 * DAY)
    assert told(user) == ["Did not arrive: Take the pill", "Did not arrive: Stand-up"]


def test_message_given_up_after_all_attempts_is_told_as_well(user, mail, refuse, now):
    refuse("The mail server cannot be reached", permanent=False, fault=Fault.PASSING)
    post_messages([Post(mail.pk, "occurrence:1", "Pill", "", now)], now, max_attempts=1)
    deliver_due(now)
    deliver_due(now)
    assert told(user) == ["Did not arrive: Pill"]


def test_message_lost_for_being_at_most_once_is_told_as_well(user, mail, refuse, now):
    Channel.objects.filter(pk=mail.pk).update(at_most_once=True)
    refuse("no answer", permanent=False, uncertain=True)
    send(now, mail)
    deliver_due(now)
    assert told(user) == ["Did not arrive: Take the pill"]


@pytest.mark.parametrize(
    "name", ["notice:channel:9:x", "lost:channel:9:x", "test:1:x", "verify:1:x"]
)
def test_lost_notice_test_or_code_is_not_told(user, mail, refuse, now, name):
    refuse()
    send(now, mail, name=name)
    assert not Delivery.objects.exclude(reference=name).exists()
    mail.refresh_from_db()
    assert mail.lost_at is None


def test_notice_about_the_inbox_goes_elsewhere(user, channel, recorder, now):
    inbox = Channel.objects.inbox_of(user)

    def fail(message):
        if message.channel_id == inbox.pk:
            raise TransportError("full", permanent=True)

    recorder.on_send = fail
    send(now, inbox)
    assert Delivery.objects.get(reference__startswith="lost:").channel == channel


def test_notice_is_posted_with_the_record_or_not_at_all(user, mail, refuse, now, monkeypatch):
    refuse()
    post_messages([Post(mail.pk, "occurrence:1", "Pill", "", now)], now)

    def fail(*args):
        raise IntegrityError("no room")

    monkeypatch.setattr(losses.notices, "post_notices", fail)
    with pytest.raises(IntegrityError):
        deliver_due(now)
    assert not Delivery.objects.filter(status="dead").exists()


# What disables a channel


def test_unknown_recipient_disables_after_three_days(user, mail, refuse, now):
    refuse()
    for days in (0, 2, 3):
        send(now + days * DAY, mail, name=f"occurrence:{days}")
    assert states(mail) == [False]


@pytest.mark.parametrize("fault", [Fault.MESSAGE, Fault.FOAM, Fault.SPAM, Fault.PASSING])
def test_what_is_not_the_receivers_fault_never_does(user, mail, refuse, now, fault):
    refuse(fault=fault)
    for days in (0, 2, 3, 5):
        send(now + days * DAY, mail, name=f"occurrence:{days}")
    assert states(mail) == [True]
    assert mail.deaths == 0


def test_same_reply_for_several_addresses_within_minutes_disables_none(user, stranger, refuse, now):
    mails = [make(user, now, 1), make(user, now, 2), make(stranger, now, 3)]
    refuse()
    for days in (0, 2, 3):
        for minutes, mail in enumerate(mails):
            send(now + days * DAY + timedelta(minutes=minutes), mail, name=f"occurrence:{days}")
    last = states(*mails)[-1]
    assert last


def test_same_reply_to_one_batch_disables_none(user, stranger, refuse, now):
    mails = [make(user, now, number) for number in range(5)]
    refuse()
    for days in (0, 2, 3):
        send(now + days * DAY, *mails, name=f"occurrence:{days}")
    assert states(*mails) == [True] * 5


def test_other_replies_or_times_do_not_keep_a_channel_in_use(user, mail, refuse, now):
    others = [make(user, now, number) for number in (1, 2, 3)]
    for days in (0, 2, 3):
        refuse("answered 550: 5.1.1 gone {0.address}")
        send(now + days * DAY - timedelta(hours=1), *others, name=f"other:{days}")
        refuse()
        send(now + days * DAY, mail, name=f"occurrence:{days}")
    assert states(mail) == [False]


def test_replies_are_compared_without_addresses_and_tokens():
    first = "answered 550: 5.1.1 <ada@example.com> unknown (in reply to RCPT) q7si1234 - gsmtp"
    second = "answered 550: 5.1.1 <bob@example.org> unknown (in reply to RCPT) f9si88xx - gsmtp"
    assert kind_of_reply(first) == kind_of_reply(second)
    assert kind_of_reply(first) != kind_of_reply("answered 550: 5.2.1 <ada@example.com> disabled")
