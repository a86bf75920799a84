"""What FOAM says of a schedule in words is read as the same schedule."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from reminders.natural_language import Misunderstood, read
from reminders.recurrence import RecurrenceError, Schedule
from reminders.tests.recurrence.strategies import WEEKDAYS, rules, starts
from reminders.tests.recurrence.test_describe import START, WORDS

# Said in words that the grammar does not have: cron's own ways, days of the year, positions.
LEFT_OUT = (
    *(" if it is ", " or on ", "(only ", "of the year", "nearest"),
    *("on Monday to Friday at 09:00 (", "on Monday to Friday every", "on the last weekday of the"),
    *("on the 2nd Monday and the last Friday at 09", "on the 1st at 00:00 in"),
)
# These have no phase that words could tell.
PACES = ("every 2 hours in", "every 20 minutes on", "every 5 minutes (")


def again(schedule):
    """Read the words of a schedule a minute before it is first due."""
    first = schedule.after(datetime(1999, 1, 1, tzinfo=UTC))
    now = first - timedelta(minutes=1)
    fields = read(schedule.text, "UTC", now).fields
    assert fields["title"] == ""
    names = ("starts_at", "timezone", "recurrence", "exdates", "rdates", "gap", "fold", "leads")
    return Schedule(**{name: fields[name] for name in names}), now


def with_start_of(schedule, read_back):
    """The rule that was read, counted from where the other one is; its end is in its words."""
    start = datetime.combine(schedule.starts_at, read_back.starts_at.time())
    recurrence = re.sub(";COUNT=[0-9]+", "", read_back.recurrence)
    return Schedule(starts_at=start, timezone=schedule.timezone, recurrence=recurrence)


SAID = [row for row in WORDS if not any(text in row[1] + " (" for text in (*LEFT_OUT, *PACES))]


@pytest.mark.parametrize(("recurrence", "words", "end"), SAID, ids=lambda value: value)
def test_words_are_read_as_what_they_were_made_of(recurrence, words, end):
    schedule = Schedule(starts_at=START, timezone="Europe/Berlin", recurrence=recurrence)
    read_back, now = again(schedule)
    assert read_back.text == schedule.text
    assert read_back.upcoming(now, 20) == schedule.upcoming(now, 20)


@pytest.mark.parametrize("row", [r for r in WORDS if r not in SAID], ids=lambda row: row[1])
def test_words_beyond_the_grammar_are_refused_or_mean_the_same(row):
    schedule = Schedule(starts_at=START, timezone="Europe/Berlin", recurrence=row[0])
    try:
        read_back, _ = again(schedule)
    except Misunderstood:
        return
    # Of cron, words may come in another order.
    assert sorted(read_back.text.split()) == sorted(schedule.text.split())


lists = {"min_size": 1, "max_size": 3, "unique": True}
days = st.lists(st.sampled_from(WEEKDAYS), **lists).map(lambda d: f";BYDAY={','.join(d)}")
month_days = st.lists(st.integers(1, 28) | st.just(-1), **lists).map(
    lambda d: f";BYMONTHDAY={','.join(map(str, d))}"
)
nth = st.lists(st.tuples(st.sampled_from([1, 2, 3, 4, -1]), st.sampled_from(WEEKDAYS)), **lists)
nth_days = nth.map(lambda d: f";BYDAY={','.join(f'{n}{day}' for n, day in d)}")
months = st.lists(st.integers(1, 12), **lists).map(lambda m: f";BYMONTH={','.join(map(str, m))}")
hours = st.just("") | st.lists(st.integers(0, 23), **lists).map(
    lambda h: f";BYHOUR={','.join(map(str, h))}"
)
common = st.one_of(
    st.builds("FREQ=DAILY{}".format, months | st.just("")),
    st.builds("FREQ=WEEKLY{}".format, days),
    st.builds("FREQ=MONTHLY{}".format, month_days | nth_days | st.just("")),
    st.builds("FREQ=YEARLY{}{}".format, months, month_days | nth_days),
    st.just("FREQ=YEARLY"),
)
ends = st.just("") | st.integers(1, 50).map(";COUNT={}".format)
recurrences = st.builds("{};INTERVAL={}{}{}".format, common, st.integers(1, 6), hours, ends)


@settings(max_examples=300, deadline=None)
@given(starts, recurrences)
def test_words_of_common_schedules_are_read_as_the_same(start, recurrence):
    schedule = Schedule(starts_at=start, timezone="Europe/Paris", recurrence=recurrence)
    first = schedule.after(datetime(1999, 1, 1, tzinfo=UTC))
    assume(first is not None)
    read_back, now = again(schedule)
    assert read_back.text == schedule.text
    dues = schedule.upcoming(now, 20)
    assert with_start_of(schedule, read_back).upcoming(now, 20)[: len(dues)] == dues


@settings(max_examples=300, deadline=None)
@given(starts, rules())
def test_words_of_any_rule_are_refused_or_read_as_the_same(start, rule):
    try:
        schedule = Schedule.validate(starts_at=start, timezone="Europe/Paris", recurrence=rule)
    except RecurrenceError:
        reject()
    try:
        read_back, now = again(schedule)
    except Misunderstood:
        return
    if "HOURLY" in rule or "MINUTELY" in rule or ("INTERVAL" in rule and "WKST" in rule):
        # Their pace has no words; nor has the day on which a week begins.
        assert read_back.text == schedule.text
        return
    assert with_start_of(schedule, read_back).upcoming(now, 20) == schedule.upcoming(now, 20)
