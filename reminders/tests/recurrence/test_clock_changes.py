"""Gaps and folds, against an oracle that walks the minutes with the standard library's zones."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from accounts.timezones import names
from reminders.recurrence import Fold, Gap, RecurrenceError, Schedule, zone
from reminders.recurrence.wall_clock import UTC_EPOCH, zone_clock

from .strategies import rules

MINUTE = timedelta(minutes=1)
CHOICES = [
    (gap, fold) for gap in ("after", "before", "skip") for fold in ("first", "second", "both")
]
ZONES = [
    "Europe/Berlin",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Nuuk",
    "America/Asuncion",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Gaza",
    "Asia/Beirut",
    "Asia/Tehran",
    "Antarctica/Troll",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Easter",
]


def meant(wall, tz, gap, fold):
    """The instants of a wall time, by PEP 495."""
    early = wall.replace(tzinfo=tz, fold=0)
    late = wall.replace(tzinfo=tz, fold=1)
    before, after = early.utcoffset(), late.utcoffset()
    if before == after:
        return [early.astimezone(UTC)]
    if before < after:
        return {"after": [early.astimezone(UTC)], "before": [late.astimezone(UTC)], "skip": []}[gap]
    both = [early.astimezone(UTC), late.astimezone(UTC)]
    return {"first": both[:1], "second": both[1:], "both": both}[fold]


def changes(name, begin, end):
    """The instants at which the clock moves."""
    at = zone_clock(name, Gap.AFTER, Fold.FIRST).changes.at
    instants = (UTC_EPOCH + timedelta(seconds=t) for t in at if -(2**40) < t < 2**37)
    return [moment for moment in instants if begin <= moment.year < end]


def walls_around(change, tz, step):
    """Wall times, in order, from some hours before the change to some hours after."""
    offsets = [(change + shift).astimezone(tz).utcoffset() for shift in (-MINUTE, MINUTE)]
    reach = timedelta(hours=3) + abs(offsets[1] - offsets[0])
    wall = (change + min(offsets)).replace(tzinfo=None, second=0) - reach
    end = (change + max(offsets)).replace(tzinfo=None) + reach
    while wall <= end:
        yield wall
        wall += step * MINUTE


def due_between(schedule, first, last):
    found, at = [], first - timedelta(seconds=1)
    while (at := schedule.after(at)) is not None and at <= last:
        found.append(at)
    return found


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize(("gap", "fold"), CHOICES)
def test_every_half_hour_meets_the_change_as_chosen(name, gap, fold):
    tz = zone(name)
    for change in changes(name, 2016, 2029):
        walls = list(walls_around(change, tz, 25))
        schedule = Schedule(
            starts_at=walls[0],
            timezone=name,
            recurrence="FREQ=MINUTELY;INTERVAL=25",
            gap=gap,
            fold=fold,
        )
        expected = sorted({due for wall in walls for due in meant(wall, tz, gap, fold)})
        assert due_between(schedule, expected[0], expected[-1]) == expected


@pytest.mark.parametrize("shape", ["cron", "count", "once"])
@pytest.mark.parametrize(("gap", "fold"), CHOICES)
def test_every_zone_meets_its_changes_of_five_years_as_chosen(shape, gap, fold):
    for name in sorted(names())[CHOICES.index((gap, fold)) % 3 :: 3]:
        for change in changes(name, 2025, 2030)[-4:]:
            check_around(change, name, shape, gap, fold)


def check_around(change, name, shape, gap, fold):
    tz = zone(name)
    before, after = ((change + shift).astimezone(tz).utcoffset() for shift in (-MINUTE, MINUTE))
    middle = (change + (before + after) / 2).replace(tzinfo=None, second=0)
    rule, walls = {
        "once": ("", [middle]),
        "cron": (
            f"{middle.minute} {middle.hour},{(middle.hour + 1) % 24} * * *",
            [middle + timedelta(days=n, hours=h) for n in (-1, 0, 1) for h in (0, 1)],
        ),
        "count": ("FREQ=HOURLY;COUNT=9", [middle + timedelta(hours=n) for n in range(-4, 14)]),
    }[shape]
    if shape == "cron" and middle.hour == 23:
        return
    schedule = Schedule(starts_at=min(walls), timezone=name, recurrence=rule, gap=gap, fold=fold)
    expected = sorted({due for wall in walls for due in meant(wall, tz, gap, fold)})
    if shape == "count":
        expected = expected[:9]
        assert schedule.last() == expected[-1]
    if expected:
        assert due_between(schedule, expected[0], expected[-1]) == expected


@settings(max_examples=150, deadline=None)
@given(
    rule=rules(),
    name=st.sampled_from(ZONES),
    choice=st.sampled_from(CHOICES),
    turn=st.integers(0, 1000),
    minutes=st.integers(-2000, 200),
)
def test_any_rule_meets_a_change_as_its_wall_times_do(rule, name, choice, turn, minutes):
    tz, (gap, fold) = zone(name), choice
    moments = changes(name, 2009, 2030)
    change = moments[turn % len(moments)].astimezone(tz).replace(tzinfo=None, second=0)
    start = change + minutes * MINUTE
    walls = walls_of(rule, start)
    assume(walls)
    schedule = Schedule(starts_at=start, timezone=name, recurrence=rule, gap=gap, fold=fold)
    expected = sorted({due for wall in walls for due in meant(wall, tz, gap, fold)})
    # Those the last wall times may still overtake are left out.
    end = walls[-1].replace(tzinfo=tz).astimezone(UTC) - timedelta(days=1, hours=1)
    expected = [due for due in expected if due <= end]
    assume(expected)
    assert due_between(schedule, expected[0] - timedelta(days=3), expected[-1]) == expected


def walls_of(rule, start):
    try:
        schedule = Schedule.validate(starts_at=start, timezone="UTC", recurrence=rule)
    except RecurrenceError:
        return []
    long_ago = datetime(1990, 1, 1, tzinfo=UTC)
    return [due.replace(tzinfo=None) for due in schedule.upcoming(long_ago, 300)]
