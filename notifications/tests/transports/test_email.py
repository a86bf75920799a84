import math
import smtplib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from ipaddress import ip_address

import pytest
from cryptography import x509
from django.core.exceptions import ValidationError

from notifications.links import message_ids, signed_links
from notifications.links.signed_links import Action
from notifications.tests.certificates import Authority
from notifications.tests.receivers import SmtpReceiver
from notifications.transports import Message, SendOutcome
from notifications.transports.email import EmailTransport

DUE_AT = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
FOREVER = math.inf


@pytest.fixture
def transport() -> EmailTransport:
    return EmailTransport()


@pytest.fixture(params=[False, True], ids=["in turn", "pipelining"])
def receiver(settings, request) -> Iterator[SmtpReceiver]:
    with SmtpReceiver(pipelining=request.param) as receiver:
        use(settings, receiver)
        yield receiver


def use(settings, receiver: SmtpReceiver) -> None:
    settings.EMAIL_URL = receiver.url
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", receiver.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.DEFAULT_FROM_EMAIL = "FOAM <foam@foam.example>"
    settings.FOAM_BASE_URL = "https://foam.example:8443"


@pytest.fixture
def impatient(settings) -> None:
    """Waits as long as a test of a hanging server has to."""
    settings.EMAIL_TIMEOUT = 0.3


@pytest.fixture
def answers(monkeypatch) -> None:
    """What concerns `test` can be answered."""
    monkeypatch.setattr(signed_links, "_registered", {})
    signed_links.register("test", [Action("done", "Done", 0), Action("not_me", "Not me", 1)])


def message(number: int = 1, **fields) -> Message:
    return Message(
        **{
            "delivery_id": number,
            "attempt": 1,
            "id": f"foam_{number}_1",
            "channel_id": 1,
            "address": "ada@example.com",
            "title": "Stand-up",
            "body": "In the kitchen",
            "due_at": DUE_AT,
            **fields,
        }
    )


def send(transport: EmailTransport, *messages: Message) -> list[SendOutcome]:
    return list(transport.send_many(messages, FOREVER))


def outcome_of(transport: EmailTransport, **fields) -> SendOutcome:
    [outcome] = send(transport, message(**fields))
    return outcome


def mail_of(transport: EmailTransport, receiver: SmtpReceiver, **fields):
    assert outcome_of(transport, **fields).error is None
    [mail] = receiver.wait_for(1)
    return mail


# What is sent


def test_message_arrives_at_its_address(transport, receiver):
    mail = mail_of(transport, receiver)
    assert (mail.sender, mail.recipients) == ("foam@foam.example", ["ada@example.com"])


def test_headers_say_who_writes_what_to_whom(transport, receiver):
    headers = mail_of(transport, receiver).message
    assert headers["From"] == "FOAM <foam@foam.example>"
    assert headers["To"] == "ada@example.com"
    assert headers["Subject"] == "Stand-up"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["Date"].datetime


def test_text_says_what_is_due_and_when(transport, receiver):
    text = mail_of(transport, receiver).plain
    assert text.splitlines() == [
        "Stand-up",
        "",
        "In the kitchen",
        "",
        "Due: Monday 23 November 2026, 17:00 UTC (2026-11-23T17:00:00Z)",
    ]


def test_text_uses_the_readers_own_words_for_the_time(transport, receiver):
    data = {"due_text": "Monday at 18:00 (Europe/Berlin)", "schedule_text": "every Monday"}
    text = mail_of(transport, receiver, body="", data=data).plain
    assert text.splitlines() == [
        "Stand-up",
        "",
        "Due: Monday at 18:00 (Europe/Berlin)",
        "Schedule: every Monday",
    ]


def test_message_id_is_the_same_at_the_second_attempt(transport, receiver):
    outcome_of(transport, attempt=1)
    outcome_of(transport, attempt=2)
    ids = [mail.message["Message-ID"] for mail in receiver.wait_for(2)]
    assert ids == [f"<{message_ids.sign('foam_1_1')}@foam.example>"] * 2


