"""A calendar at a secret address: who gets it, what it holds, and that it stands in no log."""

import logging
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from django.db import IntegrityError
from django.utils import timezone
from ical.calendar_stream import IcsCalendarStream
from icalendar import Calendar
from rest_framework.test import APIClient

from accounts.models import ApiToken, Scope
from conftest import client_of
from reminders.exchange.feed import views
from reminders.models import Plan, Reminder

pytestmark = pytest.mark.django_db


@pytest.fixture
def secret(user) -> str:
    return ApiToken.issue(user, "Phone", scopes=[Scope.CALENDAR_READ])[1]


def path(secret: str, query: str = "") -> str:
    return f"/calendar/{secret}.ics{query}"


def text_of(response) -> str:
    return response.getvalue().decode()


def summaries(response) -> list[str]:
    events = Calendar.from_ical(text_of(response)).walk("VEVENT")
    return [str(event["SUMMARY"]) for event in events]


@pytest.fixture
def weekly(make_reminder) -> Reminder:
    return make_reminder(starts_at=datetime(2030, 1, 7, 9), recurrence="FREQ=WEEKLY", tags=["work"])


def test_feed_is_a_calendar_for_two_libraries(client, secret, weekly):
    response = client.get(path(secret))
    assert response.status_code == 200
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    text = text_of(response)
    assert [str(each["UID"]) for each in Calendar.from_ical(text).walk("VEVENT")] == [
        f"reminder-{weekly.pk}@127.0.0.1"
    ]
    (found,) = IcsCalendarStream.from_ics(text).calendars
    assert [event.summary for event in found.events] == ["Stand-up"]


def test_feed_says_how_it_is_called_and_how_often_to_ask(client, secret, weekly):
    lines = text_of(client.get(path(secret))).split("\r\n")
    for line in (
        "X-WR-CALNAME:Phone",
        "X-WR-TIMEZONE:UTC",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
        "COLOR:teal",
    ):
        assert line in lines


def test_feed_goes_nowhere_else(client, secret):
    response = client.get(path(secret))
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["Cache-Control"].startswith("private")
    assert response["Content-Disposition"] == 'inline; filename="foam.ics"'
    assert not response.cookies


def test_feed_holds_what_is_the_users_own_and_kept(client, secret, weekly, make_reminder, stranger):
    weekly.close(timezone.now())
    make_reminder(title="Mine", starts_at=datetime(2030, 1, 1))
    foreign = Reminder(
        owner=stranger, title="Theirs", starts_at=datetime(2030, 1, 1), timezone="UTC"
    )
    foreign.store(timezone.now())
    assert summaries(client.get(path(secret))) == ["Mine"]


def test_feed_of_a_tag_holds_no_other(client, secret, weekly, make_reminder):
    make_reminder(title="Home", starts_at=datetime(2030, 1, 1), tags=["home"])
    assert summaries(client.get(path(secret, "?tag=home"))) == ["Home"]


def test_alarms_are_there_when_asked_for(client, secret, weekly):
    assert "BEGIN:VALARM" not in text_of(client.get(path(secret)))
    assert "BEGIN:VALARM" in text_of(client.get(path(secret, "?alarms=true")))


def test_feed_that_has_not_changed_is_not_sent_again(client, secret, weekly):
    etag = client.get(path(secret))["ETag"]
    again = client.get(path(secret), headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == etag


@pytest.mark.parametrize("change", ["edit", "pause", "skip", "delete", "create"])
def test_whatever_changes_sends_it_again(client, secret, weekly, make_reminder, change):
    etag, now = client.get(path(secret))["ETag"], timezone.now()
    if change == "edit":
        weekly.title = "Other"
        weekly.store(now)
    elif change == "pause":
        weekly.pause(now)
    elif change == "skip":
        weekly.skip(now)
    elif change == "delete":
        weekly.close(now)
    else:
        make_reminder(starts_at=datetime(2030, 1, 1))
    again = client.get(path(secret), headers={"If-None-Match": etag})
    assert again.status_code == 200


def test_skipped_occurrence_is_not_in_the_feed(client, secret, weekly):
    weekly.skip(timezone.now())
    assert "DTSTART:20300114T090000Z" in text_of(client.get(path(secret)))


def test_head_has_the_headers_alone(client, secret, weekly):
    response = client.head(path(secret))
    assert (response.status_code, response.getvalue()) == (200, b"")
    assert response["ETag"] == client.get(path(secret))["ETag"]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_feed_is_only_read(client, secret, method):
    assert getattr(client, method)(path(secret)).status_code == 405


def unknown(user) -> str:
    return f"foam_{'x' * 43}"


def expired(user) -> str:
    past = timezone.now() - timedelta(seconds=1)
    return ApiToken.issue(user, "x", scopes=[Scope.CALENDAR_READ], expires_at=past)[1]


def revoked(user) -> str:
    token, secret = ApiToken.issue(user, "x", scopes=[Scope.CALENDAR_READ])
    token.revoke(timezone.now())
    return secret


def of_who_left(user) -> str:
    secret = ApiToken.issue(user, "x", scopes=[Scope.CALENDAR_READ])[1]
    user.is_active = False
    user.save()
    return secret


def for_a_header(user) -> str:
    return ApiToken.issue(user, "x")[1]


def for_reading_reminders(user) -> str:
    return ApiToken.issue(user, "x", scopes=[Scope.REMINDERS_READ])[1]


@pytest.mark.parametrize(
    "secret_of", [unknown, expired, revoked, of_who_left, for_a_header, for_reading_reminders]
)
def test_any_other_address_answers_as_if_there_were_nothing(client, user, secret_of):
    response, nothing = (
        client.get(address, headers={"X-Request-ID": "test"})
        for address in (path(secret_of(user)), "/calendar/nothing.ics")
    )
    assert response.status_code == 404
    assert response.json() == nothing.json()


@pytest.mark.parametrize("where", ["/api/v1/reminders/", "/api/v1/me/", "/api/v1/channels/"])
def test_secret_of_a_feed_is_good_for_nothing_else(secret, where):
    program = APIClient()
    program.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert program.get(where).status_code == 401


def test_scope_of_a_feed_stands_alone(user):
    with pytest.raises(IntegrityError):
        ApiToken.issue(user, "x", scopes=[Scope.CALENDAR_READ, Scope.REMINDERS_READ])


def test_token_for_all_has_not_the_scope_of_a_feed(user):
    assert Scope.CALENDAR_READ not in ApiToken.issue(user, "x")[0].scopes


def test_use_of_a_feed_is_noted(client, secret):
    client.get(path(secret))
    assert ApiToken.objects.get(name="Phone").last_used_at is not None


def test_address_is_made_once_and_works(api, client, weekly):
    answer = api.post("/api/v1/reminders/feed/", {"name": "Work", "tag": "work"})
    assert answer.status_code == 201
    made = answer.json()
    assert made["webcal"] == made["url"].replace("http://", "webcal://")
    parts = urlsplit(made["url"])
    assert summaries(client.get(f"{parts.path}?{parts.query}")) == ["Stand-up"]
    token = ApiToken.objects.get(pk=made["token"])
    assert (token.name, token.scopes) == ("Work", [Scope.CALENDAR_READ])
    token.revoke(timezone.now())
    assert client.get(parts.path).status_code == 404


def test_reading_alone_makes_no_address(user):
    reader = client_of(user, [Scope.REMINDERS_READ])
    assert reader.post("/api/v1/reminders/feed/", {}).status_code == 403


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"nmae": "x"}, "nmae"),
        ({"name": ""}, "name"),
    ],
)
def test_bad_wish_is_refused_by_field(api, asked, field):
    answer = api.post("/api/v1/reminders/feed/", asked)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert not ApiToken.objects.filter(scopes=[Scope.CALENDAR_READ]).exists()


