"""What takes an account asks for the password again, and its owner has a way back."""

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.cache import cache
from django.test import Client

from accounts.models import AccountChange, ApiToken
from accounts.security import email_change
from accounts.tests.sign_in.test_sign_in import CODE, PASSWORD, ask, log_in
from conftest import confirm

pytestmark = pytest.mark.django_db
STOP = re.compile(r"https?://[^/\s]+(/account/email/stop/\S+/)")


@pytest.fixture(autouse=True)
def _fresh(db, settings):
    cache.clear()
    settings.EMAIL_URL = "smtp://mail.example.com"


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/account/email/", {"email": "thief@example.org", "action_add": ""}),
        ("/account/2fa/totp/activate/", {"code": "000000"}),
        ("/account/2fa/webauthn/add/", {"name": "key"}),
        ("/account/close/", {"email": "ada@example.com"}),
        ("/admin/accounts/apitoken/add/", {"name": "x", "scopes": ["me:read"]}),
    ],
)
def test_session_alone_is_led_to_confirm_first(client, user, path, form):
    user.is_superuser = user.is_staff = True
    user.save()
    log_in(client)
    assert client.post(path, form)["Location"].startswith("/account/reauthenticate/")
    user.refresh_from_db()
    assert (user.email, user.closed_at) == ("ada@example.com", None)
    assert not Authenticator.objects.exists()
    assert not ApiToken.objects.exists()
    assert EmailAddress.objects.count() == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/tokens/", {"name": "x", "scopes": ["me:read"]}),
        ("/api/v1/reminders/feed/", {"name": "x"}),
    ],
)
def test_token_or_feed_in_a_session_is_refused_until_confirmed(client, user, path, body):
    log_in(client)
    refused = client.post(path, body, content_type="application/json")
    assert refused.status_code == 403
    assert "/account/reauthenticate/" in refused.json()["detail"]
    confirm(client, user)
    assert client.post(path, body, content_type="application/json").status_code == 201


def test_program_confirms_by_its_own_door(user):
    _, answer = ask("auth/login", {"email": "ada@example.com", "password": PASSWORD})
    token = answer["meta"]["session_token"]
    body, headers = {"name": "x", "scopes": ["me:read"]}, {"HTTP_X_SESSION_TOKEN": token}

    def make():
        path = "/api/v1/tokens/"
        return Client().post(path, body, "application/json", **headers).status_code

    assert make() == 403
    assert ask("account/email", {"email": "thief@example.org"}, token)[0] == 401
    ask("auth/reauthenticate", {"password": PASSWORD}, token)
    assert make() == 201


def ask_for_change(client, user):
    log_in(client)
    confirm(client, user)
    client.post("/account/email/", {"email": "thief@example.org", "action_add": ""})


def test_old_address_is_told_before_the_change(client, user):
    ask_for_change(client, user)
    to_old, to_new = mail.outbox
    assert (to_old.to, to_new.to) == (["ada@example.com"], ["thief@example.org"])
    assert STOP.search(to_old.body)
    assert AccountChange.objects.filter(verb="email_asked").exists()


def stop_path():
    return STOP.search(mail.outbox[0].body)[1]


@pytest.mark.parametrize("is_confirmed", [False, True], ids=["before", "after"])
def test_link_in_that_mail_stops_it(client, user, now, is_confirmed):
    token = ApiToken.issue(user, "thief")[0]
    ask_for_change(client, user)
    if is_confirmed:
        client.post("/account/confirm-email/", {"code": CODE.search(mail.outbox[1].body)[1]})
        user.refresh_from_db()
        assert user.email == "thief@example.org"
    owner = Client()
    assert "Stop this change?" in owner.get(stop_path()).content.decode()
    assert "Stopped" in owner.post(stop_path()).content.decode()
    user.refresh_from_db()
    token.refresh_from_db()
    assert (user.email, user.has_usable_password()) == ("ada@example.com", False)
    assert list(EmailAddress.objects.values_list("email", "verified")) == [
        ("ada@example.com", True)
    ]
    assert token.revoked_at
    assert client.get("/account/").status_code == 302
    assert owner.post(stop_path()).status_code == 410


def test_looking_at_the_link_changes_nothing(client, user):
    ask_for_change(client, user)
    Client().get(stop_path())
    assert client.get("/account/").status_code == 200


def test_link_is_good_for_three_days(client, user, time_machine, now):
    time_machine.move_to(now)
    ask_for_change(client, user)
    time_machine.move_to(now + timedelta(days=3, minutes=1))
    assert Client().post(stop_path()).status_code == 410


@pytest.mark.parametrize("token", ["x", "x:y:z", "a" * 500])
def test_forged_link_stops_nothing(user, token):
    assert Client().post(f"/account/email/stop/{token}/").status_code == 410
    user.refresh_from_db()
    assert user.has_usable_password()


def test_link_to_the_thiefs_own_address_does_not_lock_the_owner_out(user, now):
    stops = [
        email_change.AddressChange(user.pk, old, new, email_change.stamp(at))
        for old, new, at in (
            ("ada@example.com", "one@example.org", now),
            ("one@example.org", "two@example.org", now + timedelta(minutes=1)),
        )
    ]
    first, second = (email_change.token_of(stop) for stop in stops)
    assert Client().post(f"/account/email/stop/{second}/").status_code == 200
    assert Client().post(f"/account/email/stop/{first}/").status_code == 200
    user.refresh_from_db()
    assert user.email == "ada@example.com"
    assert Client().post(f"/account/email/stop/{second}/").status_code == 410
