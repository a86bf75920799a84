"""Tokens by the API: made once, never more than their maker, and told apart."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import ApiToken
from accounts.models.token import API_SCOPES
from conftest import client_of, confirm

pytestmark = pytest.mark.django_db

TOKENS = "/api/v1/tokens/"
ASKED = {"name": "laptop", "scopes": ["reminders:read"]}


def ask(api, **changes):
    return api.post(TOKENS, {**ASKED, **changes})


def maker(user, *scopes, expires_at=None):
    """A client whose token may make others, with these scopes besides."""
    _, secret = ApiToken.issue(
        user, "maker", scopes=["tokens:write", *scopes], expires_at=expires_at
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def field_of(answer):
    assert answer.status_code == 400, answer.content
    return answer.json()["errors"][0]["field"]


def test_secret_is_in_the_answer_that_makes_it_and_opens_the_api(api):
    made = ask(api, scopes=["me:read"])
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    header = {"Authorization": f"Bearer {made.json()['secret']}"}
    assert APIClient().get("/api/v1/me/", headers=header).status_code == 200


def test_secret_is_in_no_later_answer(api):
    made = ask(api).json()
    for url in (TOKENS, f"{TOKENS}{made['id']}/"):
        answer = api.get(url).content.decode()
        assert made["secret"] not in answer
        assert '"secret"' not in answer


def test_token_is_shown_with_all_that_tells_it_apart(api, user):
    made = ask(api, expires_at="2090-01-02T03:04:05Z").json()
    shown = api.get(f"{TOKENS}{made['id']}/").json()
    assert shown == {
        "id": made["id"],
        "name": "laptop",
        "hint": f"{made['secret'][:9]}…",
        "scopes": ["reminders:read"],
        "status": "valid",
        "is_current": False,
        "created_at": made["created_at"],
        "expires_at": "2090-01-02T03:04:05Z",
        "last_used_at": None,
        "revoked_at": None,
        "made_by": ApiToken.objects.get(name="test").pk,
    }


def test_token_says_which_one_is_asking(api):
    assert [each["is_current"] for each in api.get(TOKENS).json()["results"]] == [True]


def test_token_expires_in_90_days_when_nobody_says(api):
    expires_at = parse_datetime(ask(api).json()["expires_at"])
    assert timedelta(days=89) < expires_at - timezone.now() < timedelta(days=91)


def test_token_can_be_asked_for_by_days(api):
    expires_at = parse_datetime(ask(api, days=7).json()["expires_at"])
    assert timedelta(days=6) < expires_at - timezone.now() < timedelta(days=8)


def test_token_may_never_expire(api):
    assert ask(api, expires_at=None).json()["expires_at"] is None


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("name", {"name": "  "}),
        ("name", {"name": "a\nb"}),
        ("name", {"name": "x" * 101}),
        ("scopes", {"scopes": []}),
        ("scopes.0", {"scopes": ["everything"]}),
        ("expires_at", {"expires_at": "2020-01-01T00:00:00Z"}),
        ("expires_at", {"expires_at": "2026-11-23T17:00:00"}),
        ("expires_at", {"expires_at": "9999-12-31T23:59:59Z"}),
        ("days", {"days": 0}),
        ("days", {"days": 36501}),
        ("days", {"days": 7, "expires_at": None}),
        ("color", {"color": "red"}),
    ],
)
def test_what_cannot_be_is_refused_by_field(api, field, changes):
    assert field_of(ask(api, **changes)) == field
    assert ApiToken.objects.count() == 1


@pytest.mark.parametrize("scope", API_SCOPES)
def test_token_cannot_give_a_scope_that_it_lacks(user, scope):
    has = [each for each in API_SCOPES if each not in {scope, "tokens:write"}]
    answer = ask(maker(user, *has), scopes=[scope])
    if scope == "tokens:write":
        assert answer.status_code == 201
    else:
        assert field_of(answer) == "scopes"
        assert ApiToken.objects.count() == 1


def test_token_gives_what_it_has_and_is_named_as_the_maker(user):
    made = ask(maker(user, "reminders:read")).json()
    assert made["scopes"] == ["reminders:read"]
    assert made["made_by"] == ApiToken.objects.get(name="maker").pk


@pytest.mark.parametrize("expires_at", [None, "2090-01-01T00:00:00Z"])
def test_token_makes_none_that_outlives_it(user, expires_at):
    soon = timezone.now() + timedelta(days=3)
    client = maker(user, "reminders:read", expires_at=soon)
    assert field_of(ask(client, expires_at=expires_at)) == "expires_at"


def test_token_that_expires_soon_gives_its_own_time_when_nobody_says(user):
    soon = timezone.now() + timedelta(days=3)
    made = ask(maker(user, "reminders:read", expires_at=soon)).json()
    assert parse_datetime(made["expires_at"]) == soon


def test_token_revoked_since_it_asked_makes_none(user, now):
    by, _ = ApiToken.issue(user, "maker")
    ApiToken.objects.get().revoke(now)
    with pytest.raises(Exception, match="no longer valid"):
        tokens.make(user, "more", now, scopes=["me:read"], expires_at=None, creator=by)


def test_person_signed_in_makes_any(client, user):
    client.force_login(user)
    confirm(client, user)
    made = client.post(
        TOKENS, {"name": "all", "scopes": API_SCOPES}, content_type="application/json"
    )
    assert made.status_code == 201
    assert made.json()["made_by"] is None
    assert made.json()["scopes"] == API_SCOPES


def test_there_is_a_limit_of_valid_tokens(user, now, settings):
    settings.FOAM_QUOTAS = {**settings.FOAM_QUOTAS, "tokens": 2}
    first, _ = ApiToken.issue(user, "one")
    ApiToken.issue(user, "two")
    make = {"scopes": ["me:read"], "expires_at": None}
    with pytest.raises(Exception, match="2 valid tokens already"):
        tokens.make(user, "three", now, **make)
    first.revoke(now)
    tokens.make(user, "three", now, **make)


def test_token_can_be_renamed_and_nothing_else(api, user):
    token = ApiToken.objects.get()
    assert api.patch(f"{TOKENS}{token.pk}/", {"name": "desk"}).json()["name"] == "desk"
    for change in ({"scopes": ["me:read"]}, {"expires_at": None}, {"user": 1}):
        assert api.patch(f"{TOKENS}{token.pk}/", {"name": "x", **change}).status_code == 400
    token.refresh_from_db()
    assert token.name == "desk"


def test_deleting_revokes_and_keeps_the_row(api, user):
    made = ask(api).json()
    url = f"{TOKENS}{made['id']}/"
    assert api.delete(url).status_code == 204
    assert api.delete(url).status_code == 204
    assert api.get(url).json()["status"] == "revoked"
    header = {"Authorization": f"Bearer {made['secret']}"}
    assert APIClient().get("/api/v1/reminders/", headers=header).status_code == 401


def test_list_is_filtered_by_status(api, user):
    past = timezone.now() - timedelta(days=1)
    ApiToken.issue(user, "expired", expires_at=past)
    ApiToken.issue(user, "revoked", expires_at=past)[0].revoke(past)

    def names(status):
        return [each["name"] for each in api.get(f"{TOKENS}?status={status}").json()["results"]]

    assert names("valid") == ["test"]
    assert names("expired") == ["expired"]
    assert names("revoked") == ["revoked"]
    assert api.get(f"{TOKENS}?status=odd").status_code == 400


def test_stranger_sees_and_revokes_nothing(api, user, stranger_api):
    token = ApiToken.objects.get(user=user)
    assert token.pk not in [each["id"] for each in stranger_api.get(TOKENS).json()["results"]]
    assert stranger_api.delete(f"{TOKENS}{token.pk}/").status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None


def test_making_tokens_is_a_power_of_its_own(user):
    everything_else = [scope for scope in API_SCOPES if not scope.startswith("tokens:")]
    client = client_of(user, everything_else)
    assert client.get(TOKENS).status_code == 403
    assert ask(client).status_code == 403
