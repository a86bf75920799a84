"""Addresses of channels: the rule of accounts/email_addresses.py, for what is new."""

import pytest

from accounts.tests.test_email_addresses import REFUSED
from notifications.models import Channel


@pytest.mark.django_db
@pytest.mark.parametrize("address", REFUSED)
def test_channel_with_such_an_address_is_refused_at_its_field(api, address):
    fields = {"kind": "email", "name": "x", "address": address}
    answer = api.post("/api/v1/channels/", fields)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "address")


def test_stored_address_of_a_channel_stays_as_it_is_whatever_else_is_changed(api, user, now):
    old = Channel.objects.create(
        owner=user, kind="email", name="x", address="-old@" + "a" * 70, verified_at=now
    )
    answer = api.patch(f"/api/v1/channels/{old.pk}/", {"name": "Old"})
    assert (answer.status_code, answer.json()["name"]) == (200, "Old")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("host", "stored"),
    [("straße.example", "xn--strae-oqa.example"), ("xn--fa-hia.example", "xn--fa-hia.example")],
)
def test_webhook_leads_to_the_host_that_was_written(api, host, stored):
    fields = {"kind": "webhook", "name": "x", "address": f"https://{host}/hook"}
    assert api.post("/api/v1/channels/", fields).json()["address"] == f"https://{stored}/hook"


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["xn--i-7iq.example", "xn--a.example", "\u212aate.example"])
def test_webhook_to_a_host_that_is_none_is_refused_at_its_field(api, host):
    fields = {"kind": "webhook", "name": "x", "address": f"https://{host}/hook"}
    answer = api.post("/api/v1/channels/", fields)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "address")
