from datetime import UTC, datetime, time, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accounts.models import User
from accounts.quiet_hours import SATURDAY, Quiet, quiet_until
from accounts.timezones import zone

MINUTE = timedelta(minutes=1)
NIGHTS = Quiet("Europe/Berlin", time(22), time(7), False)


def berlin(text):
    return datetime.fromisoformat(text).replace(tzinfo=zone("Europe/Berlin"))


@pytest.mark.parametrize(
    ("asked", "end"),
    [
        ("2026-11-23T21:59:59", None),
        ("2026-11-23T22:00:00", "2026-11-24T07:00:00"),
        ("2026-11-24T00:00:00", "2026-11-24T07:00:00"),
        ("2026-11-24T06:59:59.999999", "2026-11-24T07:00:00"),
        ("2026-11-24T07:00:00", None),
    ],
)
def test_night_lasts_over_midnight(asked, end):
    assert quiet_until(NIGHTS, berlin(asked)) == (end and berlin(end))


def test_hours_of_one_day_are_quiet_within_it():
    siesta = NIGHTS._replace(quiet_from=time(13), quiet_until=time(15))
    assert quiet_until(siesta, berlin("2026-11-23T14:00:00")) == berlin("2026-11-23T15:00:00")
    assert quiet_until(siesta, berlin("2026-11-23T22:00:00")) is None


def test_weekend_and_the_nights_beside_it_are_one_stretch():
    hours = NIGHTS._replace(quiet_weekends=True)
    friday, monday = berlin("2026-11-20T22:00:00"), berlin("2026-11-23T07:00:00")
    assert quiet_until(hours, friday) == monday
    assert quiet_until(hours, monday) is None


def test_weekends_alone_end_at_midnight():
    hours = Quiet("Europe/Berlin", None, None, True)
    assert quiet_until(hours, berlin("2026-11-21T12:00:00")) == berlin("2026-11-23T00:00:00")
    assert quiet_until(hours, berlin("2026-11-20T23:59:00")) is None


def test_end_that_the_clock_skips_is_when_it_is_set():
    hours = NIGHTS._replace(quiet_until=time(2, 30))
    begin = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
    assert quiet_until(hours, begin) == datetime(2027, 3, 28, 1, 0, tzinfo=UTC)


def test_night_of_an_hour_more_ends_by_the_clock():
    assert quiet_until(NIGHTS, berlin("2026-10-24T22:00:00")) == berlin("2026-10-25T07:00:00")
    assert berlin("2026-10-25T07:00:00").astimezone(UTC).hour == 6


# With gaps and folds of an hour, of half an hour, at midnight, and one of a whole day (Samoa 2011).
TURNS = {
    "Europe/Berlin": ("2027-03-28", "2026-10-25"),
    "Australia/Lord_Howe": ("2026-10-04", "2027-04-04"),
    "America/Sao_Paulo": ("2018-11-04", "2018-02-18"),
    "Pacific/Apia": ("2011-12-30", "2012-04-01"),
    "Africa/Casablanca": ("2026-02-15", "2026-03-22"),
    "UTC": ("2026-11-23",),
}
NEAR_TURNS = st.sampled_from([(name, day) for name, days in TURNS.items() for day in days])
TIMES = st.integers(0, 95).map(lambda quarter: time(quarter // 4, quarter % 4 * 15))
HOURS = st.none() | st.lists(TIMES, min_size=2, max_size=2, unique=True)


def is_quiet(hours, instant):
    """The definition, read off the clock on the wall."""
    wall = instant.astimezone(zone(hours.timezone))
    if hours.quiet_weekends and wall.weekday() >= SATURDAY:
        return True
    begin, end, now = hours.quiet_from, hours.quiet_until, wall.time()
    if begin is None:
        return False
    return begin <= now < end if begin < end else now >= begin or now < end


@settings(max_examples=150, deadline=None)
@given(NEAR_TURNS, HOURS, st.booleans(), st.integers(-3 * 1440, 3 * 1440))
@example(("Pacific/Apia", "2011-12-30"), [time(22), time(7)], True, 0)
def test_end_is_the_first_minute_that_is_not_quiet(near, hours, weekends, minutes):
    name, day = near
    quiet = Quiet(name, *(hours or (None, None)), weekends)
    begin = datetime.fromisoformat(f"{day}T00:00+00:00") + minutes * MINUTE
    at = begin
    while is_quiet(quiet, at):
        at += MINUTE
    assert quiet_until(quiet, begin) == (at if at > begin else None)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("hours", "field"),
    [
        ({"quiet_from": "22:00"}, "quiet_until"),
        ({"quiet_until": "07:00"}, "quiet_from"),
        ({"quiet_from": "07:00", "quiet_until": "07:00"}, "quiet_until"),
        ({"quiet_from": "25:00", "quiet_until": "07:00"}, "quiet_from"),
        ({"quiet_from": "22:00", "quiet_until": None}, "quiet_until"),
    ],
)
def test_half_or_empty_quiet_hours_are_refused_by_field(api, user, hours, field):
    answer = api.patch("/api/v1/me/", hours)
    assert answer.status_code == 400
    assert [each["field"] for each in answer.json()["errors"]] == [field]
    user.refresh_from_db()
    assert user.quiet_from is None
    assert user.quiet_until is None


@pytest.mark.django_db
def test_quiet_hours_can_be_set_and_ended(api):
    hours = {"quiet_from": "22:00:00", "quiet_until": "07:00:00", "quiet_weekends": True}
    assert api.patch("/api/v1/me/", hours).json().items() >= hours.items()
    none = {"quiet_from": None, "quiet_until": None, "quiet_weekends": False}
    assert api.patch("/api/v1/me/", none).json().items() >= none.items()


@pytest.mark.django_db
def test_half_quiet_hours_are_refused_by_the_database(user):
    for half in ({"quiet_from": time(22)}, {"quiet_from": time(7), "quiet_until": time(7)}):
        with pytest.raises(IntegrityError, match="quiet_hours_whole"), transaction.atomic():
            User.objects.filter(pk=user.pk).update(**half)


@pytest.mark.django_db
def test_model_names_the_field_of_half_quiet_hours(user):
    user.quiet_from = time(22)
    with pytest.raises(ValidationError) as refusal:
        user.full_clean()
    assert "quiet_until" in refusal.value.message_dict
