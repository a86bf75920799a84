"""P10: tokens are stored hashed, and an unusable one is refused."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiToken, User
from accounts.models.token import API_SCOPES
from conftest import client_of

pytestmark = pytest.mark.django_db


def get_me(secret):
    return APIClient().get("/api/v1/me/", headers={"Authorization": f"Bearer {secret}"})


def test_token_opens_the_api(user):
    _, secret = ApiToken.issue(user, "ci")
    assert get_me(secret).json()["username"] == "ada"


def test_secret_is_nowhere_in_the_database(user):
    _, secret = ApiToken.issue(user, "ci")
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM accounts_apitoken t")
        assert secret not in cursor.fetchone()[0]


def test_secret_begins_so_that_scanners_find_it(user):
    assert ApiToken.issue(user, "ci")[1].startswith("foam_")


@pytest.mark.parametrize(
    "header",
    ["Bearer foam_wrong", "Bearer ", "Bearer töken", "Bearer foam_\xd9\xa1", "Bearer a b"],
)
def test_unknown_token_is_refused_with_a_problem(db, header):
    answer = APIClient().get("/api/v1/me/", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["title"] == "Unauthorized"


def test_missing_token_is_refused(db):
    assert APIClient().get("/api/v1/me/").status_code == 401


def test_expired_token_is_refused(user):
    _, secret = ApiToken.issue(user, "ci", expires_at=timezone.now() - timedelta(seconds=1))
    assert get_me(secret).status_code == 401


def test_revoked_token_is_refused(user):
    token, secret = ApiToken.issue(user, "ci")
    token.revoke(timezone.now())
    assert get_me(secret).status_code == 401


def test_token_of_an_inactive_user_is_refused(user):
    _, secret = ApiToken.issue(user, "ci")
    user.is_active = False
    user.save()
    assert get_me(secret).status_code == 401


def test_use_of_a_token_is_noted(user):
    token, secret = ApiToken.issue(user, "ci")
    get_me(secret)
    token.refresh_from_db()
    assert token.last_used_at is not None


def test_use_is_not_written_at_every_request(user, now):
    token, _ = ApiToken.issue(user, "ci")
    token.touch(now)
    token.touch(now + timedelta(seconds=59))
    token.refresh_from_db()
    assert token.last_used_at == now


def test_token_without_the_scope_is_refused(user):
    answer = client_of(user, ["channels:read"]).get("/api/v1/reminders/")
    assert answer.status_code == 403
    assert answer.json()["detail"] == "This token lacks the scope reminders:read."


def test_reading_scope_does_not_write(user):
    client = client_of(user, ["me:read"])
    assert client.get("/api/v1/me/").status_code == 200
    assert client.patch("/api/v1/me/", {"timezone": "UTC"}).status_code == 403


def test_createtoken_prints_a_secret_that_works(user):
    out = StringIO()
    call_command("createtoken", "ada", "--name", "laptop", stdout=out, stderr=StringIO())
    assert get_me(out.getvalue().strip()).status_code == 200


def test_createtoken_can_limit_scope_and_time(user):
    call_command(
        "createtoken",
        "ada",
        "--scope",
        "me:read",
        "--days",
        "7",
        stdout=StringIO(),
        stderr=StringIO(),
    )
    token = ApiToken.objects.get()
    assert token.scopes == ["me:read"]
    assert timedelta(days=6) < token.expires_at - timezone.now() < timedelta(days=8)


def test_createtoken_says_when_there_is_no_such_user(db):
    with pytest.raises(CommandError, match="no user 'nobody'"):
        call_command("createtoken", "nobody")


def test_createtoken_gives_90_days_and_no_power_to_make_more(user):
    call_command("createtoken", "ada", stdout=StringIO(), stderr=StringIO())
    token = ApiToken.objects.get()
    assert timedelta(days=89) < token.expires_at - timezone.now() < timedelta(days=91)
    assert token.scopes == [scope for scope in API_SCOPES if scope != "tokens:write"]


def test_createtoken_makes_one_that_never_expires_when_asked_to(user):
    call_command("createtoken", "ada", "--never-expires", stdout=StringIO(), stderr=StringIO())
    assert ApiToken.objects.get().expires_at is None


def test_createtoken_makes_none_for_who_is_not_active(user):
    User.objects.update(is_active=False)
    with pytest.raises(CommandError, match="not active"):
        call_command("createtoken", "ada")


def test_createtoken_refuses_a_lifetime_of_nothing(user):
    with pytest.raises(CommandError, match="--days"):
        call_command("createtoken", "ada", "--days", "0")