def test_text_and_page_both_have_the_links_that_answer(transport, receiver, answers):
    mail = mail_of(transport, receiver, reference="test:7")
    for action in ("done", "not_me"):
        assert f"https://foam.example:8443/do/test:7.1.6b16e610.{action}." in mail.plain
        assert f'href="https://foam.example:8443/do/test:7.1.6b16e610.{action}.' in mail.html


def test_mail_program_can_turn_it_off_with_one_click(transport, receiver, answers):
    headers = mail_of(transport, receiver, reference="test:7").message
    assert headers["List-Unsubscribe"].startswith("<https://foam.example:8443/do/test:7.1.")
    assert ".not_me." in headers["List-Unsubscribe"]
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_message_without_links_cannot_be_turned_off(transport, receiver, answers):
    headers = mail_of(transport, receiver, reference="other:7").message
    assert headers["List-Unsubscribe"] is None


def test_body_of_100_kb_arrives_whole(transport, receiver):
    body = "<p>Zoë & 🎉</p>\n" * 5_500
    mail = mail_of(transport, receiver, body=body)
    assert body.strip() in mail.plain.replace("\r\n", "\n")
    assert mail.html.count("&lt;p&gt;Zo") == 5_500


def test_any_words_arrive_as_they_are(transport, receiver):
    mail = mail_of(
        transport, receiver, title="Zoë 🎉 " + "x" * 190, body=".\nZoë\n..\n" + "y" * 2000
    )
    assert mail.message["Subject"].strip() == "Zoë 🎉 " + "x" * 190
    assert ".\nZoë\n..\n" + "y" * 2000 in mail.plain.replace("\r\n", "\n")


@pytest.mark.parametrize(
    "title",
    [
        "Hello\r\nBcc: eve@example.com",
        "Hello\nBcc: eve@example.com",
        "Hello\rBcc: eve@example.com",
        "Hello\x0b\x0c\x00\x85\u2028Bcc: eve@example.com",
        "Hello\r\n\r\nBcc: eve@example.com",
    ],
)
def test_title_cannot_add_a_header(transport, receiver, title):
    mail = mail_of(transport, receiver, title=title)
    assert mail.message["Subject"] == "Hello Bcc: eve@example.com"
    assert mail.message["Bcc"] is None
    assert mail.recipients == ["ada@example.com"]


def test_body_cannot_end_the_message(transport, receiver):
    body = "one\r\n.\r\nMAIL FROM:<eve@example.com>\r\n"
    send(transport, message(body=body))
    [mail] = receiver.wait_for(1)
    assert "MAIL FROM:<eve@example.com>" in mail.plain


# What becomes of it


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_reply_in_the_four_hundreds_may_work_later(transport, receiver, verb):
    receiver.script(verb, "450 4.2.0 greylisted")
    error = outcome_of(transport).error
    assert (error.permanent, error.detail) == (False, "answered 450: 4.2.0 greylisted")


@pytest.mark.parametrize("verb", ["RCPT", "DATA"])
def test_reply_in_the_five_hundreds_is_final(transport, receiver, verb):
    receiver.script(verb, "550 5.1.1 no such user")
    error = outcome_of(transport).error
    assert (error.permanent, error.detail) == (True, "answered 550: 5.1.1 no such user")


def test_sender_that_is_refused_is_the_operators_to_mend(transport, receiver):
    receiver.script("MAIL", "530 5.7.0 authentication required")
    assert not outcome_of(transport).error.permanent


def test_refused_recipient_costs_only_its_message(transport, receiver):
    receiver.script("RCPT", "550 no such user")
    outcomes = send(transport, message(1), message(2))
    assert [o.error is None for o in outcomes] == [False, True]
    assert receiver.connections == 1


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_connection_that_closes_mid_way_may_work_later(transport, receiver, verb):
    receiver.always[verb] = receiver.CLOSE
    error = outcome_of(transport).error
    assert not error.permanent
    assert error.detail.startswith("The mail server broke the connection: ")


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_server_that_hangs_is_given_up_and_tried_later(transport, receiver, impatient, verb):
    receiver.script(verb, receiver.HANG)
    error = outcome_of(transport).error
    assert not error.permanent
    assert error.detail == "The mail server broke the connection: no answer within 0.3 s"


