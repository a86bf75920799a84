"""Reminders written as a calendar: valid elsewhere, with the very instants, and read back whole."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st
from ical.calendar_stream import IcsCalendarStream
from icalendar import Calendar

from accounts import timezones
from accounts.models import User
from reminders.exchange.drafts import PAUSED
from reminders.exchange.icalendar.file_reader import read
from reminders.exchange.icalendar.file_writer import folded, write
from reminders.exchange.icalendar.vtimezone import content_lines
from reminders.models import Reminder
from reminders.recurrence import RecurrenceError, Schedule, local_time

NOW = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=366)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca")
RULES = (
    "",
    "FREQ=DAILY",
    "FREQ=DAILY;COUNT=40",
    "FREQ=DAILY;INTERVAL=3;BYDAY=MO",
    "FREQ=DAILY;BYHOUR=1,2,3",
    "FREQ=HOURLY;INTERVAL=6",
    "FREQ=WEEKLY;BYDAY=MO,WE",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU",
    "FREQ=WEEKLY;UNTIL=20271201T120000",
    "FREQ=MONTHLY;BYDAY=-1FR",
    "FREQ=MONTHLY;BYMONTHDAY=31",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU",
    "FREQ=YEARLY;BYWEEKNO=20",
    "0 9 * * 1-5",
    "30 2 * * *",
    "0 */3 * * *",
    "0 12 1 * 1",
    "0 8 L * *",
    "0 8 * * 5L",
    "0 9 LW * *",
    "15 6 1,15 3,9 *",
)


def unsaved(**fields) -> Reminder:
    stored = {
        "pk": 7,
        "owner": User(pk=1, username="ada"),
        "title": "Stand-up",
        "starts_at": datetime(2027, 1, 4, 9),
        "timezone": "Europe/Berlin",
        "created_at": NOW,
        "updated_at": NOW,
        **fields,
    }
    return Reminder(**stored)


def written(*reminders: Reminder, **kwargs) -> str:
    return "".join(write(reminders, NOW, **kwargs))


def lines(text: str) -> list[str]:
    return text.replace("\r\n ", "").split("\r\n")


def instants(text: str, until: datetime) -> list[datetime]:
    """Expand the one event of a calendar as RFC 5545 has it, with libraries that are not ours."""
    (event,) = Calendar.from_ical(text).walk("VEVENT")
    start = event["DTSTART"].dt
    zone = timezones.zone(event["DTSTART"].params.get("TZID", "UTC"))
    wall = start.replace(tzinfo=zone)
    walls = {wall}
    if "RRULE" in event:
        rule = rrulestr(event["RRULE"].to_ical().decode(), dtstart=wall)
        walls = set(takewhile(lambda each: each.astimezone(UTC) <= until, rule))
    dates = {name: _dates(event, name) for name in ("EXDATE", "RDATE")}
    out = {each.replace(tzinfo=None) for each in dates["EXDATE"]}
    kept = {each.replace(fold=0) for each in walls if each.replace(tzinfo=None) not in out}
    found = {each.astimezone(UTC) for each in kept} | {
        each.astimezone(UTC) for each in dates["RDATE"]
    }
    return sorted(each for each in found if NOW < each <= until)


def _dates(event, name: str) -> list[datetime]:
    found = event.get(name, [])
    lists = found if isinstance(found, list) else [found]
    return [
        each.dt.replace(tzinfo=timezones.zone(several.params.get("TZID", "UTC")))
        for several in lists
        for each in several.dts
    ]


@st.composite
def schedules(draw) -> dict:
    fields = {
        "starts_at": datetime(
            draw(st.sampled_from([2026, 2027])),
            draw(st.integers(1, 12)),
            draw(st.integers(1, 28)),
            draw(st.sampled_from([0, 1, 2, 3, 9, 18])),
            draw(st.sampled_from([0, 30])),
        ),
        "timezone": draw(st.sampled_from(ZONES)),
        "recurrence": draw(st.sampled_from(RULES)),
        "gap": draw(st.sampled_from(["after", "before", "skip"])),
        "fold": draw(st.sampled_from(["first", "second", "both"])),
    }
    chosen = draw(st.sets(st.integers(0, 9), max_size=3))
    months = draw(st.sets(st.integers(1, 12), max_size=2))
    try:
        ahead = Schedule.validate(**fields).upcoming(NOW, 10)
    except RecurrenceError:
        ahead = []
    fields["exdates"] = [
        local_time(each, fields["timezone"]) for n, each in enumerate(ahead) if n in chosen
    ]
    fields["rdates"] = [datetime(2027, month, 28, 2, 30) for month in months]
    return fields


def planned(fields: dict) -> Schedule | None:
    try:
        schedule = Schedule.validate(**fields)
    except RecurrenceError:
        return None
    return schedule if schedule.after(NOW) else None


@given(schedules())
@settings(max_examples=60, deadline=None)
def test_other_programs_see_the_very_instants(fields):
    schedule = planned(fields)
    if schedule is None:
        return
    text = written(unsaved(**fields), whole=False)
    until = NOW + YEAR
    if "RRULE" not in text and fields["recurrence"]:
        # Written out, for as long as it goes.
        until = min(until, instants(text, NOW + 3 * YEAR)[-1])
    due = [each for each in schedule.upcoming(NOW, 10_000) if each <= until]
    assert instants(text, until) == due


@given(schedules())
@settings(max_examples=60, deadline=None)
def test_second_library_reads_what_is_written(fields):
    if planned(fields):
        (found,) = IcsCalendarStream.from_ics(written(unsaved(**fields))).calendars
        assert [event.uid for event in found.events] == ["reminder-7@127.0.0.1"]


TEXTS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


@given(schedules(), st.text(TEXTS, max_size=40), st.text(TEXTS, max_size=300))
@settings(max_examples=60, deadline=None)
def test_what_foam_writes_it_reads_back_whole(fields, title, body):
    if planned(fields) is None:
        return
    words = {"title": title or "x", "body": body}
    reminder = unsaved(**fields, **words, leads=[timedelta(0), timedelta(hours=1)], tags=["a,b"])
    reading = read(written(reminder).encode(), "Asia/Tokyo")
    (draft,) = reading.drafts
    assert reading.losses == []
    got = draft.fields
    for name in ("timezone", "recurrence", "gap", "fold", "misfire", "tags"):
        assert got[name] == getattr(reminder, name)
    for name in ("exdates", "rdates"):
        assert got[name] == [each.isoformat() for each in fields[name]]
    assert got["starts_at"] == fields["starts_at"].isoformat()
    assert got["leads"] == ["PT0S", "PT1H"]
    assert (got["title"], got["body"]) == (words["title"], words["body"])


@given(schedules())
@settings(max_examples=60, deadline=None)
def test_without_what_is_ours_the_instants_are_still_read_back(fields):
    schedule = planned(fields)
    if schedule is None:
        return
    (draft,) = read(written(unsaved(**fields), whole=False).encode(), fields["timezone"]).drafts
    names = ("starts_at", "exdates", "rdates")
    found = {name: draft.fields[name] for name in ("timezone", "recurrence")}
    for name in names:
        value = draft.fields[name]
        found[name] = (
            [datetime.fromisoformat(each) for each in value]
            if isinstance(value, list)
            else datetime.fromisoformat(value)
        )
    again = Schedule.validate(**found)
    is_endless = again.last() is None
    due = [each for each in schedule.upcoming(NOW, 50) if each < NOW + YEAR]
    got = again.upcoming(NOW, len(due))
    # A moment of the hour that comes twice, as a date of its own, is not one of our wall clock.
    assert {*got} >= {*due[: len(got)]} or fields["fold"] != "first" or not is_endless


def test_event_has_all_that_a_reminder_says():
    reminder = unsaved(
        title="Tea, {{green}}; now",
        body="Line 1\nLine 2 \\ end",
        tags=["Home", "a,b"],
        recurrence="FREQ=WEEKLY;BYDAY=MO",
        exdates=[datetime(2027, 1, 11, 9)],
        rdates=[datetime(2027, 3, 2, 12)],
        leads=[timedelta(0), timedelta(minutes=10)],
        version=4,
        external_id="tea-1",
    )
    found = lines(written(reminder, whole=False))
    for line in (
        "UID:tea-1",
        "SUMMARY:Tea\\, {green}\\; now",
        "DESCRIPTION:Line 1\\nLine 2 \\\\ end",
        "CATEGORIES:Home,a\\,b",
        "DTSTART;TZID=Europe/Berlin:20270104T090000",
        "RRULE:FREQ=WEEKLY;BYDAY=MO",
        "EXDATE;TZID=Europe/Berlin:20270111T090000",
        "RDATE;TZID=Europe/Berlin:20270302T120000",
        "TRIGGER:PT0S",
        "TRIGGER:-PT10M",
        "SEQUENCE:4",
        "STATUS:CONFIRMED",
        "DTSTAMP:20261123T170000Z",
    ):
        assert line in found


def test_start_is_the_first_real_occurrence():
    reminder = unsaved(starts_at=datetime(2027, 1, 5, 9), recurrence="FREQ=WEEKLY;BYDAY=MO")
    assert "DTSTART;TZID=Europe/Berlin:20270111T090000" in lines(written(reminder))


def test_skipped_occurrence_is_left_out():
    reminder = unsaved(recurrence="FREQ=WEEKLY")
    skipped = {7: [datetime(2027, 1, 11, 8, tzinfo=UTC)]}
    found = lines(written(reminder, skipped=skipped))
    assert "EXDATE;TZID=Europe/Berlin:20270111T090000" in found


def test_paused_reminder_is_tentative_and_read_back_as_paused():
    text = written(unsaved(status="paused"))
    assert "STATUS:TENTATIVE" in lines(text)
    assert read(text.encode(), "UTC").drafts[0].state == PAUSED


def test_template_is_shown_as_it_stands_and_read_back_as_one():
    text = written(unsaved(title="Rent {number} {{x}}"))
    assert "SUMMARY:Rent {number} {x}" in lines(text)
    assert read(text.encode(), "UTC").drafts[0].fields["title"] == "Rent {number} {{x}}"


def test_what_another_program_has_changed_counts_and_behaviour_stays():
    text = written(unsaved(misfire="all", title="Rent {number}", recurrence="0 9 4 * *"))
    moved = text.replace(":20270104T090000", ":20270105T100000")
    (draft,) = read(moved.encode(), "UTC").drafts
    assert draft.fields["misfire"] == "all"
    assert draft.fields["title"] == "Rent {{number}}"
    assert draft.fields["rdates"] == ["2027-01-05T10:00:00"]


def test_what_no_rule_can_say_is_written_out_for_two_years():
    text = written(unsaved(recurrence="0 12 1 * 1"), whole=False)
    assert "RRULE" not in "".join(line for line in lines(text) if "FREQ=YEARLY" not in line)
    assert len(instants(text, NOW + 3 * YEAR)) > 100


@pytest.mark.parametrize("line", ["x" * 76, "ä" * 80, "X:" + "🎉" * 50, "y" * 1_000])
def test_line_is_folded_at_75_octets_and_never_within_a_character(line):
    pieces = folded(line).split("\r\n ")
    assert "".join(pieces) == line
    assert all(len(f" {piece}".encode()) <= 76 for piece in pieces)
    assert len(pieces[0].encode()) <= 75


def test_zone_is_written_once_before_its_first_event():
    text = written(unsaved(), unsaved(pk=8), unsaved(pk=9, timezone="Asia/Tokyo"))
    assert [text.count(f"TZID:{name}\r\n") for name in ("Europe/Berlin", "Asia/Tokyo")] == [1, 1]


@pytest.mark.parametrize("name", [*ZONES[1:], "Europe/Dublin", "Asia/Kathmandu", "Asia/Gaza"])
def test_vtimezone_has_the_offsets_of_the_zone(name):
    text = "\r\n".join(["BEGIN:VCALENDAR", *content_lines(name), "END:VCALENDAR", ""])
    (found,) = Calendar.from_ical(text.replace(f"TZID:{name}", "TZID:Of its own")).walk("VTIMEZONE")
    theirs, ours = found.to_tz(lookup_tzid=False), timezones.zone(name)
    at = datetime(1971, 1, 1, tzinfo=UTC)
    while at.year < 2037:
        assert at.astimezone(theirs).utcoffset() == at.astimezone(ours).utcoffset(), at
        at += timedelta(days=5, hours=7)


def test_reminder_that_cannot_be_read_stops_no_other():
    text = written(unsaved(recurrence="FREQ=NEVER"), unsaved(pk=8))
    assert "UID:reminder-8@127.0.0.1" in lines(text)
    assert any(line.startswith("COMMENT:Reminder 7:") for line in lines(text))
