"""Tokens, feeds and sessions end with the password, and tokens with the one that made them."""

import pytest
from allauth.usersessions.models import UserSession
from django.core import mail
from django.core.cache import cache
from django.test import Client

from accounts import tokens
from accounts.models import ApiToken, Scope
from accounts.tests.sign_in.test_sign_in import CODE, PASSWORD, ask, log_in
from conftest import client_of, confirm

pytestmark = pytest.mark.django_db
NEW = "correct horse"


@pytest.fixture(autouse=True)
def _fresh(db, settings):
    cache.clear()
    settings.EMAIL_URL = "smtp://mail.example.com"


@pytest.fixture
def opened(user):
    """A token and a feed of the user."""
    ApiToken.issue(user, "thief")
    ApiToken.issue(user, "feed", scopes=[Scope.CALENDAR_READ])


def valid():
    return ApiToken.objects.filter(revoked_at=None).count()


def change(client, **extra):
    form = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW, **extra}
    return client.post("/account/password/change/", form)


@pytest.mark.parametrize(
    ("extra", "count"), [({}, 0), ({"tokens": "end"}, 0), ({"tokens": "keep"}, 2)]
)
def test_change_of_password_ends_tokens_and_feeds_unless_kept(client, opened, extra, count):
    other = Client()
    log_in(other)
    log_in(client)
    assert change(client, **extra).status_code == 302
    assert valid() == count
    assert client.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 302
    assert UserSession.objects.count() == 1


def test_page_offers_the_choice_with_the_end_chosen(client, user):
    log_in(client)
    page = client.get("/account/password/change/").content.decode()
    assert 'value="end"' in page
    assert page.index("checked") < page.index('value="keep"')


def test_program_changes_the_password_alike(opened):
    _, answer = ask("auth/login", {"email": "ada@example.com", "password": PASSWORD})
    body = {"current_password": PASSWORD, "new_password": NEW}
    status, _ = ask("account/password/change", body, answer["meta"]["session_token"])
    assert (status, valid()) == (200, 0)


def test_reset_ends_everything_and_says_so(client, opened):
    other = Client()
    log_in(other)
    client.post("/account/password/reset/", {"email": "ada@example.com"})
    code = CODE.search(mail.outbox[-1].body)[1]
    client.post("/account/password/reset/confirm/", {"code": code})
    form = {"password1": NEW, "password2": NEW, "tokens": "keep"}
    page = client.post("/account/password/reset/complete/", form, follow=True)
    assert "all other sessions have ended" in page.content.decode()
    assert valid() == 0
    assert other.get("/account/").status_code == 302
    assert (
        "API tokens, calendar addresses and all other sessions have ended" in mail.outbox[-1].body
    )


def test_password_set_by_staff_ends_everything(client, opened, staff, user):
    log_in(other := Client())
    client.force_login(staff)
    form = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    assert client.post(f"/admin/accounts/user/{user.pk}/password/", form).status_code == 302
    assert valid() == 0
    assert other.get("/account/").status_code == 302


@pytest.fixture
def family(user, now):
    """A token, one that it made, and one that this made."""
    parent = ApiToken.issue(user, "parent")[0]
    child = ApiToken.issue(user, "child", made_by=parent)[0]
    ApiToken.issue(user, "grandchild", made_by=child)
    return parent


def test_revoked_token_ends_those_that_it_made(user, family):
    client = client_of(user)
    assert client.delete(f"/api/v1/tokens/{family.pk}/").status_code == 204
    assert valid() == 1


def test_those_that_it_made_end_also_beyond_one_that_was_revoked_alone(user, family, now):
    ApiToken.objects.get(name="child").revoke(now, keeps_children=True)
    family.revoke(now)
    assert valid() == 0


def test_revoked_token_leaves_them_when_asked(user, family):
    client = client_of(user)
    assert client.delete(f"/api/v1/tokens/{family.pk}/?children=no").status_code == 400
    assert client.delete(f"/api/v1/tokens/{family.pk}/?children=keep").status_code == 204
    assert valid() == 3


@pytest.mark.django_db(transaction=True)
def test_new_token_is_told_by_mail(client, user, now):
    client.force_login(user)
    confirm(client, user)
    client.post("/api/v1/tokens/", {"name": "CI", "scopes": ["me:read"]})
    assert (mail.outbox[-1].to, mail.outbox[-1].subject) == ([user.email], "FOAM: API token made")
    tokens.make(user, "Phone", now, scopes=[Scope.CALENDAR_READ], expires_at=None)
    assert mail.outbox[-1].subject == "FOAM: Calendar address made"
