"""An address with an account takes as many hashes as one without, at each door."""

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from accounts.tests.sign_in.test_sign_in import ask, log_in, sign_up

pytestmark = pytest.mark.django_db
KNOWN, UNKNOWN = "ada@example.com", "nobody@example.com"


@pytest.fixture(autouse=True)
def _open(db, user, settings):
    cache.clear()
    settings.EMAIL_URL, settings.FOAM_SIGNUP = "smtp://mail.example.com", "open"


@pytest.fixture
def hash_count(monkeypatch):
    """Return a function that counts the hashes of passwords that a call computes."""
    calls = []
    encode = MD5PasswordHasher.encode

    def count_and_encode(hasher, *args, **kwargs):
        calls.append(1)
        return encode(hasher, *args, **kwargs)

    monkeypatch.setattr(MD5PasswordHasher, "encode", count_and_encode)

    def count(act, email):
        calls.clear()
        act(email)
        return len(calls)

    return count


DOORS = {
    "sign-up": lambda email: sign_up(Client(), email),
    "sign-up of a program": lambda email: ask(
        "auth/signup", {"email": email, "password": "correct horse"}
    ),
    "sign-in": lambda email: log_in(Client(), email, "wrong"),
    "sign-in of a program": lambda email: ask("auth/login", {"email": email, "password": "wrong"}),
    "reset": lambda email: Client().post("/account/password/reset/", {"email": email}),
    "reset of a program": lambda email: ask("auth/password/request", {"email": email}),
}
HASHES = {"reset": 0, "reset of a program": 0}


@pytest.mark.parametrize("door", DOORS)
def test_known_and_unknown_address_take_the_same_hashes(hash_count, door):
    counts = [hash_count(DOORS[door], email) for email in (KNOWN, UNKNOWN)]
    assert counts == [HASHES.get(door, 1)] * 2


def test_account_without_a_password_takes_a_hash_as_well(hash_count, user):
    user.set_unusable_password()
    user.save()
    assert hash_count(DOORS["sign-in"], KNOWN) == 1


def test_account_that_is_switched_off_takes_a_hash_as_well(hash_count, user):
    User.objects.update(is_active=False)
    assert hash_count(DOORS["sign-in"], KNOWN) == 1
