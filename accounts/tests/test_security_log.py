"""Every event of an account is recorded, whichever face causes it, and told to nobody else."""

from datetime import timedelta

import pytest
from allauth.core import context
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from accounts import tokens
from accounts.account_data import closing, retention
from accounts.audit.actor import Actor, Source, acting_as
from accounts.audit.network import current_network
from accounts.models import AccountChange, ApiToken, User
from accounts.tests.sign_in.test_sign_in import PASSWORD, ask, code_of, log_in, with_app
from conftest import confirm

pytestmark = pytest.mark.django_db
Verb = AccountChange.Verb


@pytest.fixture(autouse=True)
def _fresh(db, settings):
    cache.clear()
    settings.EMAIL_URL = "smtp://mail.example.com"
    settings.MFA_TOTP_TOLERANCE = 1


def verbs(user):
    return list(
        AccountChange.objects.filter(account=user).order_by("pk").values_list("verb", flat=True)
    )


def last(user):
    return AccountChange.objects.filter(account=user).latest("pk")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("", ""),
        ("unknown", ""),
    ],
)
def test_address_is_cut_to_its_network(address, network, rf):
    with context.request_context(rf.get("/", REMOTE_ADDR=address)):
        assert current_network() == network


def test_sign_in_and_out_are_recorded_with_face_actor_and_network(client, user):
    log_in(client, REMOTE_ADDR="203.0.113.77")
    client.post("/account/logout/", REMOTE_ADDR="203.0.113.77")
    assert verbs(user) == [Verb.CREATED, Verb.SIGNED_IN, Verb.SIGNED_OUT]
    row = AccountChange.objects.get(verb=Verb.SIGNED_IN)
    assert (row.face, row.user_id, row.network) == ("account", user.pk, "203.0.113.0/24")
    assert row.detail == "password"


def test_program_that_signs_in_is_recorded_as_one(user):
    ask("auth/login", {"email": "ada@example.com", "password": PASSWORD})
    assert (last(user).verb, last(user).face) == (Verb.SIGNED_IN, "api")


def test_wrong_passwords_are_recorded_and_those_at_a_locked_account_once(user):
    for _ in range(9):
        log_in(Client(), password="wrong")
    assert verbs(user)[1:] == [Verb.SIGN_IN_FAILED] * 5 + [Verb.LOCKED_OUT]
    assert last(user).user_id is None


def test_wrong_password_for_nobody_is_not_recorded(user):
    log_in(Client(), "nobody@example.com", "wrong")
    assert verbs(user) == [Verb.CREATED]


def test_wrong_old_password_counts_as_a_failed_sign_in(client, user):
    log_in(client)
    form = {"oldpassword": "wrong", "password1": "correct horse", "password2": "correct horse"}
    for _ in range(6):
        client.post("/account/password/change/", form)
    assert verbs(user).count(Verb.SIGN_IN_FAILED) == 5
    assert "Too many failed login attempts" in log_in(Client()).content.decode()


def test_factors_are_recorded_by_whatever_face(client, user):
    secret = with_app(user)
    log_in(client)
    client.post("/account/2fa/authenticate/", {"code": "000000"})
    client.post("/account/2fa/authenticate/", {"code": code_of(secret)})
    Authenticator.objects.all().delete()
    events = [verb for verb in verbs(user) if "factor" in verb]
    assert events[0] == Verb.FACTOR_ADDED
    assert events[-2:] == [Verb.FACTOR_USED, Verb.FACTOR_REMOVED]


def test_profile_and_time_zone_are_recorded_by_their_names(api, user):
    api.patch("/api/v1/me/", {"timezone": "Europe/Berlin", "first_name": "Ada"}, format="json")
    assert (last(user).verb, last(user).detail) == (Verb.EDITED, "first_name, timezone")
    assert (last(user).face, last(user).token_id) == ("api", ApiToken.objects.get().pk)


def test_password_set_by_a_command_is_recorded(user, monkeypatch):
    monkeypatch.setattr("getpass.getpass", lambda prompt: "correct horse")
    with acting_as(Actor(Source.COMMAND.value)):
        call_command("changepassword", "ada")
    assert Verb.PASSWORD_CHANGED in verbs(user)
    assert last(user).face == "command"


