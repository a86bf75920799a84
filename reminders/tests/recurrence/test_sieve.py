"""Rules so sparse that the walk gives way to the sieve: against one that walks all the way."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reminders.recurrence import RecurrenceError, Schedule
from reminders.recurrence.periods import LAST_DAY
from reminders.recurrence.rrule import Freq, parse
from reminders.recurrence.tzif import EPOCH_ORDINAL

START = datetime(2026, 3, 1, 2, 30)
LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)
UNITS = {
    Freq.MINUTELY: timedelta(minutes=1),
    Freq.HOURLY: timedelta(hours=1),
    Freq.DAILY: timedelta(days=1),
}
END = date.fromordinal(LAST_DAY + EPOCH_ORDINAL)


def walked(text):
    """All occurrences of a rule with BYMONTH, BYMONTHDAY, BYDAY, BYHOUR and BYMINUTE only."""
    rule = parse(text)
    step = rule.interval * UNITS[rule.freq]
    for turn in range((END - START.date()) // step + 1):
        at = START + turn * step
        if (
            at.month in (rule.by_month or (at.month,))
            and at.day in (rule.by_month_day or (at.day,))
            and (not rule.by_day or (at.weekday(), 0) in rule.by_day)
            and at.hour in (rule.by_hour or (at.hour,))
            and at.minute in (rule.by_minute or (at.minute,))
        ):
            yield at.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=DAILY;INTERVAL=97;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO",
        "FREQ=DAILY;INTERVAL=365;BYMONTH=6;BYMONTHDAY=1",
        "FREQ=DAILY;INTERVAL=146097;BYMONTH=3",
        "FREQ=HOURLY;INTERVAL=8765;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=HOURLY;INTERVAL=614;BYMONTH=7,11;BYMONTHDAY=2;BYHOUR=4",
        "FREQ=MINUTELY;INTERVAL=104729;BYHOUR=3;BYMINUTE=1",
        "FREQ=MINUTELY;INTERVAL=100003;BYMONTH=12;BYMONTHDAY=31;BYHOUR=3,4,5,6,7,8,9",
        "FREQ=MINUTELY;INTERVAL=525600000;BYDAY=TU,WE,TH,FR,SA,SU",
    ],
)
def test_sparse_rule(text):
    schedule = Schedule.validate(starts_at=START, timezone="UTC", recurrence=text)
    expected = list(islice(walked(text), 40))
    assert schedule.upcoming(LONG_AGO, 40) == expected
    assert schedule.upcoming(expected[-1] - timedelta(days=1), 1) == expected[-1:]


@settings(max_examples=40, deadline=None)
@given(
    freq=st.sampled_from(["MINUTELY", "HOURLY", "DAILY"]),
    interval=st.integers(3000, 300_000),
    month=st.integers(1, 12),
    day=st.integers(1, 31),
    hour=st.integers(0, 23),
)
def test_any_sparse_rule(freq, interval, month, day, hour):
    interval = interval // 24 if freq == "DAILY" else interval
    text = f"FREQ={freq};INTERVAL={interval};BYMONTH={month};BYMONTHDAY={day}"
    if freq == "MINUTELY":
        text += f";BYHOUR={hour}"
    expected = list(islice(walked(text), 3))
    try:
        schedule = Schedule.validate(starts_at=START, timezone="UTC", recurrence=text)
    except RecurrenceError:
        assert expected == []
    else:
        assume(expected)
        assert schedule.upcoming(LONG_AGO, 3)[: len(expected)] == expected


@pytest.mark.parametrize("interval", range(1, 87))
def test_weeks_of_any_interval_meet_every_month(interval):
    for month in range(1, 13):
        schedule = Schedule(
            starts_at=START,
            timezone="UTC",
            recurrence=f"FREQ=WEEKLY;INTERVAL={interval};BYMONTH={month}",
        )
        assert schedule.after(LONG_AGO) is not None


def test_a_large_interval_ends_with_the_calendar():
    text = "FREQ=MINUTELY;INTERVAL=525600000;BYDAY=SU"
    schedule = Schedule(starts_at=START, timezone="UTC", recurrence=text)
    due = schedule.upcoming(LONG_AGO, 20)
    assert due[0] == START.replace(tzinfo=UTC)
    assert all(at.weekday() == 6 for at in due)
    assert schedule.after(due[-1]) is None
