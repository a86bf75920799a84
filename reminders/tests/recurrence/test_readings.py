"""Where RFC 5545 leaves a reading open, ours (design.md, section 4)."""

from datetime import UTC, datetime, timedelta

import pytest

from reminders.recurrence import Schedule

# a Wednesday
START = datetime(2026, 1, 14, 9, 0)

READINGS = [
    pytest.param(
        "FREQ=YEARLY;BYWEEKNO=20",
        ["2026-05-13", "2027-05-19", "2028-05-17"],
        id="a week takes the weekday of the start",
    ),
    pytest.param(
        "FREQ=YEARLY;BYWEEKNO=1;BYMONTH=12",
        ["2031-12-31", "2036-12-31"],
        id="week 1 may begin in December",
    ),
    pytest.param(
        "FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1",
        ["2026-01-19", "2026-01-26", "2026-02-02"],
        id="positions count within whole weeks",
    ),
    pytest.param(
        "FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=2",
        ["2026-01-14", "2026-01-21", "2026-01-28"],
        id="positions count days before the start",
    ),
    pytest.param(
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1",
        ["2026-02-02", "2026-03-02", "2026-04-01"],
        id="positions count within whole months",
    ),
    pytest.param(
        "FREQ=YEARLY;BYMONTHDAY=15",
        ["2026-01-15", "2026-02-15", "2026-03-15"],
        id="a day of the month without a month is one of every month",
    ),
    pytest.param(
        "FREQ=MONTHLY;BYDAY=WE,1MO",
        ["2026-01-14", "2026-01-21", "2026-01-28", "2026-02-02", "2026-02-04"],
        id="weekdays with and without ordinals add up",
    ),
    pytest.param(
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
        ["2028-02-29", "2032-02-29"],
        id="29 February only in leap years",
    ),
    pytest.param(
        "FREQ=MONTHLY;BYMONTHDAY=31,-1",
        ["2026-01-31", "2026-02-28", "2026-03-31"],
        id="two names of one day count once",
    ),
    pytest.param(
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU",
        ["2026-01-25", "2026-01-26", "2026-02-08"],
        id="the week of the start begins on WKST",
    ),
    pytest.param(
        "FREQ=WEEKLY;BYMONTH=3;BYDAY=SU;BYSETPOS=1",
        ["2026-03-01", "2026-03-08"],
        id="months limit weeks",
    ),
]


@pytest.mark.parametrize(("rule", "days"), READINGS)
def test_reading(rule, days):
    schedule = Schedule.validate(starts_at=START, timezone="UTC", recurrence=rule)
    due = schedule.upcoming(datetime(1990, 1, 1, tzinfo=UTC), len(days))
    assert [f"{at:%Y-%m-%d}" for at in due] == days


@pytest.mark.parametrize("week", [1, 2, 26, 51, 52, 53])
def test_weeks_are_those_of_iso_8601(week):
    schedule = Schedule(
        starts_at=datetime(2000, 1, 1, 9, 0),
        timezone="UTC",
        recurrence=f"FREQ=YEARLY;BYWEEKNO={week};BYDAY=MO,TU,WE,TH,FR,SA,SU",
    )
    days = [datetime(2000, 1, 1, 9, tzinfo=UTC) + timedelta(days=n) for n in range(30 * 365)]
    expected = [day for day in days if day.isocalendar().week == week]
    assert schedule.upcoming(datetime(1990, 1, 1, tzinfo=UTC), len(expected)) == expected


@pytest.mark.parametrize("week", [-1, -2, -52, -53])
def test_weeks_count_from_the_end_of_their_year(week):
    schedule = Schedule(
        starts_at=datetime(2000, 1, 1, 9, 0),
        timezone="UTC",
        recurrence=f"FREQ=YEARLY;BYWEEKNO={week};BYDAY=MO,TU,WE,TH,FR,SA,SU",
    )
    days = [datetime(2000, 1, 1, 9, tzinfo=UTC) + timedelta(days=n) for n in range(30 * 365)]
    expected = [day for day in days if from_the_end(day) == week]
    assert schedule.upcoming(datetime(1990, 1, 1, tzinfo=UTC), len(expected)) == expected


def from_the_end(day):
    # 28 December is always in the last week
    year, week, _ = day.isocalendar()
    return week - datetime(year, 12, 28).isocalendar().week - 1
