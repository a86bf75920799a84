"""The dates of a calendar: of all-day series, of days left out, and of long ago."""

from datetime import UTC, date, datetime, time
from itertools import islice

import pytest
from dateutil.rrule import rrulestr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reminders.exchange.drafts import Draft
from reminders.exchange.icalendar.file_reader import read
from reminders.recurrence import Schedule
from reminders.tests.exchange.calendars import calendar, event

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
TODAY = NOW.date()
HOMES = ("Europe/Berlin", "UTC", "America/New_York", "Pacific/Auckland")
MONDAYS = ("UID:a", "DTSTART;VALUE=DATE:20270104", "RRULE:FREQ=WEEKLY;COUNT=3")
TIMED = "DTSTART;TZID=Europe/Berlin:20270104T090000"


def due_walls(draft: Draft, count: int = 9) -> list[str]:
    """Return when a draft is due from now on, by the clock of its zone."""
    fields = draft.fields
    schedule = Schedule.validate(
        starts_at=datetime.fromisoformat(fields["starts_at"]),
        timezone="UTC",
        recurrence=fields["recurrence"].replace("Z;", ";").removesuffix("Z"),
        exdates=map(datetime.fromisoformat, fields["exdates"]),
        rdates=map(datetime.fromisoformat, fields["rdates"]),
    )
    return [f"{at:%m-%d %H}" for at in schedule.upcoming(NOW, count)]


def days(*components: str, home: str = "Europe/Berlin") -> list[str]:
    drafts = read(calendar(*components), home).drafts
    return sorted(wall[:5] for draft in drafts for wall in due_walls(draft))


def losses(*components: str) -> str:
    reading = read(calendar(*components), "Europe/Berlin")
    return "\n".join(f"{loss.where}: {loss.what}" for loss in reading.losses)


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize(
    "identity",
    [
        "RECURRENCE-ID;VALUE=DATE:20270111",
        "RECURRENCE-ID;TZID=W. Europe Standard Time:20270111T000000",
        "RECURRENCE-ID;TZID=Tokyo Standard Time:20270111T000000",
        "RECURRENCE-ID;TZID=Pacific/Honolulu:20270111T000000",
        "RECURRENCE-ID:20270111T000000",
        "RECURRENCE-ID:20270110T230000Z",
    ],
)
def test_changed_day_of_an_all_day_series_is_the_day_that_its_author_saw(identity, home):
    moved = event("UID:a", identity, "DTSTART;VALUE=DATE:20270112")
    assert days(event(*MONDAYS), moved, home=home) == ["01-04", "01-12", "01-18"]


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize(
    "line",
    [
        "EXDATE;TZID=W. Europe Standard Time:20270111T000000",
        "EXDATE;TZID=Tokyo Standard Time:20270111T000000",
        "EXDATE;TZID=America/New_York:20270111T000000",
        "EXDATE:20270111T000000",
        "EXDATE;VALUE=DATE:20270111T000000",
        "EXDATE:20270110T230000Z",
        "EXDATE:20270110T150000Z",
        "EXDATE:20270111T000000Z",
        "EXDATE:20270111T050000Z",
    ],
)
def test_day_left_out_of_an_all_day_series_is_the_day_that_its_author_saw(line, home):
    assert days(event(*MONDAYS, line), home=home) == ["01-04", "01-18"]


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("zone", ["W. Europe Standard Time", "Tokyo Standard Time"])
def test_day_left_out_of_each_day_is_that_of_its_author(zone, home):
    daily = "DTSTART;VALUE=DATE:20270104", "RRULE:FREQ=DAILY;COUNT=3"
    out = f"EXDATE;TZID={zone}:20270105T000000"
    assert days(event(*daily, out), home=home) == ["01-04", "01-06"]


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("zone", ["W. Europe Standard Time", "Tokyo Standard Time"])
def test_added_day_of_an_all_day_series_is_the_day_that_its_author_saw(zone, home):
    added = f"RDATE;TZID={zone}:20270120T000000"
    assert days(event(*MONDAYS, added), home=home)[-1] == "01-20"


