"""Bounces: read in each shape in which servers write them, and recorded for the right delivery."""

import io
import mailbox
import os
import sys
from datetime import timedelta

import pytest
from django.core.management import call_command

from notifications.bounces import handling
from notifications.bounces.handling import BounceResult
from notifications.links import message_ids
from notifications.metrics import store
from notifications.models import Attempt, Channel, Delivery
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import deliver_due
from notifications.tests.bounces.imap_server import ImapServer
from notifications.transports import Fault

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

DAY = timedelta(days=1)


@pytest.fixture
def mails(user, recorder, now):
    """Return a function that has mails sent, each over a channel of its own."""

    def send(count=1, at=now):
        sent = []
        for number in range(count):
            address = f"a{number}@example.com"
            mail, _ = Channel.objects.get_or_create(
                owner=user, kind="email", address=address, defaults={"verified_at": at, "name": "M"}
            )
            name = f"occurrence:{number}:{at:%d%H%M}"
            post_messages([Post(mail.pk, name, "Pill", "", at)], at)
            sent.append(Delivery.objects.get(channel=mail, reference=name))
        deliver_due(at)
        return sent

    return send


@pytest.fixture
def sent(mails):
    return mails()[0]


def id_of(delivery):
    return f"<{message_ids.sign(delivery.message_id)}@foam.example>"


def report(
    message_id,
    status="5.1.1",
    action="failed",
    diagnostic="smtp; 550 5.1.1 <a0@example.com>: User unknown",
    **parts,
):
    """Return a bounce as Postfix writes it."""
    returned = parts.get("returned", "text/rfc822-headers")
    kind = parts.get("kind", "delivery-status")
    diagnostic = f"Diagnostic-Code: {diagnostic}\n" if diagnostic else ""
    return (
        "From: MAILER-DAEMON@mx.example (Mail Delivery System)\nTo: foam@foam.example\n"
        "Subject: Undelivered Mail Returned to Sender\nMIME-Version: 1.0\n"
        f'Content-Type: multipart/report; report-type={kind}; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nThis is the mail system at host mx.example.\n"
        "I'm sorry to have to inform you that your message could not be delivered.\n"
        f"--b\nContent-Type: message/{kind}\n\nReporting-MTA: dns; mx.example\n\n"
        f"Final-Recipient: rfc822; a0@example.com\nAction: {action}\nStatus: {status}\n{diagnostic}"
        f"\n--b\nContent-Type: {returned}\n\nFrom: foam@foam.example\nMessage-ID: {message_id}\n"
        "Subject: Pill\n\n--b--\n"
    ).encode()


QMAIL = """From: MAILER-DAEMON@mx.example
Subject: failure notice

Hi. This is the qmail-send program at mx.example.
I'm afraid I wasn't able to deliver your message to the following addresses.

<a0@example.com>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

Return-Path: <foam@foam.example>
Message-ID: {id}
Subject: Pill
"""
EXIM = """From: Mail Delivery System <Mailer-Daemon@mx.example>
X-Failed-Recipients: a0@example.com
Auto-Submitted: auto-replied
Subject: Mail delivery failed: returning message to sender

This message was created automatically by mail delivery software.
  a0@example.com
    host mx2.example [192.0.2.7]
    SMTP error from remote mail server after RCPT TO:<a0@example.com>:
    550 5.1.1 User unknown

------ This is a copy of the message, including all the headers. ------

Message-ID: {id}
"""
EXCHANGE = """From: <postmaster@corp.example>
Subject: Undeliverable: Pill
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/html; charset="utf-8"
Content-Transfer-Encoding: base64

RGVsaXZlcnkgaGFzIGZhaWxlZCB0byB0aGVzZSByZWNpcGllbnRzOiA1NTAgNS4xLjEgUkVTT0xWRVIu
QURSLlJlY2lwTm90Rm91bmQ7IG5vdCBmb3VuZA==
--b
Content-Type: message/rfc822

From: foam@foam.example
Message-ID: {id}

Pill
--b--
"""


# Shapes


@pytest.mark.parametrize("returned", ["text/rfc822-headers", "message/rfc822", "text/plain"])
def test_bounce_by_rfc_3464_disables_the_channel_of_an_unknown_recipient(sent, now, returned):
    assert handling.handle(report(id_of(sent), returned=returned), now) is BounceResult.DISABLED
    sent.refresh_from_db()
    assert (sent.status, sent.reason[:21]) == ("dead", "Bounced: answered 550")
    assert sent.channel.disabled_reason.startswith("Bounced: ")


@pytest.mark.parametrize("shape", [QMAIL, EXIM, EXCHANGE], ids=["qmail", "exim", "exchange"])
def test_bounce_in_an_older_shape_does_the_same(sent, now, shape):
    assert handling.handle(shape.format(id=id_of(sent)).encode(), now) is BounceResult.DISABLED


