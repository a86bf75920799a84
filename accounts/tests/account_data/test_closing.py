"""P10: of a closed account nothing is left that tells whose it was, and nothing more is sent."""

import threading
from datetime import timedelta
from io import StringIO

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, connection, transaction

from accounts.account_data import closing
from accounts.models import SYSTEM_USER_ID, ApiToken, User

pytestmark = pytest.mark.django_db


def test_closed_account_is_nobodys(user, now):
    closing.close(user, now)
    assert (user.username, user.email) == (f"(closed-{user.pk})", f"closed-{user.pk}@foam.invalid")
    assert (user.is_active, user.closed_at, user.has_usable_password()) == (False, now, False)
    assert not EmailAddress.objects.filter(user=user).exists()


def test_closing_again_changes_nothing(user, now):
    closing.close(user, now)
    closing.close(user, now + timedelta(days=1))
    assert user.closed_at == now


def test_token_of_a_closed_account_is_refused(api, user, now):
    closing.close(user, now)
    assert api.get("/api/v1/me/").status_code == 401
    assert ApiToken.objects.get().revoked_at == now


def test_session_of_a_closed_account_ends(client, user, now):
    client.force_login(user)
    assert client.get("/account/").status_code == 200
    closing.close(user, now)
    assert client.get("/account/").status_code == 302


def test_address_of_a_closed_account_can_make_another(user, now):
    closing.close(user, now)
    assert User.objects.create_user("ada", "ada@example.com", "enigma-1843").pk != user.pk


def test_factors_and_team_accounts_go(user, now):
    Authenticator.objects.create(user=user, type="totp", data={})
    SocialAccount.objects.create(user=user, provider="team", uid="7")
    closing.close(user, now)
    assert not Authenticator.objects.exists()
    assert not SocialAccount.objects.exists()


def test_last_superuser_stays(staff, now):
    with pytest.raises(ValidationError, match="last superuser"):
        closing.close(staff, now)
    staff.refresh_from_db()
    assert staff.is_active


def test_account_of_foam_stays(planted, now):
    with pytest.raises(ValidationError, match="FOAM's own"):
        closing.close(User.objects.get(pk=SYSTEM_USER_ID), now)


def test_closed_account_cannot_be_opened_again(user, now):
    closing.close(user, now)
    user.is_active = True
    with pytest.raises(ValidationError, match="cannot be opened again"):
        user.store(now)
    with pytest.raises(IntegrityError, match="closed_is_inactive"), transaction.atomic():
        User.objects.filter(pk=user.pk).update(is_active=True)


def test_command_asks_by_name_and_closes(user, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda question: "somebody")
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("close_account", "ada")
    out = StringIO()
    call_command("close_account", "ada", "--yes", stdout=out)
    assert out.getvalue() == f"Closed. The account is called (closed-{user.pk}) from now on.\n"
    with pytest.raises(CommandError, match="no user 'ada'"):
        call_command("close_account", "ada")


@pytest.mark.django_db(transaction=True)
def test_of_two_superusers_who_close_at_once_one_stays(now):
    both = [User.objects.create_superuser(name, f"{name}@example.com") for name in ("a", "b")]
    refused = []

    def close(user):
        try:
            closing.close(user, now)
        except ValidationError as refusal:
            refused.append(refusal)
        finally:
            connection.close()

    threads = [threading.Thread(target=close, args=[user]) for user in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert User.objects.filter(is_superuser=True, is_active=True).count() == 1
