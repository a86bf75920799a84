"""Domains by IDNA 2008, and e-mail addresses that mail servers take: for channels and accounts."""

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from accounts.email_addresses import BadAddress, clean_email, domain_to_ascii
from accounts.models import User


@pytest.mark.parametrize(
    ("domain", "encoded"),
    [
        ("example.com", "example.com"),
        ("Example.COM", "example.com"),
        ("straße.example", "xn--strae-oqa.example"),
        ("STRAßE.example", "xn--strae-oqa.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("strasse.example", "strasse.example"),
        ("βόλος.example", "xn--nxasmm1c.example"),
        ("βόλοσ.example", "xn--nxasmq6b.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("BÜCHER.Example", "xn--bcher-kva.example"),
        ("क्\u200dष.example", "xn--11b2ezcw70k.example"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("bücher\uff0eexample\uff61com", "xn--bcher-kva.example.com"),
        ("xn--fa-hia.example", "xn--fa-hia.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
    ],
)
def test_domain_is_encoded_by_idna_2008(domain, encoded):
    assert domain_to_ascii(domain) == encoded
    assert domain_to_ascii(encoded) == encoded


@pytest.mark.parametrize(
    "domain",
    [
        "\u212aate.example",  # the Kelvin sign
        "ſtrasse.example",  # a long s
        "ｂücher.example",
        "ﬁsch.example",
        "ⓔxample.com",
        "１２７.０.０.１",
        "❤.example",
        "i❤.example",
        "xn--i-7iq.example",
        "xn--a.example",
        "xn--strasse-.example",
        "xn--.example",
        "a\u200db.example",
        "\u200dbücher.example",
        "a\u00adb.example",
        "ä-.example",
        "-ä.example",
        "ä" * 60 + ".example",
        "ä." * 130 + "example",
    ],
)
def test_domain_that_is_none_or_looks_like_another_is_refused(domain):
    with pytest.raises(BadAddress):
        domain_to_ascii(domain)


REFUSED = [
    "\u212aate@example.com",
    "jörg@example.com",
    "ﬁ@example.com",
    "-dash@example.com",
    "a" * 65 + "@example.com",
    '"a b"@example.com',
    '"a"@example.com',
    ".a@example.com",
    "a.@example.com",
    "a..b@example.com",
    "a(b)@example.com",
    "a,b@example.com",
    "<a@example.com>",
    "a\tb@example.com",
    "a\x7f@example.com",
    "a\u200b@example.com",
    "a@localhost",
    "a@LOCALHOST",
    "a@example.com.",
    "a@.example.com",
    "a@example_.com",
    "a@-example.com",
    "a@1.2.3.4",
    "a@[127.0.0.1]",
    "a@b@example.com",
    "a@\u212aate.example",
    "a@" + "b" * 64 + ".com",
    "a" * 64 + "@" + "b" * 63 + "." + "c" * 63 + "." + "d" * 63 + ".com",
]
TAKEN = [
    ("ada@example.com", "ada@example.com"),
    ("Ada.L+foam@Example.COM", "Ada.L+foam@example.com"),
    ("o'hara_!#$%&*=?^`{|}~-@example.com", "o'hara_!#$%&*=?^`{|}~-@example.com"),
    ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),
    ("ada@straße.example", "ada@xn--strae-oqa.example"),
    ("ada@例え。テスト", "ada@xn--r8jz45g.xn--zckzah"),
]


@pytest.mark.parametrize(("address", "stored"), TAKEN)
def test_address_keeps_its_local_part_and_gets_a_domain_in_ascii(address, stored):
    assert clean_email(address) == stored


@pytest.mark.parametrize("address", REFUSED)
def test_address_that_mail_servers_refuse_or_misread_is_refused(address):
    with pytest.raises(BadAddress):
        clean_email(address)


@pytest.mark.parametrize("address", ["jörg@example.com", "a@localhost", "\u212aate@example.com"])
def test_account_with_such_an_address_is_refused_at_its_field(user, now, address):
    user.email = address
    with pytest.raises(ValidationError) as refusal:
        user.store(now)
    assert list(refusal.value.message_dict) == ["email"]


def test_account_gets_a_domain_in_ascii(user, now):
    user.email = "ada@straße.example"
    user.store(now)
    assert User.objects.get(pk=user.pk).email == "ada@xn--strae-oqa.example"


@pytest.mark.django_db
def test_superuser_with_such_an_address_is_refused():
    with pytest.raises(CommandError):
        call_command(
            "createsuperuser", interactive=False, username="root", email="\u212aate@example.com"
        )
    assert not User.objects.filter(username="root").exists()


@pytest.mark.django_db
def test_sign_up_with_such_an_address_is_refused(client, settings):
    settings.FOAM_SIGNUP, settings.EMAIL_URL = "open", "smtp://127.0.0.1:9"
    data = {"email": "\u212aate@example.com", "username": "kate", "password1": "enigma-1843"}
    html = client.post("/account/signup/", {**data, "password2": "enigma-1843"}).content.decode()
    assert "Before the @ only letters of ASCII" in html
    assert not User.objects.filter(username="kate").exists()


def test_stored_address_of_an_account_stays_as_it_is_whatever_else_is_changed(user, now):
    User.objects.filter(pk=user.pk).update(email="jörg@example.com")
    user.refresh_from_db()
    user.timezone = "Europe/Berlin"
    user.store(now)