def test_number_of_queries_does_not_grow(
    client, secret, weekly, make_reminder, django_assert_num_queries
):
    for _ in range(30):
        make_reminder(starts_at=datetime(2030, 1, 1), tags=["x"])
    client.get(path(secret))
    with django_assert_num_queries(5):
        assert len(summaries(client.get(path(secret)))) == 31


@pytest.mark.parametrize("secret_", ["known", "unknown"])
def test_address_is_in_no_log(client, secret, weekly, caplog, secret_):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "django.request")
    asked = secret if secret_ == "known" else f"foam_{'x' * 43}"
    client.get(path(asked)).getvalue()
    assert asked not in caplog.text


def test_feed_that_breaks_off_has_no_end_and_tells_no_address(client, secret, monkeypatch, caplog):
    def broken(*args, **kwargs):
        yield "BEGIN:VCALENDAR\r\n"
        raise RuntimeError("disk")

    monkeypatch.setattr(views, "write", broken)
    text = text_of(client.get(path(secret)))
    assert "END:VCALENDAR" not in text
    assert "broke off" in caplog.text
    assert secret not in caplog.text


def test_bug_in_the_view_tells_no_address(client, secret, monkeypatch, caplog):
    def broken(*args):
        raise RuntimeError("bug")

    monkeypatch.setattr(views, "shown_in_feed", broken)
    client.raise_request_exception = False
    assert client.get(path(secret)).status_code == 500
    assert "/calendar/[secret]" in caplog.text
    assert secret not in caplog.text


def test_what_is_long_over_is_left_out(client, secret, make_reminder):
    now = timezone.now()
    for title, days in (("Lately", 10), ("Long ago", 100)):
        reminder = make_reminder(title=title, starts_at=datetime(2030, 1, 1))
        Plan.objects.filter(pk=reminder.pk).update(
            status="finished",
            next_fire_at=None,
            next_due_at=None,
            fired_due_at=now - timedelta(days=days),
        )
    assert summaries(client.get(path(secret))) == ["Lately"]


def test_enumerated_day_is_part_of_the_tag(secret, user, weekly):
    token = ApiToken.objects.get(name="Phone")
    reminders = views.shown_in_feed(user, "", timezone.now())
    today = datetime(2026, 11, 23, 12, tzinfo=UTC)
    tags = {
        views._etag(reminders, token, "", moment, alarms=False)
        for moment in (today, today + timedelta(hours=1), today + timedelta(days=1))
    }
    assert len(tags) == 2


@pytest.mark.system
def test_ten_thousand_reminders_are_read_over_http_by_two_libraries(user, secret, live_server):
    now = timezone.now()
    Reminder.objects.bulk_create(
        Reminder(
            owner=user,
            title=f"Number {n}",
            starts_at=datetime(2030, 1, 1, n % 24, n % 60),
            timezone=("Europe/Berlin", "America/New_York", "UTC")[n % 3],
            recurrence=("", "FREQ=WEEKLY", "FREQ=MONTHLY;BYDAY=-1FR", "0 9 * * 1-5")[n % 4],
            next_fire_at=now,
            next_due_at=now,
        )
        for n in range(10_000)
    )
    begin = time.process_time()
    with urlopen(f"{live_server.url}{path(secret)}") as response:
        text = response.read().decode()
    assert time.process_time() - begin < 10
    assert text.count("BEGIN:VEVENT") == 10_000
    few = text[: text.index("UID:", 20_000)].rpartition("BEGIN:VEVENT")[0] + "END:VCALENDAR\r\n"
    (found,) = IcsCalendarStream.from_ics(few).calendars
    assert len(found.events) == len(Calendar.from_ical(few).walk("VEVENT")) > 10
