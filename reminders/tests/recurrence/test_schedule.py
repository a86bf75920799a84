"""Schedules: bounds, exceptions, ends, leads, and what holds for every rule."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reminders.recurrence import Fire, Lead, RecurrenceError, Schedule, local_time, to_utc

from .strategies import rules, starts

BERLIN = "Europe/Berlin"
START = datetime(2026, 11, 23, 18, 0)
LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROOT = Path(__file__).resolve().parents[3]


def schedule(recurrence="", starts_at=START, timezone=BERLIN, **fields):
    return Schedule(starts_at=starts_at, timezone=timezone, recurrence=recurrence, **fields)


def local(due):
    return [f"{local_time(at, BERLIN):%m-%d %H:%M}" for at in due]


def upcoming(recurrence, count=3, after=LONG_AGO, **fields):
    return local(schedule(recurrence, **fields).upcoming(after, count))


# Bounds


def test_once_is_due_at_its_start():
    assert schedule().upcoming(LONG_AGO, 5) == [datetime(2026, 11, 23, 17, 0, tzinfo=UTC)]


def test_after_is_strict():
    due = schedule("FREQ=DAILY").after(LONG_AGO)
    assert schedule("FREQ=DAILY").after(due) == due + timedelta(days=1)
    assert schedule("FREQ=DAILY").after(due - timedelta(microseconds=1)) == due


def test_after_takes_any_offset():
    moment = datetime(2026, 11, 23, 22, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert schedule("FREQ=HOURLY").after(moment) == datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


def test_a_start_that_the_rule_does_not_hit_is_not_an_occurrence():
    assert upcoming("FREQ=WEEKLY;BYDAY=TU", 2) == ["11-24 18:00", "12-01 18:00"]


def test_nothing_is_due_before_the_start():
    assert upcoming("0 9 * * *", 1) == ["11-24 09:00"]


@pytest.mark.parametrize("end", ["20261125T170000Z", "20261125T180000"])
def test_until_includes_its_moment(end):
    assert upcoming(f"FREQ=DAILY;UNTIL={end}", 9) == ["11-23 18:00", "11-24 18:00", "11-25 18:00"]


@pytest.mark.parametrize("end", ["20261125T165959Z", "20261125T175959"])
def test_until_excludes_what_is_later(end):
    assert upcoming(f"FREQ=DAILY;UNTIL={end}", 9) == ["11-23 18:00", "11-24 18:00"]


def test_count_counts_instants_not_wall_times():
    # 02:00 is moved onto 03:00, which counts once
    start = datetime(2026, 3, 29, 0, 0)
    assert upcoming("FREQ=HOURLY;COUNT=4", 9, starts_at=start) == [
        "03-29 00:00",
        "03-29 01:00",
        "03-29 03:00",
        "03-29 04:00",
    ]


def test_count_does_not_count_what_the_clock_skips():
    start = datetime(2026, 3, 28, 2, 30)
    due = upcoming("FREQ=DAILY;COUNT=2", 9, starts_at=start, gap="skip")
    assert due == ["03-28 02:30", "03-30 02:30"]


def test_count_counts_excluded_dates():
    due = upcoming("FREQ=DAILY;COUNT=3", 9, exdates=[START + timedelta(days=1)])
    assert due == ["11-23 18:00", "11-25 18:00"]


def test_no_occurrence_lies_beyond_the_calendar():
    rule = schedule("FREQ=YEARLY;INTERVAL=1000")
    assert rule.after(datetime(9500, 1, 1, tzinfo=UTC)) is None
    assert rule.after(datetime.max.replace(tzinfo=UTC)) is None


def test_the_far_future_follows_the_rules_in_force():
    due = schedule("FREQ=DAILY").after(datetime(2999, 7, 1, tzinfo=UTC))
    assert due == datetime(2999, 7, 1, 16, 0, tzinfo=UTC)


# EXDATE and RDATE


def test_excluded_dates_are_not_due():
    due = upcoming("FREQ=DAILY", 2, exdates=[START, START + timedelta(days=2)])
    assert due == ["11-24 18:00", "11-26 18:00"]


def test_added_dates_are_due():
    extra = START + timedelta(hours=2)
    assert upcoming("FREQ=DAILY", 2, rdates=[extra]) == ["11-23 18:00", "11-23 20:00"]


def test_an_added_date_on_an_occurrence_counts_once():
    due = upcoming("FREQ=DAILY", 2, rdates=[START, START + timedelta(days=1)])
    assert due == ["11-23 18:00", "11-24 18:00"]


def test_an_excluded_date_takes_an_added_one_away():
    extra = START + timedelta(hours=2)
    assert upcoming("", 2, rdates=[extra], exdates=[extra]) == ["11-23 18:00"]


def test_an_added_date_before_the_start_is_not_due():
    early = Schedule.validate(starts_at=START, timezone=BERLIN, rdates=[START - timedelta(days=1)])
    assert local(early.upcoming(LONG_AGO, 2)) == ["11-23 18:00"]
    assert early.text == "once on 23 November 2026 at 18:00 (Europe/Berlin)"


def test_added_dates_outlive_the_rule():
    rule = schedule("FREQ=DAILY;COUNT=1", rdates=[START + timedelta(days=400)])
    assert rule.last() == datetime(2027, 12, 28, 17, 0, tzinfo=UTC)


def test_excluding_a_repeated_time_excludes_both():
    start = datetime(2026, 10, 25, 2, 30)
    due = upcoming("FREQ=DAILY", 1, starts_at=start, fold="both", exdates=[start])
    assert due == ["10-26 02:30"]


# The end


@pytest.mark.parametrize(
    ("recurrence", "last"),
    [
        ("", "2026-11-23 17:00"),
        ("FREQ=DAILY;COUNT=1", "2026-11-23 17:00"),
        ("FREQ=DAILY;COUNT=365", "2027-11-22 17:00"),
        ("FREQ=HOURLY;COUNT=10000", "2028-01-14 09:00"),
        ("FREQ=MONTHLY;BYMONTHDAY=31;COUNT=4", "2027-05-31 16:00"),
        ("FREQ=WEEKLY;UNTIL=20270101T000000Z", "2026-12-28 17:00"),
        ("FREQ=YEARLY;UNTIL=20500101T000000", "2049-11-23 17:00"),
        ("FREQ=MINUTELY;INTERVAL=7;BYHOUR=9;COUNT=100", "2026-12-05 08:32"),
        ("FREQ=YEARLY;INTERVAL=40;COUNT=30", "3186-11-23 17:00"),
    ],
)
def test_last_due_instant(recurrence, last):
    expected = datetime.fromisoformat(last).replace(tzinfo=UTC)
    rule = schedule(recurrence)
    assert rule.last() == expected
    assert rule.after(expected) is None
    assert rule.after(expected - timedelta(seconds=1)) == expected


@pytest.mark.parametrize(
    "recurrence", ["FREQ=DAILY", "0 9 * * *", "FREQ=DAILY;UNTIL=99991231T235959Z"]
)
def test_endless_schedules_have_no_last_instant(recurrence):
    assert schedule(recurrence).last() is None


def test_last_passes_over_excluded_dates():
    rule = schedule("FREQ=DAILY;COUNT=3", exdates=[START + timedelta(days=2)])
    assert rule.last() == datetime(2026, 11, 24, 17, 0, tzinfo=UTC)


def test_before_is_strict_to_the_microsecond():
    rule, due = schedule("FREQ=DAILY"), datetime(2026, 11, 24, 17, 0, tzinfo=UTC)
    assert rule.before(due) == due - timedelta(days=1)
    assert rule.before(due + timedelta(microseconds=1)) == due
    assert rule.before(datetime(2026, 11, 23, 17, 0, tzinfo=UTC)) is None


def test_once_skipped_by_the_clock_is_never_due():
    skipped = schedule(starts_at=datetime(2026, 3, 29, 2, 30), gap="skip")
    assert skipped.after(LONG_AGO) is None
    assert skipped.last() is None


# Fires


def fires(rule, count, fire_at=LONG_AGO, lead=None):
    found = []
    while len(found) < count:
        fire = rule.next_fire(fire_at, lead)
        if fire is None:
            break
        found.append(fire)
        fire_at, lead = fire.fire_at, fire.lead
    return found


def test_without_leads_a_reminder_speaks_when_it_is_due():
    due = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
    assert schedule().next_fire(LONG_AGO) == Fire(due, due, timedelta(0))


def test_leads_merge_into_one_sequence():
    rule = schedule("FREQ=HOURLY;COUNT=2", leads=[timedelta(0), HOUR / 2, 3 * HOUR])
    assert [(f"{fire.fire_at:%H:%M}", f"{fire.due_at:%H:%M}") for fire in fires(rule, 9)] == [
        ("14:00", "17:00"),
        ("15:00", "18:00"),
        ("16:30", "17:00"),
        ("17:00", "17:00"),
        ("17:30", "18:00"),
        ("18:00", "18:00"),
    ]


def test_fires_at_one_moment_come_in_order_of_lead():
    rule = schedule("FREQ=HOURLY", leads=[HOUR, timedelta(0), 2 * HOUR])
    at = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
    found = [(fire.fire_at, fire.lead) for fire in fires(rule, 3, at - timedelta(seconds=1))]
    assert found == [(at, timedelta(0)), (at, HOUR), (at, 2 * HOUR)]


def test_without_a_lead_next_fire_passes_every_fire_at_the_moment():
    rule = schedule("FREQ=HOURLY", leads=[timedelta(0), HOUR])
    at = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
    assert rule.next_fire(at).fire_at == at + HOUR
    assert rule.next_fire(at, timedelta(0)) == Fire(at, at + HOUR, HOUR)


def test_repeated_leads_speak_once():
    assert len(fires(schedule(leads=[HOUR, HOUR]), 9)) == 1


def test_a_lead_is_real_time_across_a_clock_change():
    rule = schedule(starts_at=datetime(2026, 3, 29, 12, 0), leads=[timedelta(days=1)])
    assert local([rule.next_fire(LONG_AGO).fire_at]) == ["03-28 11:00"]


def test_lead_in_days_is_the_same_wall_time_across_a_clock_change():
    rule = schedule(starts_at=datetime(2026, 3, 29, 12, 0), leads=[Lead(days=1)])
    assert local([rule.next_fire(LONG_AGO).fire_at]) == ["03-28 12:00"]


@settings(max_examples=60, deadline=None)
@given(
    leads=st.lists(st.integers(0, 50).map(lambda n: n * HOUR / 2), min_size=1, max_size=4),
    interval=st.integers(1, 5),
)
def test_every_fire_comes_once_and_in_order(leads, interval):
    rule = schedule(f"FREQ=HOURLY;INTERVAL={interval};COUNT=6", leads=leads)
    due = rule.upcoming(LONG_AGO, 10)
    expected = sorted(Fire(at - lead, at, lead) for at in due for lead in set(leads))
    assert fires(rule, 100) == expected


# What holds for every rule

ZONES = st.sampled_from(["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Gaza"])
CHOICES = {
    "gap": st.sampled_from(["after", "before", "skip"]),
    "fold": st.sampled_from(["first", "second", "both"]),
}


def any_schedule(rule, start, **fields):
    try:
        return Schedule.validate(starts_at=start, recurrence=rule, **fields)
    except RecurrenceError:
        assume(False)


@settings(max_examples=150, deadline=None)
@given(rule=rules(), start=starts, timezone=ZONES, seconds=st.floats(0, 1), **CHOICES)
def test_occurrences_increase_and_nothing_lies_between(rule, start, seconds, **fields):
    found = any_schedule(rule, start, **fields)
    due = found.upcoming(LONG_AGO, 15)
    assert due == sorted(set(due))
    for earlier, later in pairwise(due):
        between = earlier + (later - earlier) * seconds * 0.999
        assert found.after(between) == later


@settings(max_examples=100, deadline=None)
@given(rule=rules(), start=starts, timezone=ZONES, **CHOICES)
def test_canonical_text_makes_the_same_schedule(rule, start, **fields):
    found = any_schedule(rule, start, **fields)
    again = Schedule(starts_at=start, recurrence=found.recurrence, **fields)
    assert again == found
    assert again.upcoming(LONG_AGO, 10) == found.upcoming(LONG_AGO, 10)


@settings(max_examples=150, deadline=None)
@given(rule=rules(), start=starts, timezone=ZONES, count=st.integers(1, 40), **CHOICES)
def test_count_keeps_the_first_instants(rule, start, count, **fields):
    endless = any_schedule(rule, start, **fields).upcoming(LONG_AGO, count)
    counted = any_schedule(f"{rule};COUNT={count}", start, **fields)
    assert counted.upcoming(LONG_AGO, count + 1) == endless
    assert len(endless) < count or counted.last() == endless[-1]


@settings(max_examples=150, deadline=None)
@given(rule=rules(), start=starts, timezone=ZONES, **CHOICES)
def test_before_goes_back_the_way_of_after(rule, start, **fields):
    found = any_schedule(rule, start, **fields)
    due = found.upcoming(LONG_AGO, 30)
    assert [found.before(at) for at in due] == [None, *due[:-1]][: len(due)]


@settings(max_examples=100, deadline=None)
@given(rule=rules(), start=starts, timezone=ZONES, days=st.integers(0, 2000), **CHOICES)
def test_until_keeps_what_is_not_later(rule, start, days, **fields):
    endless = any_schedule(rule, start, **fields).upcoming(LONG_AGO, 20)
    until = start + timedelta(days=days)
    bounded = Schedule(starts_at=start, recurrence=f"{rule};UNTIL={until:%Y%m%dT%H%M%SZ}", **fields)
    kept = [at for at in endless if at.replace(tzinfo=None) <= until]
    assert bounded.upcoming(LONG_AGO, 20)[: len(kept)] == kept
    assert len(kept) == 20 or bounded.last() == (kept[-1] if kept else None)


@settings(max_examples=150, deadline=None)
@given(
    hours=st.integers(1, 5),
    timezone=st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe"]),
    ex=st.lists(st.integers(0, 96), max_size=6),
    added=st.lists(st.integers(0, 96), max_size=6),
    autumn=st.booleans(),
    **CHOICES,
)
def test_dates_are_excluded_and_added_as_instants(hours, timezone, ex, added, autumn, **choice):
    change = next_change(timezone, autumn)
    walls = [change + n * HOUR / 2 for n in range(-48, 49)]
    exdates, rdates = [walls[n] for n in ex], [walls[n] for n in added]
    found = schedule(
        f"FREQ=HOURLY;INTERVAL={hours}",
        walls[0],
        timezone,
        exdates=exdates,
        rdates=rdates,
        **choice,
    )
    ruled = walls[:: 2 * hours]
    due = instants(ruled + rdates, timezone, **choice) - instants(exdates, timezone, **choice)
    end = min(walls[-1] - timedelta(hours=8), ruled[-1]).replace(tzinfo=UTC) - 15 * HOUR
    expected = sorted(at for at in due if at <= end)
    assert found.upcoming(LONG_AGO, len(expected)) == expected


@cache
def next_change(timezone, autumn):
    """The wall time of a clock change of 2026."""
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + n * HOUR / 2 for n in range(17_520)]
    shown = [local_time(at, timezone) for at in moments]
    moves = [b for a, b in pairwise(shown) if (b - a < HOUR / 2 if autumn else b - a > HOUR / 2)]
    return moves[0]


def instants(walls, timezone, gap, fold):
    return {at for wall in walls for at in to_utc(wall, timezone, gap, fold)}


# The object


def test_a_schedule_does_not_change():
    with pytest.raises(AttributeError):
        schedule().timezone = "UTC"


def test_equal_schedules_are_equal_however_they_are_written():
    one = schedule("RRULE:BYDAY=TU,MO;FREQ=WEEKLY;INTERVAL=1", leads=[HOUR, timedelta(0)])
    other = schedule("FREQ=WEEKLY;BYDAY=MO,TU", leads=(timedelta(0), HOUR))
    assert one == other
    assert hash(one) == hash(other)
    assert one != schedule("FREQ=WEEKLY;BYDAY=MO,TU")


def test_a_naive_moment_is_a_mistake_of_the_caller():
    with pytest.raises(TypeError):
        schedule().after(START)


# Clock changes, told


def test_a_moved_occurrence_is_told():
    rule = schedule("FREQ=DAILY", datetime(2026, 3, 28, 2, 30))
    change = rule.clock_change(datetime(2026, 3, 29, 1, 30, tzinfo=UTC))
    assert (change.kind, change.wall) == ("gap", datetime(2026, 3, 29, 2, 30))
    assert change.text == "02:30 is skipped on 29 March 2026: moved to 03:30"


@pytest.mark.parametrize(("hour", "which"), [(0, "first"), (1, "second")])
def test_a_repeated_occurrence_is_told(hour, which):
    rule = schedule("FREQ=DAILY", datetime(2026, 10, 24, 2, 30), fold="both")
    change = rule.clock_change(datetime(2026, 10, 25, hour, 30, tzinfo=UTC))
    assert change.text == f"02:30 comes twice on 25 October 2026: this is the {which}"


def test_an_ordinary_occurrence_has_nothing_to_tell():
    rule = schedule("FREQ=DAILY")
    assert rule.clock_change(rule.after(LONG_AGO)) is None


def test_clock_changes_of_a_year_include_what_is_skipped():
    rule = schedule("FREQ=DAILY", datetime(2026, 1, 1, 2, 30), gap="skip", fold="both")
    found = rule.clock_changes(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    assert [
        (change.kind, change.due_at and f"{change.due_at:%m-%d %H:%M}") for change in found
    ] == [
        ("gap", None),
        ("fold", "10-25 00:30"),
        ("fold", "10-25 01:30"),
    ]


def test_real_pace_skips_nothing():
    rule = schedule("*/30 * * * *", datetime(2026, 3, 1, 0, 0), gap="skip")
    found = rule.clock_changes(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    assert found == []


def test_the_engine_imports_nothing_but_the_standard_library_and_the_zones():
    script = (
        "import sys, reminders.recurrence\n"
        "third = {m.split('.')[0] for m in sys.modules} - sys.stdlib_module_names\n"
        "print(sorted(m for m in third if m[0] != '_'))"
    )
    run = subprocess.run(
        [sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert run.stdout.strip() == "['accounts', 'reminders']"