@pytest.mark.parametrize(
    ("status", "diagnostic", "result"),
    [
        ("5.1.1", "", BounceResult.DISABLED),
        ("5.0.0", "smtp; 550 5.1.1 unknown", BounceResult.DISABLED),
        ("5.1.10", "smtp; 556 null MX", BounceResult.DISABLED),
        ("5.0.0", "smtp; 550 No such user here", BounceResult.DISABLED),
        ("5.2.2", "smtp; 552 5.2.2 mailbox full", BounceResult.RECORDED),
        ("5.7.1", "smtp; 554 5.7.1 Sender address rejected", BounceResult.RECORDED),
        ("5.7.1", "smtp; 550 5.7.1 spam", BounceResult.RECORDED),
        ("4.4.7", "smtp; 451 4.4.7 delivery time expired", BounceResult.RECORDED),
        ("5.3.4", "smtp; 552 5.3.4 too big", BounceResult.RECORDED),
        ("5.0.0", "", BounceResult.RECORDED),
        ("", "X-Postfix; unknown", BounceResult.RECORDED),
    ],
)
def test_only_an_unknown_recipient_disables_and_each_failure_is_recorded(
    sent, now, status, diagnostic, result
):
    assert handling.handle(report(id_of(sent), status, diagnostic=diagnostic), now) is result
    sent.refresh_from_db()
    assert sent.status == "dead"
    assert (sent.channel.disabled_at is None) == (result is BounceResult.RECORDED)


# What it leads to


def test_owner_is_told_once_and_the_loss_is_a_loss(user, sent, now):
    for _ in range(2):
        handling.handle(report(id_of(sent), "5.2.2", diagnostic="smtp; 552 5.2.2 full"), now)
    [notice] = Delivery.objects.filter(reference__startswith="lost:")
    assert notice.channel == Channel.objects.inbox_of(user)
    assert "full" in notice.body


def test_mailbox_that_bounces_each_message_is_told_of_once_a_day(mails, now):
    for hour in range(3):
        at = now + timedelta(hours=hour)
        [sent] = mails(at=at)
        handling.handle(report(id_of(sent), "5.2.2", diagnostic="smtp; 552 5.2.2 full"), at)
    assert Delivery.objects.filter(reference__startswith="lost:").count() == 1
    [sent] = mails(at=now + 2 * DAY)
    handling.handle(report(id_of(sent), "5.2.2", diagnostic=""), now + 2 * DAY)
    assert Delivery.objects.filter(reference__startswith="lost:").count() == 2


def test_same_bounce_twice_changes_nothing_more(sent, now):
    handling.handle(report(id_of(sent)), now)
    assert handling.handle(report(id_of(sent)), now + DAY) is BounceResult.ENDED
    assert Delivery.objects.get(pk=sent.pk).finished_at == now


def test_delay_is_noted_with_the_attempt_and_nothing_else(sent, now):
    octets = report(id_of(sent), "4.4.1", "delayed", "smtp; 421 4.4.1 no answer")
    assert [handling.handle(octets, now) for _ in range(2)] == [BounceResult.NOTED] * 2
    sent.refresh_from_db()
    assert sent.status == "sent"
    assert Attempt.objects.get(delivery=sent).detail.count("delayed") == 1


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_good_news_is_no_failure(sent, now, action):
    assert handling.handle(report(id_of(sent), "2.0.0", action), now) is BounceResult.NOTED
    sent.refresh_from_db()
    assert sent.status == "sent"


def test_same_bounce_of_several_addresses_is_not_about_them(mails, now):
    for each in mails(5):
        handling.handle(report(id_of(each)), now)
    assert not Channel.objects.filter(disabled_at__isnull=False).exists()
    assert Delivery.objects.filter(status="dead").count() == 5


def test_bounce_of_the_address_before_is_not_about_the_new_one(sent, now):
    Channel.objects.filter(pk=sent.channel_id).update(verified_at=now + DAY)
    assert handling.handle(report(id_of(sent)), now + DAY) is BounceResult.RECORDED
    sent.channel.refresh_from_db()
    assert (sent.channel.disabled_at, sent.channel.lost_at) == (None, None)


def test_bounce_of_a_notice_is_told_by_no_notice(user, mails, now):
    [sent] = mails()
    Delivery.objects.filter(pk=sent.pk).update(reference="lost:channel:9:x")
    handling.handle(report(id_of(sent), "5.2.2", diagnostic=""), now)
    assert Delivery.objects.count() == 1


# Not to be believed


def test_forged_or_foreign_id_changes_nothing(mails, now, settings):
    first, second = mails(2)
    tag = message_ids.sign(first.message_id).partition(".")[2]
    for text in (
        f"<{second.message_id}@foam.example>",
        f"<{second.message_id}.{tag}@foam.example>",
        f"<{second.message_id}.{'0' * 20}@foam.example>",
        "<something@else.example>",
        "",
        f"{id_of(first)} {id_of(second)}",
    ):
        assert handling.handle(report(text), now) is BounceResult.UNKNOWN
    assert not Delivery.objects.exclude(status="sent").exists()


def test_id_made_with_the_key_before_is_good(sent, now, settings):
    octets = report(id_of(sent))
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert handling.handle(octets, now) is BounceResult.DISABLED


def test_message_that_was_pruned_is_gone(sent, now):
    octets = report(id_of(sent))
    sent.delete()
    assert handling.handle(octets, now) is BounceResult.DELETED


