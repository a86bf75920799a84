"""Cron: against cronsim where it is right, and against the clock itself around its changes."""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, pairwise, product

import pytest
from cronsim import CronSim
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reminders.recurrence import RecurrenceError, Schedule, canonical, cron, zone
from reminders.recurrence.masks import cron_mask

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
START = datetime(2026, 1, 1)


def items(low, high, names=()):
    number = st.integers(low, high)
    value = number.map(str) | (st.sampled_from(names) if names else number.map(str))
    span = st.tuples(number, number).map(sorted).map("{0[0]}-{0[1]}".format)
    steps = st.integers(1, (high - low) // 2 + 1)
    # cronsim takes 5-5/10 for 5/10
    wide = span.filter(lambda text: len(set(text.split("-"))) == 2)
    stepped = st.tuples(st.just("*") | wide, steps).map("{0[0]}/{0[1]}".format)
    return st.one_of(st.just("*"), st.just("*"), value, value, span, stepped)


def field(low, high, names=(), special=None):
    item = items(low, high, names)
    if special is not None:
        item = item | special
    return item | st.lists(item, min_size=2, max_size=3).map(",".join)


expressions = st.tuples(
    field(0, 59),
    field(0, 23),
    field(1, 31, special=st.sampled_from(["L", "LW"])),
    field(1, 12, MONTHS),
    field(
        0,
        7,
        WEEKDAYS,
        special=st.builds("{}{}".format, st.integers(0, 7), st.sampled_from(["#1", "#5", "L"])),
    ),
).map(" ".join)


def schedule_of(text, timezone="UTC", start=START, **choices):
    return Schedule(starts_at=start, timezone=timezone, recurrence=text, **choices)


@settings(max_examples=300, deadline=None)
@given(text=expressions, start=st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)))
def test_cron_occurs_when_cronsim_says(text, start):
    start = start.replace(microsecond=0)
    try:
        schedule = Schedule.validate(starts_at=start, timezone="UTC", recurrence=text)
    except RecurrenceError:
        assume(False)
    before = start.replace(tzinfo=UTC) - timedelta(seconds=1)
    assert schedule.upcoming(before, 8) == list(islice(CronSim(text, before), 8))


@settings(max_examples=200, deadline=None)
@given(text=expressions)
def test_canonical_cron_means_the_same(text):
    once, written = canonical(text), cron.parse(text)
    read = cron.parse(once)
    assert read.text == once
    assert (read.minutes, read.hours, read.months) == (
        written.minutes,
        written.hours,
        written.months,
    )
    assert read.real_pace == written.real_pace
    for first_weekday, length in product(range(7), range(28, 32)):
        expected = cron_mask(written, first_weekday, length)
        assert cron_mask(read, first_weekday, length) == expected


REAL_PACE = ["* * * * *", "*/7 * * * *", "30 * * * *", "*/20 2,3 * * *", "15 */2 * * *"]
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]


@pytest.mark.parametrize("text", REAL_PACE)
@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("fold", ["first", "second", "both"])
def test_cron_with_a_star_keeps_real_pace_through_clock_changes(text, name, fold):
    tz = zone(name)
    schedule = schedule_of(text, name, gap="skip", fold=fold)
    for change in changes_of_2026(tz):
        first, last = change - timedelta(hours=4), change + timedelta(hours=4)
        expected = [
            first + timedelta(minutes=n)
            for n in range(1, 481)
            if matches(text, (first + timedelta(minutes=n)).astimezone(tz))
        ]
        found = [at for at in schedule.upcoming(first, len(expected) + 1) if at <= last]
        assert found == expected


@cache
def changes_of_2026(tz):
    hours = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(8760)]
    return [
        later
        for earlier, later in pairwise(hours)
        if earlier.astimezone(tz).utcoffset() != later.astimezone(tz).utcoffset()
    ]


def matches(text, local):
    """Whether an expression whose days are all `*` matches a local minute."""
    naive = local.replace(tzinfo=None, fold=0)
    return next(CronSim(text, naive - timedelta(minutes=1))) == naive


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("text", REAL_PACE)
def test_real_pace_is_that_of_debian(name, text):
    tz = zone(name)
    schedule = schedule_of(text, name)
    for change in changes_of_2026(tz):
        begin = (change - timedelta(hours=3)).astimezone(tz)
        expected = [at.astimezone(UTC) for at in islice(CronSim(text, begin), 12)]
        assert schedule.upcoming(begin, 12) == expected


