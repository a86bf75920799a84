"""Random rules in UTC, where dateutil is right too."""

from datetime import UTC, timedelta
from itertools import islice

from dateutil.rrule import rrulestr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reminders.recurrence import RecurrenceError, Schedule

from .strategies import rules, starts

# As far as dateutil can walk in some milliseconds.
SPAN = {
    "MINUTELY": timedelta(days=2),
    "HOURLY": timedelta(days=60),
    "DAILY": timedelta(days=1500),
    "WEEKLY": timedelta(days=2500),
    "MONTHLY": timedelta(days=5000),
    "YEARLY": timedelta(days=12000),
}


def accepted(rule, start):
    try:
        return Schedule.validate(starts_at=start, timezone="UTC", recurrence=rule)
    except RecurrenceError:
        assume(False)


def first_walls(schedule, rule, count=30):
    """The first occurrences, as far as dateutil can follow."""
    begin = schedule.starts_at
    end = begin + next(SPAN[freq] for freq in SPAN if f"FREQ={freq}" in rule)
    upcoming = schedule.upcoming((begin - timedelta(days=1)).replace(tzinfo=UTC), count)
    return [wall for due in upcoming if (wall := due.replace(tzinfo=None)) <= end]


@settings(max_examples=300, deadline=None)
@given(rule=rules(), start=starts)
def test_rule_occurs_when_dateutil_says(rule, start):
    walls = first_walls(accepted(rule, start), rule)
    assert walls == list(islice(rrulestr(rule, dtstart=start), len(walls)))


@settings(max_examples=100, deadline=None)
@given(rule=rules(), start=starts, count=st.integers(1, 30))
def test_count_ends_where_dateutil_ends(rule, start, count):
    walls = first_walls(accepted(rule, start), rule, count)
    assume(len(walls) == count)
    last = list(rrulestr(f"{rule};COUNT={count}", dtstart=start))[-1]
    counted = Schedule(starts_at=start, timezone="UTC", recurrence=f"{rule};COUNT={count}")
    assert counted.last() == last.replace(tzinfo=UTC)
