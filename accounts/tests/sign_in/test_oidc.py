"""Signing in with the team's own provider."""

from urllib.parse import urlsplit

import httpx
import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache

from accounts.models import User
from accounts.tests.sign_in.provider import Provider

pytestmark = pytest.mark.django_db

ADA = {"sub": "1", "email": "ada@example.com", "email_verified": True, "name": "Ada Lovelace"}


@pytest.fixture(autouse=True)
def _no_limits_from_before(db):
    cache.clear()


@pytest.fixture
def provider(settings):
    with Provider(**ADA) as provider:
        settings.FOAM_OIDC_ISSUER = provider.url
        settings.FOAM_OIDC_SIGNUP = "open"
        settings.SOCIALACCOUNT_PROVIDERS = {
            "openid_connect": {
                "OAUTH_PKCE_ENABLED": True,
                "APP": {
                    "provider_id": "team",
                    "name": "Example Ltd",
                    "client_id": provider.ID,
                    "secret": provider.SECRET,
                    "settings": {"server_url": provider.url},
                },
            }
        }
        yield provider


def sign_in(client):
    """Go the way that a browser goes, to the provider and back."""
    asked = client.post("/account/oidc/team/login/")
    assert asked.status_code == 302
    back = urlsplit(httpx.get(asked["Location"]).headers["Location"])
    return client.get(f"{back.path}?{back.query}")


def test_page_offers_the_provider_by_its_name(client, provider):
    assert "Sign in with Example Ltd" in client.get("/account/login/").content.decode()


def test_newcomer_gets_an_account_with_a_verified_address(client, provider, settings):
    settings.FOAM_SIGNUP = "closed"
    assert sign_in(client)["Location"] == "/account/"
    user = User.objects.get()
    assert (user.email, user.first_name, user.username) == ("ada@example.com", "Ada", "ada")
    assert EmailAddress.objects.get(user=user).verified
    assert client.get("/account/").status_code == 200


def test_account_with_the_verified_address_is_theirs(client, provider, user):
    sign_in(client)
    assert User.objects.get() == user
    assert SocialAccount.objects.get().user == user


def test_address_that_the_provider_has_not_verified_is_refused(client, provider, user):
    provider.person["email_verified"] = False
    answer = sign_in(client)
    assert answer.status_code == 403
    assert "has been verified" in answer.content.decode()
    assert not SocialAccount.objects.exists()


def test_address_of_another_domain_is_refused(client, provider, settings):
    settings.FOAM_OIDC_DOMAINS = ["example.org"]
    answer = sign_in(client)
    assert answer.status_code == 403
    assert "Only e-mail addresses at example.org" in answer.content.decode()
    assert not User.objects.exists()


def test_newcomer_is_refused_where_sign_up_is_closed(client, provider, settings):
    settings.FOAM_OIDC_SIGNUP = "closed"
    assert "Sign-up is closed" in sign_in(client).content.decode()
    assert not User.objects.exists()


def test_code_for_another_session_is_refused(client, provider, rf):
    from django.test import Client

    asked = Client().post("/account/oidc/team/login/")
    back = urlsplit(httpx.get(asked["Location"]).headers["Location"])
    client.get(f"{back.path}?{back.query}")
    assert "_auth_user_id" not in client.session
    assert not User.objects.exists()


def test_token_of_another_issuer_is_refused(client, provider):
    provider.person["iss"] = "https://elsewhere.example"
    sign_in(client)
    assert not User.objects.exists()


def test_closed_account_does_not_come_back_with_its_provider(client, provider, user, now):
    from accounts.account_data import closing

    sign_in(client)
    closing.close(user, now)
    sign_in(client)
    assert User.objects.exclude(pk=user.pk).get().email == "ada@example.com"