def nested(depth):
    head = "".join(
        f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(depth)
    )
    return f"From: MAILER-DAEMON\n{head}Content-Type: text/plain\n\nundeliverable".encode()


HOSTILE = [
    b"",
    b"\0\xff" * 5000,
    b"\n" * 300_000,
    b"Content-Type: multipart/report\n\n",
    b"Content-Type: multipart/report; boundary=\n\n--\n",
    b"Content-Type: text/plain; charset=none-such\nSubject: Undeliverable\n\n550 x",
    b"Content-Type: message/rfc822\n\n",
    b"Content-Type: message/delivery-status\n\n" + b"Action\n" * 1000,
    b"Content-Transfer-Encoding: base64\nSubject: Undelivered\n\n" + b"=" * 5000,
    b"A: " + b"b" * 1_000_000,
    nested(50),
    nested(5000),
    b"Subject: Undelivered\n\n" + b"550 " * 500_000,
    b"Subject: Undelivered\n\n" + b"> " * 500_000 + b"Message-ID: x",
]


@pytest.mark.parametrize("octets", HOSTILE, ids=lambda octets: repr(octets[:30]))
def test_hostile_mail_is_no_bounce(octets, now):
    assert handling.handle(octets, now) in {BounceResult.NO_BOUNCE, BounceResult.UNKNOWN}


@pytest.mark.parametrize(
    "octets",
    [
        "From: ada@example.com\nAuto-Submitted: auto-replied\nSubject: Out of office\n"
        "In-Reply-To: {id}\nReferences: {id}\n\nI am away.",
        "From: ada@example.com\nSubject: Re: Pill\nIn-Reply-To: {id}\n\nUndeliverable? 550\n"
        "> Message-ID: {id}\n",
        "From: x@y.example\nAuto-Submitted: auto-replied\nSubject: Undeliverable\n\n"
        "Message-ID: {id}\n",
    ],
)
def test_answer_of_a_person_or_a_program_is_no_bounce(sent, now, octets):
    assert handling.handle(octets.format(id=id_of(sent)).encode(), now) is BounceResult.NO_BOUNCE


def test_receipt_is_no_bounce(sent, now):
    octets = report(id_of(sent), kind="disposition-notification")
    assert handling.handle(octets, now) in {BounceResult.NO_BOUNCE, BounceResult.UNKNOWN}
    sent.refresh_from_db()
    assert sent.status == "sent"


# Where they come from


def run(monkeypatch, octets=b"", **options):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(octets)))
    call_command("bounce", stdout=out, **options)
    return out.getvalue()


def test_pipe_brings_one_mail(sent, monkeypatch):
    assert "1 × is recorded, and has disabled" in run(monkeypatch, report(id_of(sent)))


def test_ten_megabytes_are_read_to_the_end_and_the_beginning_counts(sent, monkeypatch):
    octets = report(id_of(sent), returned="message/rfc822") + b"x" * 10_000_000
    assert "1 × is recorded" in run(monkeypatch, octets)


def test_maildir_is_read_once(sent, monkeypatch, tmp_path):
    box = mailbox.Maildir(tmp_path / "box")
    box.add(report(id_of(sent)))
    assert "1 × is recorded" in run(monkeypatch, maildir=str(tmp_path / "box"))
    assert run(monkeypatch, maildir=str(tmp_path / "box")) == "No mail waits.\n"
    assert len(os.listdir(tmp_path / "box" / "cur")) == 1


def test_mbox_is_read_once(sent, monkeypatch, tmp_path):
    box = mailbox.mbox(tmp_path / "box")
    box.add(report(id_of(sent)))
    box.close()
    assert "1 × is recorded" in run(monkeypatch, mbox=str(tmp_path / "box"))
    assert run(monkeypatch, mbox=str(tmp_path / "box")) == "No mail waits.\n"


def test_imap_folder_is_read_once(sent, monkeypatch, settings):
    with ImapServer([report(id_of(sent)), b"Subject: hello\n\nhello"]) as server:
        settings.FOAM_BOUNCE_MAILBOX = f"imap://bounces:sw%40rd@127.0.0.1:{server.port}/INBOX"
        told = run(monkeypatch, mailbox=True)
        assert "1 × is recorded" in told
        assert "1 × is no bounce" in told
        assert run(monkeypatch, mailbox=True) == "No mail waits.\n"
        assert server.logins == [("bounces", "sw@rd")] * 2


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "Give imaps://"),
        ("https://u:p@imap.example.org/", "Give imaps://"),
        ("imap://u:p@127.0.0.1:9/INBOX", "cannot be read: Connection refused"),
    ],
)
def test_mailbox_that_cannot_be_read_is_told_in_a_sentence(monkeypatch, settings, url, said):
    settings.FOAM_BOUNCE_MAILBOX = url
    with pytest.raises(Exception, match=said):
        run(monkeypatch, mailbox=True)


def test_fault_of_a_bounce_is_counted(sent, now):

    handling.handle(report(id_of(sent)), now)
    assert store.sums()[store.BOUNCES.series(fault=Fault.RECEIVER.value)] == 1
