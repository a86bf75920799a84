"""Quotas of a user: checked where rows are stored, shown, and raised by staff."""

import pytest
from django.core.exceptions import ValidationError

from accounts import quotas, tokens
from accounts.models import Pause, QuotaUsage, UserQuota
from accounts.models import pause as pauses
from accounts.quota_list import QUOTAS

ME = "/api/v1/me/"


def lower(settings, **values):
    settings.FOAM_QUOTAS = {**settings.FOAM_QUOTAS, **values}


def test_limits_are_shown_with_their_use(api, user):
    limits = api.get(ME).json()["limits"]
    assert limits["tokens"] == {"used": 1, "limit": 50, "counts": "valid tokens"}
    assert set(limits) == {quota.name for quota in QUOTAS} - {"reminder_channels"}


def test_page_of_the_account_shows_them(client, user):
    client.force_login(user)
    assert "0 of 100,000 reminders that are not deleted" in client.get("/account/").content.decode()


def test_quota_of_feeds_and_tokens(user, now, settings):
    lower(settings, feeds=1)
    make = {"scopes": ["calendar:read"], "expires_at": None}
    tokens.make(user, "one", now, **make)
    with pytest.raises(ValidationError, match="quota feeds"):
        tokens.make(user, "two", now, **make)


def test_quota_of_pauses_counts_those_that_ended(user, now, settings):
    lower(settings, pauses=2)
    for tag in ("a", "b"):
        pauses.begin(Pause.Scope.TAG, now, owner=user, tag=tag)
    pauses.end(Pause.Scope.TAG, now, owner=user, tag="a")
    pauses.begin(Pause.Scope.TAG, now, owner=user, tag="b", reason="changed")
    with pytest.raises(ValidationError, match="quota pauses"):
        pauses.begin(Pause.Scope.TAG, now, owner=user, tag="c")


def test_staff_raise_a_quota_of_one_user(user, stranger, now, settings):
    lower(settings, pauses=0)
    UserQuota.objects.create(user=user, name="pauses", value=1)
    pauses.begin(Pause.Scope.USER, now, owner=user)
    with pytest.raises(ValidationError, match="0 stored pauses"):
        pauses.begin(Pause.Scope.USER, now, owner=stranger)


def test_staff_raise_it_in_the_admin(client, staff, user, settings):
    settings.FOAM_STAFF_SECOND_FACTOR = False
    client.force_login(staff)
    fields = {"user": user.pk, "name": "reminders", "value": 7}
    answer = client.post("/admin/accounts/userquota/add/", fields)
    assert answer.status_code == 302, answer.context["errors"]
    assert quotas.limit_of(user.pk, "reminders") == 7


def test_exact_use_replaces_a_counter_that_has_grown_too_far(user, settings):
    lower(settings, reminders=10)
    QuotaUsage.objects.create(user=user, reminders=10)
    assert quotas.take(user.pk, [{"reminders": 1}]) == [None]
    assert QuotaUsage.objects.get().reminders == 1