def test_server_that_is_not_there_may_be_there_later(transport, settings):
    with SmtpReceiver() as receiver:
        use(settings, receiver)
    error = outcome_of(transport).error
    assert error.detail == "The mail server cannot be reached: Connection refused"
    assert not error.permanent


def test_login_that_is_refused_is_the_operators_to_mend(transport, settings):
    with SmtpReceiver(password="swordfish") as receiver:
        use(settings, receiver)
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "foam", "hunter2"
        error = outcome_of(transport).error
    assert error.detail.startswith("The mail server does not let us log in: 535")
    assert not error.permanent
    assert "hunter2" not in error.detail


def test_login_that_is_accepted_lets_the_message_through(transport, settings):
    with SmtpReceiver(password="swordfish") as receiver:
        use(settings, receiver)
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "foam", "swordfish"
        assert outcome_of(transport).error is None


def test_message_that_cannot_be_written_costs_only_itself(transport, receiver, caplog):
    outcomes = send(transport, message(1, body=None), message(2))
    assert [o.error is None for o in outcomes] == [False, True]
    assert "internal error" in caplog.text


def test_message_that_may_have_been_taken_is_uncertain(transport, receiver):
    receiver.script("DATA", receiver.CLOSE)
    error = outcome_of(transport).error
    assert (error.uncertain, error.permanent) == (True, False)


def test_message_that_was_not_begun_is_not_uncertain(transport, receiver):
    receiver.always["DATA"] = receiver.CLOSE
    outcomes = send(transport, *(message(n) for n in range(4)))
    assert [o.error.uncertain for o in outcomes] == [True, True, False, False]


