"""Quiet hours, digests and the flood guard through the API and the admin."""

from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine

from notifications.models import Channel, Delivery
from notifications.models.delivery import EPOCH
from notifications.outbox.round import deliver_due
from notifications.tests.outbox.test_hold_rules import NIGHT, held, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

HOUR = timedelta(hours=1)


@pytest.fixture
def channel(user):
    channel = Channel(
        owner=user,
        kind="webhook",
        name="Hook",
        address="http://127.0.0.1:9/hook",
        verified_at=EPOCH,
    )
    channel.store()
    return channel


@pytest.fixture
def clock():
    with time_machine.travel(NIGHT, tick=False):
        yield


@pytest.mark.parametrize(
    "fields",
    [
        {"digest_every": "PT4H", "digest_at": None, "flood_limit": 5},
        {"digest_every": None, "digest_at": "08:00:00", "flood_limit": 0},
    ],
)
def test_channel_says_when_it_sends_digests_and_how_much_it_takes(api, channel, fields):
    answer = api.patch(f"/api/v1/channels/{channel.pk}/", fields)
    assert answer.status_code == 200
    assert answer.json().items() >= fields.items()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"digest_every": "PT4H", "digest_at": "08:00"}, "digest_every"),
        ({"digest_every": "PT14M"}, "digest_every"),
        ({"digest_every": "P1DT1S"}, "digest_every"),
        ({"digest_every": "-PT1H"}, "digest_every"),
        ({"digest_every": "PT0S"}, "digest_every"),
        ({"digest_every": 900}, "digest_every"),
        ({"digest_at": "24:00"}, "digest_at"),
        ({"flood_limit": -1}, "flood_limit"),
        ({"flood_limit": 10**12}, "flood_limit"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_field(api, channel, fields, field):
    answer = api.patch(f"/api/v1/channels/{channel.pk}/", fields)
    assert answer.status_code == 400
    assert {each["field"] for each in answer.json()["errors"]} == {field}
    channel.refresh_from_db()
    assert (channel.digest_every, channel.digest_at, channel.flood_limit) == (None, None, None)


@pytest.mark.usefixtures("clock")
def test_who_switches_the_digest_off_gets_what_waits_at_once(api, channel):
    api.patch(f"/api/v1/channels/{channel.pk}/", {"digest_every": "PT4H"})
    deliveries = post(channel, 2)
    assert held(deliveries) == [("digest", NIGHT + HOUR)] * 2
    api.patch(f"/api/v1/channels/{channel.pk}/", {"digest_every": None})
    assert held(deliveries) == [(None, NIGHT)] * 2


@pytest.mark.usefixtures("clock")
def test_who_ends_quiet_hours_gets_what_they_held(api, channel):
    api.patch("/api/v1/me/", {"quiet_from": "22:00", "quiet_until": "07:00"})
    deliveries = post(channel)
    assert held(deliveries)[0][0] == "quiet"
    api.patch("/api/v1/me/", {"quiet_from": None, "quiet_until": None})
    assert held(deliveries) == [(None, NIGHT)]


@pytest.mark.usefixtures("clock")
def test_staff_who_end_a_users_quiet_hours_release_what_they_held(client, staff, user, channel):
    user.quiet_from, user.quiet_until = time(22), time(7)
    user.save()
    deliveries = post(channel)
    client.force_login(staff)
    fields = {"username": "ada", "email": "ada@example.com", "timezone": "UTC", "is_active": "on"}
    joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    quiet = {"quiet_from": "22:00", "quiet_until": ""}
    page = f"/admin/accounts/user/{user.pk}/change/"
    answer = client.post(page, {**fields, **joined, **quiet})
    assert "Give the end as well" in answer.content.decode()
    assert client.post(page, {**fields, **joined, "quiet_from": ""}).status_code == 302
    assert held(deliveries) == [(None, NIGHT)]


def test_deliveries_are_found_by_what_holds_them_and_by_their_digest(api, channel, recorder):
    Channel.objects.update(digest_every=HOUR)
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    ids = {each.pk for each in post(channel, 2, at=at)}

    def found(query):
        return {each["id"] for each in api.get(f"/api/v1/deliveries/?{query}").json()["results"]}

    assert found("held=digest") == ids
    deliver_due(at + HOUR)
    digest = Delivery.objects.get(reference__startswith="digest:").pk
    assert found(f"digest={digest}") == ids
    assert found("status=collected") == ids
    assert api.get(f"/api/v1/deliveries/{min(ids)}/").json()["digest"] == digest


@pytest.mark.parametrize(
    "query", ["held=loud", "digest=x", "digest=99999999999999999999999", "urgent=perhaps"]
)
def test_filter_that_cannot_be_is_no_error_of_ours(api, query):
    assert api.get(f"/api/v1/deliveries/?{query}").status_code in (200, 400)


def test_staff_see_how_many_the_flood_guard_held(client, staff, user):
    mail = Channel.objects.create(
        owner=user, kind="email", name="M", address="a@example.com", verified_at=EPOCH
    )
    Channel.objects.filter(pk=mail.pk).update(flood_limit=2)
    with time_machine.travel(NIGHT, tick=False):
        post(mail, 5)
        client.force_login(staff)
        page = client.get(f"/admin/notifications/channel/{mail.pk}/change/").content.decode()
    assert "2 an hour; within a day 3 beyond that were held for a digest" in page