@pytest.mark.parametrize("home", HOMES)
def test_cancelled_day_of_an_all_day_series_is_left_out_wherever_the_reader_is(home):
    identity = "RECURRENCE-ID;TZID=Tokyo Standard Time:20270111T000000"
    gone = event("UID:a", identity, "DTSTART;VALUE=DATE:20270111", "STATUS:CANCELLED")
    assert days(event(*MONDAYS), gone, home=home) == ["01-04", "01-18"]


@pytest.mark.parametrize("home", HOMES)
def test_change_of_an_all_day_series_to_a_midnight_is_all_day(home):
    zone = "TZID=W. Europe Standard Time"
    moved = event(
        "UID:a", f"RECURRENCE-ID;{zone}:20270111T000000", f"DTSTART;{zone}:20270112T000000"
    )
    drafts = read(calendar(event(*MONDAYS), moved), home).drafts
    assert due_walls(drafts[1]) == ["01-12 09"]


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize(
    "until",
    [
        "20270118",
        "20270117T150000Z",
        "20270117T230000Z",
        "20270118T000000Z",
        "20270118T050000Z",
        "20270118T225959Z",
        "20270118T000000",
        "20270118T235959",
        "20270118T235959Z",
    ],
)
def test_last_day_of_an_all_day_series_is_in_it_wherever_the_reader_is(until, home):
    series = event("DTSTART;VALUE=DATE:20270104", f"RRULE:FREQ=WEEKLY;UNTIL={until}")
    assert days(series, home=home) == ["01-04", "01-11", "01-18"]


def test_event_that_says_that_it_is_all_day_is_a_date():
    zone = "DTSTART;TZID=W. Europe Standard Time:20270104T000000"
    event_ = event(zone, "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE")
    (draft,) = read(calendar(event_), "America/New_York").drafts
    assert draft.fields["starts_at"] == "2027-01-04T09:00:00"
    assert draft.fields["timezone"] == "America/New_York"