# TLS


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def trusting(authority, tmp_path, monkeypatch) -> None:
    """The test authority is the system's only one."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file(tmp_path)))


@pytest.fixture(params=["starttls", "tls"])
def tls_receiver(request, authority, tmp_path, settings) -> Iterator[Callable[..., SmtpReceiver]]:
    with ExitStack() as started:

        def start(*names: x509.GeneralName) -> SmtpReceiver:
            context = authority.context(tmp_path, *names)
            options = {request.param: context, "password": "swordfish", "pipelining": True}
            receiver = started.enter_context(SmtpReceiver(**options))
            use(settings, receiver)
            settings.EMAIL_USE_TLS = request.param == "starttls"
            settings.EMAIL_USE_SSL = request.param == "tls"
            settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "foam", "swordfish"
            return receiver

        yield start


def test_messages_go_over_tls_to_a_server_with_the_right_certificate(
    transport, trusting, tls_receiver
):
    receiver = tls_receiver(x509.IPAddress(ip_address("127.0.0.1")))
    assert [o.error for o in send(transport, *(message(n) for n in range(5)))] == [None] * 5
    assert [mail.connection for mail in receiver.wait_for(5)] == [1] * 5


def test_server_with_the_certificate_of_another_host_gets_nothing(
    transport, trusting, tls_receiver
):
    receiver = tls_receiver(x509.DNSName("other.example"))
    error = outcome_of(transport).error
    assert error.detail.startswith("The mail server cannot be reached: ")
    assert "certificate" in error.detail
    assert (error.permanent, receiver.mails) == (False, [])


def test_server_whose_certificate_nobody_vouches_for_gets_nothing(transport, tls_receiver):
    receiver = tls_receiver(x509.IPAddress(ip_address("127.0.0.1")))
    assert "certificate" in outcome_of(transport).error.detail
    assert receiver.mails == []


def test_server_that_will_not_start_tls_gets_nothing(transport, receiver, settings):
    settings.EMAIL_USE_TLS = True
    error = outcome_of(transport).error
    assert "STARTTLS" in error.detail
    assert (error.permanent, receiver.mails) == (False, [])


# Without a mail server


def test_message_goes_where_another_backend_of_django_puts_it(
    transport, settings, tmp_path, answers
):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path
    outcome = outcome_of(transport, title="Zoë", body="Ünter", reference="test:7")
    [file] = tmp_path.iterdir()
    mail = BytesParser(EmailMessage, policy=SMTP).parsebytes(file.read_bytes())
    assert outcome.error is None
    assert mail["Subject"] == "Zoë"
    assert "Ünter" in mail.get_body(["plain"]).get_content()
    assert "Ünter" in mail.get_body(["html"]).get_content()
    assert mail["List-Unsubscribe"]


def test_other_backend_that_fails_costs_one_attempt(transport, settings, tmp_path, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path / "file"
    settings.EMAIL_FILE_PATH.touch()
    assert not outcome_of(transport).error.permanent
    assert "internal error" in caplog.text


# Many at once


def test_batch_goes_over_one_connection(transport, receiver):
    send(transport, *(message(n) for n in range(20)))
    assert [mail.connection for mail in receiver.wait_for(20)] == [1] * 20


@pytest.mark.parametrize("reply", [SmtpReceiver.CLOSE, "421 4.7.0 too many messages"])
def test_connection_that_the_server_drops_after_some_messages_is_opened_again(
    transport, receiver, reply
):
    receiver.script("MAIL", "", "", reply)
    outcomes = send(transport, *(message(n) for n in range(4)))
    assert [o.error for o in outcomes] == [None] * 4
    assert [mail.connection for mail in receiver.wait_for(4)] == [1, 1, 2, 2]


def test_connection_that_is_dropped_and_dropped_again_may_work_later(transport, receiver):
    receiver.script("MAIL", "", receiver.CLOSE, receiver.CLOSE)
    sent, failed = send(transport, message(1), message(2))
    assert sent.error is None
    assert failed.error.detail.startswith("The mail server broke the connection: ")


def test_server_that_is_down_is_not_asked_for_every_message(transport, receiver):
    receiver.always["MAIL"] = receiver.CLOSE
    outcomes = send(transport, *(message(n) for n in range(10)))
    assert all(o.error and not o.error.permanent for o in outcomes)
    assert receiver.connections == 2


def test_message_that_breaks_the_connection_costs_only_itself(transport, receiver):
    receiver.script("DATA", receiver.CLOSE)
    outcomes = send(transport, message(1), message(2))
    assert [o.error is None for o in outcomes] == [False, True]


def test_nothing_begins_after_the_deadline(transport, receiver):
    assert list(transport.send_many([message()], time.monotonic())) == []
    assert receiver.connections == 0


def test_connection_is_closed_when_a_batch_is_dropped_half_way(transport, receiver, monkeypatch):
    closed: set[smtplib.SMTP] = set()
    close = smtplib.SMTP.close
    monkeypatch.setattr(smtplib.SMTP, "close", lambda smtp: closed.add(smtp) or close(smtp))
    batch = transport.send_many([message(1), message(2)], FOREVER)
    next(batch)
    batch.close()
    assert len(closed) == 1


# What may be set up


def test_server_without_email_says_which_setting_is_missing(transport, settings):
    settings.EMAIL_URL = ""
    assert transport.unavailable() == "E-mail is not set up on this server: set EMAIL_URL."


def test_server_with_email_is_available(transport, receiver):
    assert transport.unavailable() == ""


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("ada@example.com", "ada@example.com"),
        (" Ada.L+foam@Example.COM ", "Ada.L+foam@example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
    ],
)
def test_address_is_stored_with_a_plain_domain(transport, given, stored):
    assert transport.clean(given, "") == (stored, "")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "ada@example",
        "a@localhost",
        '"\x01"@example.com',
        "ada@example..com",
        "ada@@example.com",
        "ada@example.com, eve@example.com",
        "Ada <ada@example.com>",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada\x00@example.com",
        "adä@example.com",
        "ada@[127.0.0.1]",
        "ada@[IPv6:::1]",
        "ada@" + "a" * 64 + ".com",
        "a" * 64 + "@" + "b." * 100 + "com",
        "ada@" + "ü" * 63 + ".com",
    ],
)
def test_what_is_no_address_is_refused_at_its_field(transport, address):
    with pytest.raises(ValidationError) as refusal:
        transport.clean(address, "")
    assert list(refusal.value.message_dict) == ["address"]


def test_secret_is_refused_at_its_field(transport):
    with pytest.raises(ValidationError) as refusal:
        transport.clean("ada@example.com", "swordfish")
    assert list(refusal.value.message_dict) == ["secret"]
