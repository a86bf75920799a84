"""Calendars in the shapes of other programs: due at the instants that other libraries give.

corpus/expected_by_ical_js.json was made once by ical.js 2.2.1, with the script beside it. It stands
only for files that ical.js reads as RFC 5545 has it; the others have their dates written out here.
dateutil expands the same rules anew in each run, with the zones that icalendar reads.
"""

import json
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from pathlib import Path

import pytest
from dateutil.rrule import rrulestr
from icalendar import Calendar

from accounts import timezones
from reminders.exchange.icalendar.file_reader import read
from reminders.recurrence import Schedule

CORPUS = Path(__file__).parent / "corpus"
HOME = "Europe/Berlin"
BEGIN, END = datetime(2027, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ALL_DAY_AT = time(9)
# The zone of times without one, in files that name it.
FLOATING = {"tv_feed.ics": "America/New_York"}
BY_ICAL_JS = json.loads((CORPUS / "expected_by_ical_js.json").read_text())
BY_HAND = {
    "exchange_all_day.ics": {
        "On call": [
            *(f"2027-01-{day}" for day in ("04", "18")),
            *(f"2027-02-{day}" for day in ("08", "15", "22")),
            *(f"2027-03-{day}" for day in ("01", "08", "15", "22", "29")),
            *(f"2027-04-{day}" for day in ("05", "12", "19", "26")),
            *(f"2027-05-{day}" for day in ("03", "10", "17", "24", "31")),
            *(f"2027-06-{day}" for day in ("07", "14", "21")),
        ],
        "On call (moved)": ["2027-01-12"],
    },
    "outlook_undefined.ics": {
        "Payroll": ["2027-03-15T13:00:00Z"],
        "Release": ["2027-07-05T07:00:00Z"],
        "Handover": ["2027-07-05T03:30:00Z"],
        "Deploy": ["2027-07-05T08:00:00Z"],
    },
    "phone.vcs": {
        "Müllabfuhr und Altpapier": [
            f"2027-01-{day}T09:00:00" for day in ("04", "11", "14", "21", "25", "28")
        ],
        "Kärcher": [f"2027-{day}T08:00:00" for day in ("01-31", "02-28", "03-31")],
        "Stammtisch": [f"2027-{day}T12:00:00" for day in ("03-05", "04-02", "05-07")],
    },
    "thunderbird.ics": {
        "Tax return": ["2027-05-31T15:00:00Z"],
        "Water the plants": [
            *(f"2027-03-{day}T19:00:00Z" for day in ("02", "09", "16", "23")),
            "2027-03-30T18:00:00Z",
        ],
    },
    "sports_feed.ics": {"Home v Away": ["2027-02-13T15:00:00Z"]},
    "school_timetable.ics": {
        "Maths": [f"2027-01-{day}T07:00:00Z" for day in (11, 25)],
        "French": [f"2027-01-{day}T07:00:00Z" for day in (12, 19, 26)],
        "Physics": [f"2027-01-{day}T07:00:00Z" for day in (13, 20, 27)],
    },
}
LEAP_DAY = {"Leap day": ["2028-02-29"]}


def due_instants(name: str, home: str = HOME) -> dict[str, list[datetime]]:
    """Return when the reminders of a file are due within two years, by their titles."""
    found = defaultdict(list)
    for draft in read((CORPUS / name).read_bytes(), home).drafts:
        fields = draft.fields
        schedule = Schedule.validate(
            starts_at=datetime.fromisoformat(fields["starts_at"]),
            timezone=fields["timezone"],
            recurrence=fields["recurrence"],
            exdates=map(datetime.fromisoformat, fields["exdates"]),
            rdates=map(datetime.fromisoformat, fields["rdates"]),
        )
        upcoming = schedule.upcoming(BEGIN - timedelta(seconds=1), 1_000)
        found[fields["title"]] += [at for at in upcoming if at < END]
    return {title: sorted(instants) for title, instants in found.items() if instants}


def instant(text: str, name: str, home: str = HOME) -> datetime:
    """Return the instant of a date, a time in UTC, or a time of the file's own zone."""
    if len(text) == len("2027-01-04"):
        return aware(datetime.combine(date.fromisoformat(text), ALL_DAY_AT), home)
    if text.endswith("Z"):
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    return aware(datetime.fromisoformat(text), FLOATING.get(name, home))


def aware(wall: datetime, zone: str) -> datetime:
    return wall.replace(tzinfo=timezones.zone(zone)).astimezone(UTC)


def expected(titles: dict[str, list[str]], name: str, home: str = HOME) -> dict:
    return {title: [instant(text, name, home) for text in texts] for title, texts in titles.items()}


@pytest.mark.parametrize("name", sorted(BY_ICAL_JS))
def test_calendar_is_due_when_ical_js_says(name):
    titles = BY_ICAL_JS[name] | (LEAP_DAY if name == "history.ics" else {})
    assert due_instants(name) == expected(titles, name)


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_calendar_is_due_as_its_program_means_it(name):
    assert due_instants(name) == expected(BY_HAND[name], name)


@pytest.mark.parametrize("home", ["UTC", "America/Los_Angeles", "Asia/Tokyo", "Pacific/Auckland"])
@pytest.mark.parametrize("name", ["exchange_all_day.ics", "google.ics", "history.ics"])
def test_dates_are_the_same_wherever_the_reader_is(name, home):
    titles = {**BY_ICAL_JS.get(name, BY_HAND.get(name)), **(LEAP_DAY if "hist" in name else {})}
    assert due_instants(name, home) == expected(titles, name, home)


@pytest.mark.parametrize("name", sorted(BY_ICAL_JS))
def test_calendar_is_due_when_dateutil_says(name):
    assert due_instants(name) == by_dateutil(name)


def by_dateutil(name: str) -> dict[str, list[datetime]]:
    """Expand a file by dateutil, with the zones that icalendar reads from it."""
    events = Calendar.from_ical((CORPUS / name).read_bytes()).walk("VEVENT")
    changed = {
        (str(event["UID"]), naive(event["RECURRENCE-ID"].dt))
        for event in events
        if "RECURRENCE-ID" in event
    }
    found = defaultdict(list)
    for event in events:
        start = event["DTSTART"].dt
        out = {wall for uid, wall in changed if uid == event["UID"] and "RRULE" in event}
        walls = (walls_of(event) | dates_of(event, "RDATE")) - dates_of(event, "EXDATE") - out
        instants = (at_instant(wall, start, name) for wall in walls)
        found[str(event["SUMMARY"])] += [at for at in instants if BEGIN <= at < END]
    return {title: sorted(instants) for title, instants in found.items() if instants}


def naive(moment: date) -> datetime:
    if isinstance(moment, datetime):
        return moment.replace(tzinfo=None)
    return datetime.combine(moment, time.min)


def walls_of(event) -> set[datetime]:
    start = event["DTSTART"].dt
    if "RRULE" not in event:
        return {naive(start)}
    rule = event["RRULE"]
    for until in rule.get("UNTIL", []):
        zone = getattr(start, "tzinfo", None)
        is_utc = getattr(until, "tzinfo", None) is not None
        local = until.astimezone(zone) if is_utc and zone else until
        rule["UNTIL"] = [naive(local)]
    expanded = rrulestr(rule.to_ical().decode(), dtstart=naive(start))
    return set(takewhile(lambda wall: wall < END.replace(tzinfo=None) + DAY, expanded))


def dates_of(event, name: str) -> set[datetime]:
    found = event.get(name, [])
    lists = found if isinstance(found, list) else [found]
    return {naive(each.dt) for several in lists for each in several.dts}


def at_instant(wall: datetime, start: date, name: str) -> datetime:
    if not isinstance(start, datetime):
        return aware(datetime.combine(wall.date(), ALL_DAY_AT), HOME)
    if start.tzinfo is None:
        return aware(wall, FLOATING.get(name, HOME))
    return wall.replace(tzinfo=start.tzinfo).astimezone(UTC)