@pytest.mark.parametrize(
    ("text", "gap", "local"),
    [
        pytest.param("30 2 * * *", "after", "03:30", id="after"),
        pytest.param("30 2 * * *", "before", "01:30", id="before"),
        pytest.param("0 2,3 * * *", "after", "03:00", id="two on one instant"),
    ],
)
def test_cron_at_a_skipped_time_follows_gap(text, gap, local):
    schedule = schedule_of(text, "Europe/Berlin", gap=gap)
    due = schedule.after(datetime(2026, 3, 28, 12, tzinfo=UTC))
    assert due.astimezone(zone("Europe/Berlin")).strftime("%d %H:%M") == f"29 {local}"


def test_cron_at_a_skipped_time_is_left_out_with_gap_skip():
    schedule = schedule_of("30 2 * * *", "Europe/Berlin", gap="skip")
    due = schedule.after(datetime(2026, 3, 28, 12, tzinfo=UTC))
    assert due == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        pytest.param("0 9 15W * *", ["01-15", "02-16", "03-16", "04-15", "05-15"], id="15W"),
        pytest.param("0 9 1W * *", ["01-01", "02-02", "03-02", "04-01", "05-01"], id="1W"),
        pytest.param("0 9 31W * *", ["01-30", "03-31", "05-29", "07-31", "08-31"], id="31W"),
        pytest.param("0 9 LW * *", ["01-30", "02-27", "03-31", "04-30", "05-29"], id="LW"),
        pytest.param("0 9 L * *", ["01-31", "02-28", "03-31", "04-30", "05-31"], id="L"),
        pytest.param("0 9 * * 5L", ["01-30", "02-27", "03-27", "04-24", "05-29"], id="last Friday"),
        pytest.param("0 9 * * fril", ["01-30", "02-27", "03-27", "04-24", "05-29"], id="FRIL"),
        pytest.param("0 9 * * MON#5", ["03-30", "06-29", "08-31", "11-30", "03-29"], id="MON#5"),
        pytest.param("0 9 13 * 5", ["01-02", "01-09", "01-13", "01-16", "01-23"], id="OR"),
        pytest.param("0 9 */13 * 5", ["02-27", "03-27", "05-01", "08-14", "11-27"], id="AND"),
        pytest.param("0 9 1-7 * */7", ["01-04", "02-01", "03-01", "04-05", "05-03"], id="AND DOW"),
    ],
)
def test_cron_day_fields_mean(text, days):
    due = schedule_of(text).upcoming(datetime(2025, 12, 31, tzinfo=UTC), 5)
    assert [f"{at:%m-%d}" for at in due] == days


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 9 * * 1-5", "0 9 * * 1-5"),
        ("00 09 * * mon-fri", "0 9 * * 1-5"),
        ("0  9 * *\t5,4,1-3,3", "0 9 * * 1-5"),
        ("0 9 * * 7", "0 9 * * 0"),
        ("0 9 * * 0-7", "0 9 * * *"),
        ("0-59 * * * *", "* * * * *"),
        ("0-59/15 * * * *", "*/15 * * * *"),
        ("0,15,30,45 * * * *", "*/15 * * * *"),
        ("0,15,30,45 9 * * *", "0,15,30,45 9 * * *"),
        ("0 9 1-31 * 1", "0 9 * * *"),
        ("0 9 * 1-12 *", "0 9 * * *"),
        ("0 9 */2 * 1", "0 9 */2 * 1"),
        ("0 9 1,3,5 jan,dec *", "0 9 1,3,5 1,12 *"),
        ("0 9 lw,l,3w * *", "0 9 3W,L,LW * *"),
        ("0 9 * * fril,mon#2", "0 9 * * 1#2,5L"),
        ("5-5/10 3 * * *", "5/60 3 * * *"),
        ("  0 9 * * 1  ", "0 9 * * 1"),
        ("0 9 * * SAT-SUN", "0 9 * * 0,6"),
        ("0 9 * * MON-SUN", "0 9 * * *"),
        ("0 9 * * fri-sun", "0 9 * * 0,5,6"),
        ("0 9 * * MON-SUN/2", "0 9 * * 0,1,3,5"),
        ("0 9 * * SUN-SUN", "0 9 * * 0"),
        ("0 9 * * SUN-TUE", "0 9 * * 0-2"),
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@Midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        (" @annually ", "0 0 1 1 *"),
    ],
)
def test_canonical_cron(text, expected):
    assert canonical(text) == expected
    assert canonical(expected) == expected


def test_real_pace_starts_at_the_start_within_a_fold():
    schedule = schedule_of("*/30 * * * *", "Europe/Berlin", datetime(2026, 10, 25, 2, 30))
    due = schedule.upcoming(datetime(2026, 1, 1, tzinfo=UTC), 4)
    assert [f"{at:%H:%M}" for at in due] == ["00:30", "01:00", "01:30", "02:00"]
