"""Leads: days are nominal, hours exact, and each is written as it was given."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.durations import DurationError
from reminders.recurrence import Fire, Lead, RecurrenceError, Schedule

DAY, WEEK, HOURS = Lead(days=1), Lead(days=7), Lead(seconds=86_400)
LONG_AGO = datetime(1999, 1, 1, tzinfo=UTC)


def fire_of(wall, zone, lead, **fields):
    schedule = Schedule(
        starts_at=datetime.fromisoformat(wall), timezone=zone, leads=[lead], **fields
    )
    fire = schedule.next_fire(LONG_AGO)
    return f"{fire.fire_at:%Y-%m-%dT%H:%MZ}"


@pytest.mark.parametrize(
    ("zone", "wall", "lead", "fire_at"),
    [
        ("Europe/Berlin", "2027-03-28T09:00", DAY, "2027-03-27T08:00Z"),
        ("Europe/Berlin", "2027-03-28T09:00", HOURS, "2027-03-27T07:00Z"),
        ("Europe/Berlin", "2027-03-29T09:00", WEEK, "2027-03-22T08:00Z"),
        ("Europe/Berlin", "2027-10-31T09:00", DAY, "2027-10-30T07:00Z"),
        ("Europe/Berlin", "2027-10-31T09:00", HOURS, "2027-10-30T08:00Z"),
        ("America/New_York", "2027-03-14T09:00", DAY, "2027-03-13T14:00Z"),
        ("America/New_York", "2027-03-14T09:00", HOURS, "2027-03-13T13:00Z"),
        ("America/New_York", "2027-11-07T09:00", DAY, "2027-11-06T13:00Z"),
        # Half an hour.
        ("Australia/Lord_Howe", "2027-04-04T09:00", DAY, "2027-04-02T22:00Z"),
        ("Australia/Lord_Howe", "2027-10-03T09:00", DAY, "2027-10-01T22:30Z"),
        # 30 December 2011 was not on the calendar: what falls into it is a day later.
        ("Pacific/Apia", "2011-12-31T09:00", Lead(days=2), "2011-12-29T19:00Z"),
        ("Pacific/Apia", "2011-12-31T09:00", DAY, "2011-12-30T19:00Z"),
        # Days first, then the exact part (RFC 5545 3.3.6).
        ("Europe/Berlin", "2027-03-29T01:00", Lead(1, 7200), "2027-03-27T22:00Z"),
        ("Europe/Berlin", "2027-03-28T09:00", Lead(1, -32_400), "2027-03-27T17:00Z"),
        ("Asia/Kathmandu", "2027-03-28T09:00", DAY, "2027-03-27T03:15Z"),
    ],
)
def test_lead_of_days_fires_at_the_same_wall_time(zone, wall, lead, fire_at):
    assert fire_of(wall, zone, lead) == fire_at


@pytest.mark.parametrize(
    ("gap", "fire_at"),
    [("after", "03-28T01:30Z"), ("before", "03-28T00:30Z"), ("skip", "03-28T01:30Z")],
)
def test_lead_whose_wall_time_is_skipped_fires_where_due_instants_go(gap, fire_at):
    """A reminder that skips such times is due the day after, and is announced nevertheless."""
    assert fire_of("2027-03-29T02:30", "Europe/Berlin", DAY, gap=gap) == f"2027-{fire_at}"


@pytest.mark.parametrize(
    ("fold", "fire_at"),
    [("first", "10-31T00:30Z"), ("second", "10-31T01:30Z"), ("both", "10-31T00:30Z")],
)
def test_lead_whose_wall_time_comes_twice_fires_once(fold, fire_at):
    assert fire_of("2027-11-01T02:30", "Europe/Berlin", DAY, fold=fold) == f"2027-{fire_at}"


def test_lead_of_a_time_that_a_gap_moved_is_the_time_asked_for():
    assert fire_of("2027-03-28T02:30", "Europe/Berlin", DAY) == "2027-03-27T01:30Z"


def test_leads_of_two_times_that_meet_in_a_gap_both_fire():
    schedule = Schedule(
        starts_at=datetime(2027, 3, 29, 2),
        timezone="Europe/Berlin",
        recurrence="FREQ=DAILY;COUNT=2;BYHOUR=2,3",
        leads=[DAY],
    )
    first = schedule.next_fire(LONG_AGO)
    second = schedule.next_fire(*first.order)
    at = datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert [(fire.fire_at, fire.due_at.hour) for fire in (first, second)] == [(at, 0), (at, 1)]
    assert schedule.next_fire(*second.order) is None


ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "America/Santiago",
    "Pacific/Apia",
    "UTC",
)
RULES = (
    "FREQ=DAILY",
    "FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=10,40",
    "FREQ=WEEKLY;BYDAY=SU,MO",
    "FREQ=HOURLY;INTERVAL=5",
    "*/45 * * * *",
    "30 2 * * *",
)
leads = st.builds(Lead, st.integers(0, 8), st.sampled_from([0, 0, 3600, 5400, 86_400]))


def naive(schedule, due_at, lead):
    """Work out a fire by Python's own clock; a due instant must not have been moved."""
    zone = ZoneInfo(schedule.timezone)
    local = due_at.astimezone(zone)
    wall = local.replace(tzinfo=None, fold=0) - timedelta(days=lead.days)
    first = wall.replace(tzinfo=zone).astimezone(UTC)
    return first - timedelta(seconds=lead.seconds)


