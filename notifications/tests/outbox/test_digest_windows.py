from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.tests.test_quiet_hours import NEAR_TURNS
from accounts.timezones import zone
from notifications.outbox.digest_windows import end_of_day, end_of_window

MINUTE = timedelta(minutes=1)
BERLIN = "Europe/Berlin"


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "end"),
    [
        ("2026-11-23T06:59", "2026-11-23T07:00"),
        ("2026-11-23T07:00", "2026-11-24T07:00"),
        ("2027-03-27T12:00", "2027-03-28T06:00"),  # in summer time
    ],
)
def test_day_ends_at_its_local_time(asked, end):
    assert end_of_day(utc(asked), BERLIN, time(8)) == utc(end)


def test_time_that_the_clock_skips_is_an_hour_later():
    assert end_of_day(utc("2027-03-27T12:00"), BERLIN, time(2, 30)) == utc("2027-03-28T01:30")


def test_time_that_the_clock_shows_twice_ends_one_day():
    first = end_of_day(utc("2026-10-24T12:00"), BERLIN, time(2, 30))
    assert first == utc("2026-10-25T00:30")
    assert end_of_day(first, BERLIN, time(2, 30)) == utc("2026-10-26T01:30")


def test_windows_are_counted_from_midnight_also_on_a_short_day():
    ends, at = [], utc("2027-03-27T23:00")
    for _ in range(4):
        at = end_of_window(at, BERLIN, timedelta(hours=6))
        ends.append(at.astimezone(zone(BERLIN)).hour)
    assert ends == [6, 12, 18, 0]


def test_last_window_of_a_day_ends_at_midnight():
    assert end_of_window(utc("2026-11-23T21:00"), "UTC", timedelta(hours=5)) == utc(
        "2026-11-24T00:00"
    )


def window_of(at, name, every):
    wall = at.astimezone(zone(name)).replace(tzinfo=None)
    return wall.date(), (wall - datetime.combine(wall, time.min)) // every


@settings(max_examples=100, deadline=None)
@given(NEAR_TURNS, st.sampled_from([15, 20, 60, 95, 360, 1440]), st.integers(-1440, 2880))
def test_end_is_the_first_minute_of_another_window(near, length, minutes):
    name, day = near
    every = length * MINUTE
    begin = datetime.fromisoformat(f"{day}T00:00+00:00") + minutes * MINUTE
    at = begin
    while window_of(at, name, every) == window_of(begin, name, every):
        at += MINUTE
    assert end_of_window(begin, name, every) == at