def test_better_hash_of_the_same_password_is_no_change(client, user, settings):
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    log_in(client)
    user.refresh_from_db()
    assert user.password.startswith("pbkdf2_sha1")
    assert verbs(user) == [Verb.CREATED, Verb.SIGNED_IN]


def test_tokens_are_recorded_with_what_they_may_do(user, now):
    token, _ = tokens.make(user, "CI", now, scopes=["me:read"], expires_at=None)
    assert last(user).detail == f"API token {token.pk}, scopes: me:read"
    tokens.expire(token, now + timedelta(days=1), now)
    token.revoke(now)
    token.revoke(now)
    assert verbs(user)[1:] == [Verb.TOKEN_MADE, Verb.TOKEN_CHANGED, Verb.TOKEN_REVOKED]


def test_rights_are_recorded_from_either_side(user):
    group = Group.objects.create(name="Editors")
    permission = Permission.objects.get(codename="view_user")
    user.is_staff = True
    user.save()
    group.user_set.add(user)
    group.permissions.add(permission)
    user.user_permissions.set([permission])
    group.delete()
    rows = AccountChange.objects.filter(account=user, verb=Verb.RIGHTS_CHANGED).order_by("pk")
    assert [row.detail for row in rows] == [
        "is_staff: True",
        "added: group Editors",
        "added through the group Editors: accounts.view_user",
        "added: accounts.view_user",
        "removed: group Editors, which was deleted",
    ]


def test_account_switched_off_and_on_is_recorded(user):
    for is_active in (False, True):
        user.is_active = is_active
        user.save()
    assert verbs(user)[1:] == [Verb.SWITCHED_OFF, Verb.SWITCHED_ON]


def test_line_of_the_security_log_has_ids_and_no_words(client, user, caplog):
    caplog.clear()
    log_in(client, password="wrong", REMOTE_ADDR="203.0.113.77")
    [line] = [record.getMessage() for record in caplog.records if record.name == "foam.security"]
    assert line == (
        f"sign_in_failed account={user.pk} actor=- token=- face=account network=203.0.113.0/24"
    )


def test_owner_sees_the_events_on_the_page_and_in_the_export(client, user):
    log_in(client, password="wrong")
    log_in(client)
    for path in ("/account/", "/account/activity/"):
        page = client.get(path).content.decode()
        assert "Wrong password" in page
        assert "127.0.0.0/24" in page
    export = b"".join(client.get("/api/v1/me/export/").streaming_content).decode()
    assert '"type":"account_change"' in export
    assert '"verb":"sign_in_failed"' in export


def test_events_of_others_are_not_on_the_page(client, user, stranger):
    AccountChange.objects.create(account=stranger, verb=Verb.FACTOR_ADDED, detail="not-yours")
    log_in(client)
    assert "not-yours" not in client.get("/account/activity/").content.decode()


def test_closing_erases_networks_and_words(client, user, now):
    log_in(client)
    user.email = "other@example.com"
    user.save()
    closing.close(user, now)
    rows = AccountChange.objects.filter(account=user)
    assert set(rows.values_list("network", "detail", "diff")) == {("", "", None)}
    assert rows.latest("pk").verb == Verb.CLOSED


def test_old_events_are_pruned(user, now):
    AccountChange.objects.update(at=now - timedelta(days=100))
    AccountChange.objects.create(account=user, verb=Verb.SIGNED_IN, at=now)
    retention.prune_accounts(now, now - timedelta(days=90))
    assert verbs(user) == [Verb.SIGNED_IN]


def test_new_token_made_in_a_session_names_its_owner(client, user):
    client.force_login(user)
    confirm(client, user)
    client.post("/api/v1/tokens/", {"name": "x", "scopes": ["me:read"]})
    assert (last(user).verb, last(user).user_id) == (Verb.TOKEN_MADE, user.pk)


def test_own_user_of_foam_has_no_events(planted):
    User.objects.get(pk=0).save()
    assert not AccountChange.objects.filter(account=0).exists()