@given(
    zone=st.sampled_from(ZONES),
    recurrence=st.sampled_from(RULES),
    start=st.datetimes(datetime(2011, 12, 20), datetime(2028, 1, 1)),
    chosen=st.lists(leads, min_size=1, max_size=3, unique_by=lambda lead: lead.length),
    day=st.integers(0, 400),
)
def test_fires_are_those_of_each_due_instant_in_order(zone, recurrence, start, chosen, day):
    """Nothing is left out and nothing comes twice, also where a clock change crosses them."""
    schedule = Schedule(
        starts_at=start.replace(microsecond=0),
        timezone=zone,
        recurrence=recurrence,
        leads=chosen,
    )
    begin = start.replace(microsecond=0, tzinfo=UTC) + timedelta(days=day)
    end = begin + timedelta(days=3)
    dues = schedule.upcoming(begin - timedelta(days=3), 2_000)
    expected = [
        Fire(fire_at, due, lead)
        for due in dues
        for lead in schedule.leads
        if begin < (fire_at := schedule.fire(due, lead).fire_at) <= end
    ]
    fires, fire = [], schedule.next_fire(begin)
    while fire is not None and fire.fire_at <= end:
        fires.append(fire)
        fire = schedule.next_fire(*fire.order)
    assert fires == sorted(expected, key=lambda fire: fire.order)
    for fire in fires:
        if schedule.clock_change(fire.due_at) is None:
            assert fire.fire_at == naive(schedule, fire.due_at, fire.lead)


def test_leads_of_one_length_are_refused():
    with pytest.raises(RecurrenceError, match="PT24H and P1D are of one length"):
        Schedule(starts_at=datetime(2027, 1, 1), timezone="UTC", leads=[DAY, HOURS])


@pytest.mark.parametrize("lead", [Lead(days=367), Lead(-1, 90_000), Lead(2, -90_000), Lead(0, -1)])
def test_lead_out_of_range_is_refused(lead):
    with pytest.raises(RecurrenceError, match="days"):
        Schedule(starts_at=datetime(2027, 1, 1), timezone="UTC", leads=[lead])


@pytest.mark.parametrize(
    ("text", "lead", "written"),
    [
        ("PT0S", Lead(), "PT0S"),
        ("P1D", DAY, "P1D"),
        ("PT24H", HOURS, "PT24H"),
        ("PT36H", Lead(seconds=129_600), "PT36H"),
        ("P1DT12H", Lead(1, 43_200), "P1DT12H"),
        ("P1W", WEEK, "P7D"),
        ("P1W2DT90M", Lead(9, 5400), "P9DT1H30M"),
        ("P1DT-9H", Lead(1, -32_400), "P1DT-9H"),
        ("PT5M30S", Lead(seconds=330), "PT5M30S"),
    ],
)
def test_lead_is_written_as_it_was_given(text, lead, written):
    assert Lead.read(text) == lead
    assert str(lead) == written
    assert Lead.read(written) == lead


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "PT1.5S", "PT５M", "P1M", "1D", "p1d", "P1D "]
)
def test_text_that_is_no_duration_is_no_lead(text):
    with pytest.raises(DurationError, match="PT5M"):
        Lead.read(text)


def test_leads_are_ordered_by_length():
    assert sorted([WEEK, DAY, HOURS, Lead(), Lead(1, -3600)]) == [
        Lead(),
        Lead(1, -3600),
        HOURS,
        DAY,
        WEEK,
    ]
