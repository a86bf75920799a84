"""How FOAM greets a mail server and logs in: a wrong password once, then a pause."""

from datetime import timedelta

import pytest
from django.core.mail import send_mail
from django.core.mail.utils import DNS_NAME

from accounts.apps import AccountsConfig
from notifications.models import Attempt, Channel
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import deliver_due
from notifications.tests.mail_server import MailServer
from notifications.transports import Fault
from notifications.transports.mail import login
from notifications.transports.mail.mime import Letter
from notifications.transports.mail.smtp import Session

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """Nothing is known of earlier logins, and each look goes to the cache."""
    monkeypatch.setattr(login._Memory, "refusal", None)
    monkeypatch.setattr(login, "READ_EVERY_SECONDS", 0)


@pytest.fixture
def start(settings):
    servers = []

    def start(mechanisms="PLAIN LOGIN"):
        server = MailServer(mechanisms=mechanisms)
        servers.append(server)
        server.__enter__()
        settings.EMAIL_URL = server.url
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "foam", "hunter2"
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        return server

    yield start
    for server in servers:
        server.__exit__(None, None, None)


def send(count=1):
    letter = Letter("foam@foam.example", "ada@example.com", b"Subject: x\r\n\r\nHello\r\n")
    return list(Session().send(letter for _ in range(count)))


# One login


def test_wrong_password_is_tried_once_whatever_the_server_offers_and_however_many_wait(start):
    server = start("PLAIN LOGIN")
    server.script("AUTH", 1, "535 5.7.8 wrong")
    errors = send(10)
    assert server.logins == ["PLAIN"]
    assert {(error.fault, error.permanent) for error in errors} == {(Fault.FOAM, False)}
    assert "hunter2" not in errors[0].detail


@pytest.mark.parametrize("reply", ["504 5.5.4 not that one", "534 5.7.9 too weak", "502 no"])
def test_mechanism_that_is_not_taken_after_all_gives_way_to_the_next(start, reply):
    server = start("PLAIN LOGIN CRAM-MD5")
    server.script("AUTH", 1, reply)
    assert send() == [None]
    assert server.logins == ["CRAM-MD5", "PLAIN"]


def test_server_that_may_be_busy_is_no_reason_for_a_pause(start):
    server = start()
    server.script("AUTH", 1, "454 4.7.0 Temporary authentication failure")
    [error] = send()
    assert (error.login, len(server.logins)) == (False, 1)


def test_server_with_no_way_in_common_is_told_so(start):
    start("XOAUTH2")
    [error] = send()
    assert "no way to log in in common" in error.detail


# And then a pause


@pytest.fixture
def mail(db, empty_cache, user, now, woken):
    return Channel.objects.create(
        owner=user, kind="email", name="Mail", address="ada@example.com", verified_at=now
    )


def deliver(mail, at, name):
    post_messages([Post(mail.pk, f"occurrence:{name}", "Pill", "", at)], at)
    deliver_due(at)


@pytest.mark.django_db(transaction=True)
def test_after_a_refusal_nobody_logs_in_for_ten_minutes_and_then_for_twenty(start, mail, now):
    server = start()
    for number in range(1, 9):
        server.script("AUTH", number, "535 5.7.8 wrong")
    tries = {}
    for minute in range(35):
        login._Memory.refusal = None  # another process
        deliver(mail, now + minute * MINUTE, minute)
        tries.setdefault(len(server.logins), minute)
    # Each refusal comes a moment after its minute began.
    assert tries[1] == 0
    assert tries[2] - tries[1] in {10, 11}
    assert tries[3] - tries[2] in {20, 21}
    assert len(tries) == 3
    assert "tries to log in again at" in Attempt.objects.order_by("-pk").first().detail


@pytest.mark.django_db(transaction=True)
def test_another_password_is_tried_at_once(start, mail, now, settings):
    server = start()
    server.script("AUTH", 1, "535 5.7.8 wrong")
    deliver(mail, now, 1)
    settings.EMAIL_HOST_PASSWORD = "swordfish"
    deliver(mail, now + MINUTE, 2)
    assert len(server.logins) == 2


@pytest.mark.django_db(transaction=True)
def test_login_that_works_ends_the_pause(start, mail, now):
    server = start()
    server.script("AUTH", 1, "535 5.7.8 wrong")
    deliver(mail, now, 1)
    deliver(mail, now + 11 * MINUTE, 2)
    assert login._read() is None
    assert len(server.taken) == 2


@pytest.mark.django_db
def test_one_process_alone_tries_first_after_the_pause(start, mail, now):
    start()
    login.remember_refusal(now)
    later = now + 11 * MINUTE
    assert [bool(login.pause_reason(later)) for _ in range(3)] == [False, True, True]


# Its name


def test_server_is_greeted_by_the_name_of_the_settings(start, settings):
    settings.FOAM_EHLO_NAME = "foam.example.org"
    server = start()
    send()
    assert server.greetings == ["foam.example.org"]


def test_mails_about_accounts_greet_by_the_same_name(start, settings, monkeypatch):
    settings.FOAM_EHLO_NAME = "foam.example.org"
    monkeypatch.setattr(DNS_NAME, "_fqdn", "old.example", raising=False)
    AccountsConfig.create("accounts").ready()
    server = start()
    send_mail("Hello", "text", "foam@foam.example", ["ada@example.com"])
    assert server.greetings == ["foam.example.org"]
