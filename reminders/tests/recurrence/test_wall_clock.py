"""Zones come from the tzdata package, and our clock agrees with the standard library's."""

import random
from datetime import UTC, datetime, timedelta, timezone
from importlib import metadata

import pytest

from accounts.timezones import names, tzdata_version
from reminders.recurrence import (
    Fold,
    Gap,
    RecurrenceError,
    local_time,
    to_utc,
    zone,
)
from reminders.recurrence.tzif import RULES_FROM
from reminders.recurrence.wall_clock import UTC_EPOCH, zone_clock

LAST = 2**37


def offset(name, at):
    moment = UTC_EPOCH + timedelta(seconds=at)
    return zone(name).utcoffset(moment.astimezone(zone(name))).total_seconds()


def test_every_zone_has_the_offsets_of_the_standard_library():
    some = random.Random(1)
    for name in names():
        clock = zone_clock(name, Gap.AFTER, Fold.FIRST)
        recent = [at for at in clock.changes.at if -(2**31) < at < LAST][-200:]
        moments = [some.randrange(-(2**31), LAST) for _ in range(30)]
        moments += [
            at + shift for at in some.sample(recent, min(15, len(recent))) for shift in (-1, 0)
        ]
        for at in moments:
            assert clock.stretch(at).offset == offset(name, at), (name, at)


def test_tables_end_before_the_rules_are_alone_in_force():
    ends = [zone_clock(name, Gap.AFTER, Fold.FIRST).changes for name in names()]
    assert all(
        changes.at[-1] < RULES_FROM for changes in ends if changes.at and not changes.repeats
    )


def test_offsets_are_those_of_the_package_in_use():
    assert tzdata_version() == metadata.version("tzdata")


def test_a_zone_knows_its_name():
    assert zone("Europe/Berlin").key == "Europe/Berlin"


@pytest.mark.parametrize("name", ["", ".", "..", "Europe", "Mars/X", "../zones", "UTC\n", "zones"])
def test_only_zones_of_the_package_are_known(name):
    with pytest.raises(RecurrenceError) as refused:
        zone(name)
    assert refused.value.field == "timezone"


@pytest.mark.parametrize(
    ("wall", "gap", "fold", "instants"),
    [
        pytest.param("2026-11-23T18:00", "after", "first", ["23 17:00"], id="ordinary"),
        pytest.param("2026-03-29T02:30", "after", "first", ["29 01:30"], id="gap after"),
        pytest.param("2026-03-29T02:30", "before", "first", ["29 00:30"], id="gap before"),
        pytest.param("2026-03-29T02:30", "skip", "first", [], id="gap skip"),
        pytest.param("2026-10-25T02:30", "after", "first", ["25 00:30"], id="fold first"),
        pytest.param("2026-10-25T02:30", "after", "second", ["25 01:30"], id="fold second"),
        pytest.param("2026-10-25T02:30", "after", "both", ["25 00:30", "25 01:30"], id="fold both"),
    ],
)
def test_a_wall_time_means(wall, gap, fold, instants):
    found = to_utc(datetime.fromisoformat(wall), "Europe/Berlin", gap, fold)
    assert [f"{at:%d %H:%M}" for at in found] == instants
    assert all(at.tzinfo is UTC for at in found)


def test_a_datetime_of_any_offset_becomes_local_time():
    moment = datetime(2026, 11, 23, 12, 0, tzinfo=timezone(timedelta(hours=-5)))
    assert local_time(moment, "Europe/Berlin") == datetime(2026, 11, 23, 18, 0)
