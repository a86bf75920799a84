"""Durations are read in one way by every face, and digits are 0 to 9 in all of them."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.durations import DurationError, iso_duration, read_duration
from accounts.models.duration_fields import DurationFormField, DurationRange

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("PT5M", timedelta(minutes=5)),
        ("PT0S", timedelta(0)),
        ("P1D", DAY),
        ("PT24H", DAY),
        ("P1W", 7 * DAY),
        ("P1W1DT1H1M1S", 8 * DAY + timedelta(seconds=3661)),
        ("PT90M", timedelta(minutes=90)),
        ("-PT5M", -timedelta(minutes=5)),
    ],
)
def test_duration_is_read(text, length):
    assert read_duration(text) == length


REFUSED = (
    *("", "P", "PT", "P1DT", "P1", "5", "1D", "P1Y", "P1M", "PT1.5S", "PT1,5S", "P0.5D"),
    *("PT５M", "PT٥M", "p1d", "P1D ", " P1D", "P1DT-9H", "PT-5M", "PT5M5H", "P1D1W", "P1H"),
    *("P9999999999D", "P999999999W", "+P1D", "--P1D"),
)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_duration_is_refused_with_an_example(text):
    with pytest.raises(DurationError, match="PT5M, PT1H30M, P1D or P1W"):
        read_duration(text)


@pytest.mark.parametrize("length", [timedelta(0), DAY, 9 * DAY + timedelta(seconds=1)])
def test_written_duration_is_read_back(length):
    assert read_duration(iso_duration(length)) == length


@pytest.mark.parametrize(
    ("text", "length"),
    [("PT15M", 900), ("00:15:00", 900), ("1 00:00:00", 86_400), ("0", 0), (" P1W ", 604_800)],
)
def test_form_reads_iso_and_what_django_writes(text, length):
    assert DurationFormField().clean(text) == timedelta(seconds=length)


@pytest.mark.parametrize("text", ["5", "1:30", "1 day", "15 min", "PT1.5S", "0:61:00", "٠٠:١٥:٠٠"])
def test_form_refuses_what_may_mean_two_things(text):
    with pytest.raises(ValidationError, match="PT5M"):
        DurationFormField().clean(text)


def test_form_shows_iso():
    assert DurationFormField().prepare_value(DAY) == "P1D"


def test_range_is_told_as_durations_are_written():
    with pytest.raises(ValidationError, match="Give a duration from PT0S to P366D"):
        DurationRange(timedelta(0), 366 * DAY)(367 * DAY)


URL = "/api/v1/reminders/"
PARTY = {"title": "Party", "starts_at": "2030-01-07T18:00:00", "timezone": "Europe/Berlin"}


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["grace", "nag_every", "escalate_after"])
@pytest.mark.parametrize("text", ["P", "PT", "P1DT", "PT1.5S", "PT５M", "00:05:00", 300])
def test_api_refuses_what_is_no_duration(api, name, text):
    (error,) = api.post(URL, {**PARTY, name: text}).json()["errors"]
    assert error["field"] == name
    assert "digits 0 to 9" in error["detail"] or "PT5M" in error["detail"]


@pytest.mark.django_db
@pytest.mark.parametrize("leads", [["P"], ["P1DT"], ["PT1.5S"], ["PT５M"], ["1 00:00:00"]])
def test_api_refuses_what_is_no_lead(api, leads):
    errors = api.post(URL, {**PARTY, "leads": leads}).json()["errors"]
    assert {error["field"].partition(".")[0] for error in errors} == {"leads"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"grace": "P999999999D"}, "Give a duration from PT0S to P366D."),
        ({"grace": "P367D"}, "Give a duration from PT0S to P366D."),
        ({"grace": "-PT1S"}, "Give a duration from PT0S to P366D."),
        ({"nag_every": "PT1S"}, "Give a duration from PT1M to P30D."),
    ],
)
def test_api_says_which_durations_are_allowed(api, fields, message):
    (error,) = api.post(URL, {**PARTY, **fields}).json()["errors"]
    assert error == {"field": next(iter(fields)), "code": "range", "detail": message}


@pytest.mark.django_db
def test_api_takes_weeks(api):
    assert api.post(URL, {**PARTY, "grace": "P1W"}).json()["grace"] == "P7D"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"starts_at": "２０30-01-07T18:00:00"}, "starts_at"),
        ({"starts_at": "٢٠٣٠-٠١-٠٧T١٨:٠٠:٠٠"}, "starts_at"),
        ({"exdates": ["２030-01-07T18:00:00"]}, "exdates"),
        ({"rdates": ["２030-01-07T18:00:00"]}, "rdates"),
    ],
)
def test_api_refuses_digits_of_other_scripts(api, fields, name):
    (error,) = api.post(URL, {**PARTY, **fields}).json()["errors"]
    assert error["field"] == name
    assert "digits 0 to 9" in error["detail"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "body", "name"),
    [
        ("/api/v1/me/", {"quiet_from": "２２:00", "quiet_until": "07:00"}, "quiet_from"),
        ("/api/v1/reminders/preview/", {**PARTY, "after": "２030-01-01T00:00:00Z"}, "after"),
    ],
)
def test_other_addresses_refuse_them_too(api, url, body, name):
    send = api.patch if url.endswith("me/") else api.post
    assert name in {error["field"] for error in send(url, body).json()["errors"]}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query", ["due_after=２026-11-23T17:00:00Z", "updated_since=٢026-11-23T17:00:00Z"]
)
def test_filters_refuse_them_too(api, query):
    assert api.get(f"{URL}?{query}").status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize(
    "option",
    [{"length": "PT1.5H"}, {"length": "P"}, {"length": "٣d"}, {"until": "２027-01-01T00:00:00Z"}],
)
def test_command_refuses_them_too(user, option):
    with pytest.raises(CommandError, match=r"--(for|until): give"):
        call_command("pause", user=user.username, **option)


@pytest.mark.django_db
def test_page_of_an_account_refuses_them_too(client, user):
    client.force_login(user)
    form = {"timezone": "UTC", "quiet_from": "２２:00", "quiet_until": "07:00"}
    page = client.post(reverse("account_home"), form).content.decode()
    assert "digits 0 to 9" in page
    user.refresh_from_db()
    assert user.quiet_from is None
