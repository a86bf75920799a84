"""Sessions that nobody uses end, those of staff sooner, and what has ended is pruned."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.test import Client

from accounts.account_data.retention import prune_accounts
from accounts.models import User
from accounts.tests.sign_in.test_sign_in import PASSWORD, ask, log_in, sign_up

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh(db, settings, time_machine, now):
    cache.clear()
    settings.EMAIL_URL, settings.FOAM_SIGNUP = "smtp://mail.example.com", "open"
    time_machine.move_to(now)


def is_signed_in(client):
    return client.get("/account/").status_code == 200


def test_session_of_a_person_ends_after_a_week_without_use(client, user, now, time_machine):
    log_in(client)
    time_machine.move_to(now + timedelta(days=6))
    assert is_signed_in(client)
    time_machine.move_to(now + timedelta(days=13, hours=1))
    assert not is_signed_in(client)


def test_session_of_staff_ends_after_an_hour_without_use(client, staff, now, time_machine):
    log_in(client, staff.email)
    for minutes in (50, 100, 150):
        time_machine.move_to(now + timedelta(minutes=minutes))
        assert is_signed_in(client)
    time_machine.move_to(now + timedelta(minutes=211))
    assert not is_signed_in(client)


def test_session_ends_two_weeks_after_its_begin_however_it_is_used(client, user, now, time_machine):
    log_in(client)
    for days in (6, 12):
        time_machine.move_to(now + timedelta(days=days))
        assert is_signed_in(client)
    time_machine.move_to(now + timedelta(days=14, minutes=1))
    assert not is_signed_in(client)


def test_session_of_a_program_ends_alike(user, now, time_machine):
    _, answer = ask("auth/login", {"email": "ada@example.com", "password": PASSWORD})
    token = answer["meta"]["session_token"]
    headers = {"HTTP_X_SESSION_TOKEN": token}
    time_machine.move_to(now + timedelta(days=6))
    assert Client().get("/api/v1/me/", **headers).status_code == 200
    time_machine.move_to(now + timedelta(days=13, hours=1))
    assert Client().get("/api/v1/me/", **headers).status_code == 401
    assert ask("auth/session", token=token, method="get")[0] in {401, 410}


def test_use_is_written_once_a_minute(client, user, now, time_machine, django_assert_num_queries):
    log_in(client)
    client.get("/api/v1/")
    # The session and its user are read, and nothing is written.
    with django_assert_num_queries(2):
        client.get("/api/v1/")


def test_sessions_that_ended_are_pruned_with_their_addresses(client, user, now, time_machine):
    log_in(client)
    later = now + timedelta(days=30)
    time_machine.move_to(later)
    other = Client()
    log_in(other)
    time_machine.move_to(later + timedelta(hours=2))
    prune_accounts(later + timedelta(hours=2), now)
    assert (Session.objects.count(), UserSession.objects.count()) == (1, 1)
    assert is_signed_in(other)


def test_session_that_nobody_could_use_any_more_is_pruned_with_its_row(client, user, now):
    log_in(client)
    Session.objects.all().delete()
    prune_accounts(now + timedelta(hours=2), now)
    assert not UserSession.objects.exists()


def test_sign_up_that_was_not_confirmed_is_pruned(user, now, time_machine):
    sign_up(Client(), "new@example.com")
    assert User.objects.count() == 2
    prune_accounts(now + timedelta(days=6), now)
    assert User.objects.count() == 2
    prune_accounts(now + timedelta(days=8), now)
    assert list(User.objects.values_list("email", flat=True)) == ["ada@example.com"]


def test_address_that_was_not_confirmed_is_pruned(user, now):
    EmailAddress.objects.create(user=user, email="other@example.com")
    prune_accounts(now + timedelta(days=8), now)
    assert EmailAddress.objects.get().email == "ada@example.com"


def test_failed_sign_ins_and_used_codes_are_pruned(now):
    for number in range(30):
        cache.set(str(number), 1, 60)
    prune_accounts(now + timedelta(hours=1), now)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_cache")
        assert cursor.fetchone() == (0,)
