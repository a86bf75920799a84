"""Instants as text: what is taken, what is refused, and where the range ends."""

from datetime import UTC, datetime

import pytest

from accounts.instants import OutOfRange, parse_instant, parse_time

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T12:00:00Z",
        "2026-11-23t12:00:00z",
        "2026-11-23 12:00Z",
        "2026-11-23T12:00:00.000+00:00",
        "2026-11-24T04:00:00+16:00",
        "2026-11-24T11:59:00+23:59",
        "2026-11-22T12:01:00-23:59",
        "2026-11-23T17:30:00+0530",
        "2026-11-23T13:00+01:00",
    ],
)
def test_instant_of_each_offset_is_read_as_utc(text):
    instant = parse_instant(text)
    assert (instant, instant.utcoffset()) == (NOON, NOON.utcoffset())


@pytest.mark.parametrize("mark", [".", ","])
def test_fraction_is_read_to_the_microsecond(mark):
    assert parse_instant(f"2026-11-23T12:00:00{mark}1234567Z").microsecond == 123456


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23",
        "2026-11-23T12:00:00",
        "2026-11-23T12:00:60Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T12:00:00+24:00",
        "2026-11-23T12:00:00+01:60",
        "2026-11-23T12:00:00+01:00:30",
        "2026-02-30T12:00:00Z",
        "2026-11-23T12:00:00 01:00",
        "2026-11-23T12:00.5Z",
        "2026-W48-1T12:00:00Z",
        "20261123T120000Z",
        "２０２６-11-23T12:00:00Z",
        "٢٠٢٦-١١-٢٣T12:00:00Z",
        " 2026-11-23T12:00:00Z",
        "2026-11-23T12:00:00Z\n",
        "\ud800",
        "\0",
        5,
        None,
    ],
)
def test_other_text_is_no_instant(text):
    with pytest.raises(ValueError, match=r"notation|offset|day|hour|second|fraction"):
        parse_instant(text)


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "0002-01-01T00:00:00+00:01",
        "9998-12-31T23:59:59-00:01",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_ends_of_the_calendar_are_out_of_range(text):
    with pytest.raises(OutOfRange):
        parse_instant(text)
    with pytest.raises(OutOfRange):
        parse_time(text[:19].replace("0002-", "0001-").replace("9998-", "9999-"))


def test_time_without_an_offset_stays_naive():
    assert parse_time("2026-11-23T12:00") == datetime(2026, 11, 23, 12)