@pytest.mark.parametrize(
    ("begin", "rule", "due"),
    [
        ("17760704", "FREQ=YEARLY", "2027-07-04"),
        ("18790314", "FREQ=YEARLY", "2027-03-14"),
        ("18990620", "FREQ=YEARLY", "2027-06-20"),
        ("16040229", "FREQ=YEARLY", "2028-02-29"),
        ("00010704", "FREQ=YEARLY", "2027-07-04"),
        ("18630101", "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "2027-11-25"),
        ("18000101", "FREQ=YEARLY;INTERVAL=7", "2031-01-01"),
        ("18960229", "FREQ=YEARLY;INTERVAL=3", "2028-02-29"),
        ("18870103", "FREQ=WEEKLY;INTERVAL=5", "2026-11-30"),
        ("18000131", "FREQ=MONTHLY;INTERVAL=7", "2026-12-31"),
        ("17760704", "FREQ=YEARLY;COUNT=252", "2027-07-04"),
        ("17760704", "FREQ=YEARLY;UNTIL=20270704", "2027-07-04"),
        ("18990101", "FREQ=DAILY;INTERVAL=1000", "2027-09-07"),
    ],
)
def test_series_of_long_ago_has_the_same_dates_today(begin, rule, due):
    reading = read(calendar(event(f"DTSTART;VALUE=DATE:{begin}", f"RRULE:{rule}")), "UTC")
    fields = reading.drafts[0].fields
    schedule = Schedule.validate(
        starts_at=datetime.fromisoformat(fields["starts_at"]),
        timezone="UTC",
        recurrence=fields["recurrence"],
    )
    assert f"{schedule.after(NOW):%Y-%m-%d}" == due
    began = f"it began on {begin[:4]}-{begin[4:6]}-{begin[6:]}"
    assert any(began in loss.what for loss in reading.losses)


def test_count_goes_on_where_a_series_of_long_ago_is_begun_anew():
    series = event("DTSTART;VALUE=DATE:17760704", "RRULE:FREQ=YEARLY;COUNT=252")
    (draft,) = read(calendar(series), "UTC").drafts
    assert draft.fields["starts_at"] == "2001-07-04T09:00:00"
    assert draft.fields["recurrence"] == "FREQ=YEARLY;COUNT=27"


@pytest.mark.parametrize("end", ["COUNT=100", "UNTIL=19300101"])
def test_series_that_was_over_long_ago_is_told(end):
    told = losses(event("DTSTART;VALUE=DATE:17760704", f"RRULE:FREQ=YEARLY;{end}"))
    assert told.count("\n") == 0
    assert "is not imported: its rule" in told


@pytest.mark.parametrize(
    ("lines", "due"),
    [
        (
            ["RRULE:FREQ=DAILY;COUNT=6;BYHOUR=9,17"],
            ["01-04 09", "01-04 17", "01-06 09", "01-06 17"],
        ),
        (["RRULE:FREQ=DAILY;COUNT=3"], ["01-04 09", "01-06 09"]),
        (
            ["RRULE:FREQ=WEEKLY;COUNT=2", "RDATE;TZID=Europe/Berlin:20270105T150000"],
            ["01-04 09", "01-11 09"],
        ),
        (["RDATE;TZID=Europe/Berlin:20270105T150000,20270106T150000"], ["01-04 09", "01-06 15"]),
    ],
)
def test_exception_that_is_a_date_leaves_out_all_of_that_day(lines, due):
    (draft,) = read(calendar(event(TIMED, *lines, "EXDATE;VALUE=DATE:20270105")), "UTC").drafts
    assert due_walls(draft) == due


def test_additional_date_without_a_time_is_at_the_usual_time():
    (draft,) = read(calendar(event(TIMED, "RDATE;VALUE=DATE:20270107")), "UTC").drafts
    assert due_walls(draft) == ["01-04 09", "01-07 09"]


def test_change_that_is_a_date_is_of_the_one_on_that_day():
    rule = "RRULE:FREQ=DAILY;COUNT=2;BYHOUR=17"
    start = "DTSTART;TZID=Europe/Berlin:20270104T170000"
    moved = event("UID:a", "RECURRENCE-ID;VALUE=DATE:20270105", TIMED.replace("0104T09", "0105T11"))
    assert days(event("UID:a", start, rule), moved) == ["01-04", "01-05"]


def test_one_exception_that_cannot_be_read_stops_no_other_and_is_told():
    lines = TIMED, "RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20270105T080000Z,nonsense"
    assert days(event(*lines)) == ["01-04", "01-06"]
    assert "one of its EXDATE: 'nonsense' is no date or time of iCalendar" in losses(event(*lines))


@given(
    begin=st.dates(date(1700, 1, 1), date(1899, 12, 31)),
    freq=st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
    interval=st.integers(1, 9),
    choice=st.sampled_from(["", ";BYDAY=MO,TH", ";BYMONTH=2,7", ";BYDAY=TU;BYSETPOS=-1"]),
)
@settings(max_examples=60, deadline=None)
def test_series_of_long_ago_is_due_when_dateutil_says(begin, freq, interval, choice):
    if "SETPOS" in choice and freq not in {"MONTHLY", "YEARLY"}:
        choice = ""
    rule = f"FREQ={freq};INTERVAL={interval}{choice}"
    try:
        expected = list(islice(rrulestr(rule, dtstart=at_nine(begin)).xafter(at_nine(TODAY)), 5))
    except ValueError:
        expected = []
    assume(expected)
    (draft,) = read(
        calendar(event(f"DTSTART:{begin:%Y%m%d}T090000", f"RRULE:{rule}")), "UTC"
    ).drafts
    schedule = Schedule.validate(
        starts_at=datetime.fromisoformat(draft.fields["starts_at"]),
        timezone="UTC",
        recurrence=draft.fields["recurrence"],
    )
    upcoming = schedule.upcoming(at_nine(TODAY).replace(tzinfo=UTC), 5)
    assert [at.replace(tzinfo=None) for at in upcoming] == expected


def at_nine(day: date) -> datetime:
    return datetime.combine(day, time(9))
