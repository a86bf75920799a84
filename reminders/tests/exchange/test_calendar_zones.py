"""Time zones of calendars: by name, by definition, and for times that name none."""

from datetime import UTC, datetime
from itertools import permutations

import pytest

from reminders.exchange.drafts import FileContent
from reminders.exchange.icalendar.file_reader import read
from reminders.recurrence import Schedule
from reminders.tests.exchange.calendars import calendar, event

HOME = "Europe/Berlin"
NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)


def zone(tzid: str, *parts: tuple[str, str, str, str, str]) -> str:
    """Return a VTIMEZONE; a part is its kind, FROM, TO, DTSTART, and the parts of its rule."""
    lines = [f"BEGIN:VTIMEZONE\nTZID:{tzid}"]
    for kind, before, after, start, rule in parts:
        lines.append(
            f"BEGIN:{kind}\nDTSTART:{start}\nTZOFFSETFROM:{before}\nTZOFFSETTO:{after}"
            + (f"\nRRULE:FREQ=YEARLY;{rule}" if rule else "")
            + f"\nEND:{kind}"
        )
    return "\n".join([*lines, "END:VTIMEZONE", ""])


def changing(
    tzid: str,
    hours: tuple[str, str],
    spring: str,
    autumn: str,
    starts: tuple[str, str] = ("16010101T020000", "16010101T030000"),
) -> str:
    standard, daylight = hours
    return zone(
        tzid,
        ("DAYLIGHT", standard, daylight, starts[0], spring),
        ("STANDARD", daylight, standard, starts[1], autumn),
    )


EUROPE, AMERICA = ("+0100", "+0200"), ("-0500", "-0400")
OFFICE = changing("Office", EUROPE, "BYDAY=-1SU;BYMONTH=3", "BYDAY=-1SU;BYMONTH=10")
HQ = changing(
    "HQ", AMERICA, "BYDAY=2SU;BYMONTH=3", "BYDAY=1SU;BYMONTH=11", ("16010101T020000",) * 2
)
FROZEN = changing(
    "HQ",
    AMERICA,
    "BYDAY=1SU;BYMONTH=4",
    "BYDAY=-1SU;BYMONTH=10",
    ("19870405T020000", "19671029T020000"),
)
GROUPWISE = changing(
    "(GMT+0100)W. Europe",
    EUROPE,
    "BYDAY=-1SU;BYMONTH=3",
    "BYDAY=-1SU;BYMONTH=10",
    ("20000325T020000", "20001025T020000"),
)
NOTES = changing(
    "Mitteleuropa",
    EUROPE,
    "BYMINUTE=0;BYHOUR=2;BYDAY=-1SU;BYMONTH=3",
    "BYMINUTE=0;BYHOUR=2;BYDAY=-1SU;BYMONTH=10",
    ("19500326T020000", "19501029T020000"),
)
OVERLAPPING = zone(
    "Office",
    ("STANDARD", "-0400", "-0500", "19671029T020000", "BYDAY=-1SU;BYMONTH=10"),
    ("DAYLIGHT", "-0500", "-0400", "19870405T020000", "BYDAY=1SU;BYMONTH=4"),
    ("DAYLIGHT", "-0500", "-0400", "20070311T020000", "BYDAY=2SU;BYMONTH=3"),
    ("STANDARD", "-0400", "-0500", "20071104T020000", "BYDAY=1SU;BYMONTH=11"),
)


def due(reading: FileContent) -> dict[str, str]:
    """Return when each reminder of a file is due next, by its title; "" when it is over."""
    found = {}
    for draft in reading.drafts:
        fields = draft.fields
        schedule = Schedule.validate(
            starts_at=datetime.fromisoformat(fields["starts_at"]),
            timezone=fields["timezone"],
            recurrence=fields["recurrence"],
        )
        next_due = schedule.after(NOW)
        found[fields["title"]] = f"{next_due:%Y-%m-%dT%H:%MZ}" if next_due else ""
    return found


def told(reading: FileContent) -> str:
    return "\n".join(f"{loss.where}: {loss.what}" for loss in reading.losses)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_zone_is_read_for_each_event_whatever_stood_before_it(order):
    events = [
        event("SUMMARY:1975", "DTSTART;TZID=Office:19750704T090000"),
        event("SUMMARY:2027", "DTSTART;TZID=Office:20270704T090000"),
        event("SUMMARY:yearly", "DTSTART;TZID=Office:19750704T090000", "RRULE:FREQ=YEARLY"),
    ]
    reading = read(calendar(OFFICE, *(events[index] for index in order)), HOME)
    expected = {"1975": "", "2027": "2027-07-04T07:00Z", "yearly": "2027-07-04T07:00Z"}
    assert due(reading) == expected


@pytest.mark.parametrize("order", [1, -1])
def test_series_older_than_the_rules_of_its_zone_is_in_the_zone_of_today(order):
    events = [
        event("SUMMARY:yearly", "DTSTART;TZID=HQ:20010704T090000", "RRULE:FREQ=YEARLY"),
        event("SUMMARY:once", "DTSTART;TZID=HQ:20270704T090000"),
    ]
    reading = read(calendar(HQ, *events[::order]), HOME)
    assert set(due(reading).values()) == {"2027-07-04T13:00Z"}
    assert "is read as America/New_York, which has the same offsets from 2007 on" in told(reading)


@pytest.mark.parametrize(
    ("definition", "tzid", "instant"),
    [
        (GROUPWISE, "(GMT+0100)W. Europe", "2027-01-05T15:00Z"),
        (NOTES, "Mitteleuropa", "2027-01-05T15:00Z"),
        (OVERLAPPING, "Office", "2027-01-05T21:00Z"),
        (FROZEN, "HQ", "2027-01-05T21:00Z"),
    ],
)
@pytest.mark.parametrize("rule", ["RRULE:FREQ=WEEKLY", "CLASS:PUBLIC"])
def test_definition_that_is_right_but_for_the_days_of_its_changes_is_read_and_told(
    definition, tzid, instant, rule
):
    one = event(f"DTSTART;TZID={tzid}:20270105T160000", rule)
    reading = read(calendar(definition, one), HOME)
    assert due(reading) == {"Stand-up": instant}
    assert "whose clock changes come on other days or at other hours" in told(reading)


def test_one_off_is_imported_by_the_definition_where_no_zone_does_that():
    odd = zone("Odd", ("STANDARD", "+0123", "+0123", "16010101T000000", ""))
    one = event("DTSTART;TZID=Odd:20270705T160000")
    reading = read(calendar(odd, one), HOME)
    assert due(reading) == {"Stand-up": "2027-07-05T14:37Z"}
    assert "2027-07-05 16:00 in it is read as 2027-07-05 14:37 UTC" in told(reading)


def test_series_in_a_zone_that_does_what_none_does_is_refused():
    odd = zone("Odd", ("STANDARD", "+0123", "+0123", "16010101T000000", ""))
    reading = read(
        calendar(odd, event("DTSTART;TZID=Odd:20270705T160000", "RRULE:FREQ=DAILY")), HOME
    )
    assert reading.drafts == []
    assert "no zone of the tz database does what its time zone 'Odd' defines" in told(reading)


def test_one_off_on_a_day_between_two_rules_is_imported_by_the_definition():
    reading = read(calendar(FROZEN, event("DTSTART;TZID=HQ:20270320T090000")), HOME)
    assert due(reading) == {"Stand-up": "2027-03-20T14:00Z"}


@pytest.mark.parametrize(
    ("tzid", "instant"),
    [
        ('"(UTC-05:00) Eastern Time (US and Canada)"', "2027-07-05T13:00Z"),
        ('"(UTC-05:00) Eastern Time (US & Canada)"', "2027-07-05T13:00Z"),
        ("(UTC-05:00) Eastern Time (US & Canada)", "2027-07-05T13:00Z"),
        ("(GMT-05.00) Eastern Time (US & Canada)", "2027-07-05T13:00Z"),
        ('"(UTC-08:00) Pacific Time (US & Canada)"', "2027-07-05T16:00Z"),
        ('"(UTC-07:00) Arizona"', "2027-07-05T16:00Z"),
        ('"(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna"', "2027-07-05T07:00Z"),
        ("(GMT+01.00) Amsterdam / Berlin / Bern / Rome / Stockholm / Vienna", "2027-07-05T07:00Z"),
        ('"(UTC+00:00) Dublin, Edinburgh, Lisbon, London"', "2027-07-05T08:00Z"),
        ('"(UTC) Coordinated Universal Time"', "2027-07-05T09:00Z"),
        ('"(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi"', "2027-07-05T03:30Z"),
        ('"(UTC+07:00) Bangkok, Hanoi, Jakarta"', "2027-07-05T02:00Z"),
        ('"(UTC+09:00) Osaka, Sapporo, Tokyo"', "2027-07-05T00:00Z"),
        ('"(UTC+10:00) Canberra, Melbourne, Sydney"', "2027-07-04T23:00Z"),
        ('"(UTC-03:00) Salvador"', "2027-07-05T12:00Z"),
        ("GMT+0100", "2027-07-05T08:00Z"),
        ("GMT-0500", "2027-07-05T14:00Z"),
        ("UTC+01:00", "2027-07-05T08:00Z"),
        ("UTC-5", "2027-07-05T14:00Z"),
        ("+05:30", "2027-07-05T03:30Z"),
        ("US-Eastern", "2027-07-05T13:00Z"),
    ],
)
def test_zone_without_a_definition_is_known_by_what_outlook_and_others_show(tzid, instant):
    reading = read(calendar(event(f"DTSTART;TZID={tzid}:20270705T090000")), HOME)
    assert due(reading) == {"Stand-up": instant}
    assert f'TZID "{tzid.strip(chr(34))[:60]}": it is read as ' in told(reading)


@pytest.mark.parametrize(
    "tzid", ["Moon", "(UTC+03:00) Berlin", "(UTC+01:00) Atlantis", "GMT+25", "GMT+0117", "Office"]
)
def test_zone_that_is_of_no_place_is_refused(tzid):
    reading = read(calendar(event(f'DTSTART;TZID="{tzid}":20270705T090000')), HOME)
    assert reading.drafts == []
    assert "is not known, and is not defined" in told(reading)


@pytest.mark.parametrize(
    ("tzid", "name"),
    [
        ("(UTC+07:00) Bangkok\\, Hanoi\\, Jakarta", "Asia/Bangkok"),
        ("Hanoi or so", "Etc/GMT-7"),
        ("Customized Time Zone", "Etc/GMT-7"),
    ],
)
def test_city_in_the_name_chooses_among_zones_of_one_offset(tzid, name):
    fixed = zone(tzid, ("STANDARD", "+0700", "+0700", "16010101T000000", ""))
    one = event('DTSTART;TZID="{}":20270705T090000'.format(tzid.replace("\\", "")))
    (draft,) = read(calendar(fixed, one), HOME).drafts
    assert draft.fields["timezone"] == name


def test_abbreviation_means_what_the_file_defines():
    est = HQ.replace("TZID:HQ", "TZID:EST")
    reading = read(calendar(est, event("DTSTART;TZID=EST:20270705T090000")), HOME)
    assert due(reading) == {"Stand-up": "2027-07-05T13:00Z"}


def test_definition_that_cannot_be_read_leaves_the_name():
    broken = zone("(UTC-05:00) Eastern Time (US & Canada)", ("STANDARD", "x", "y", "1601", ""))
    tzid = '"(UTC-05:00) Eastern Time (US & Canada)"'
    reading = read(calendar(broken, event(f"DTSTART;TZID={tzid}:20270705T090000")), HOME)
    assert due(reading) == {"Stand-up": "2027-07-05T13:00Z"}
    assert "it is read as America/New_York, by its name" in told(reading)


@pytest.mark.parametrize("name", ["VEVENT", "VTODO"])
@pytest.mark.parametrize("start", ["DTSTART", "DUE"])
@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("America/New_York", "2027-07-05T13:00Z"),
        ("Eastern Standard Time", "2027-07-05T13:00Z"),
        ("(UTC-05:00) Eastern Time (US & Canada)", "2027-07-05T13:00Z"),
        ("HQ", "2027-07-05T13:00Z"),
        ("UTC", "2027-07-05T09:00Z"),
    ],
)
def test_time_without_a_zone_is_in_that_of_its_calendar_and_that_is_told(
    name, start, value, instant
):
    if name == "VEVENT":
        start = "DTSTART"
    one = event(f"{start}:20270705T090000", name=name, start="")
    reading = read(calendar(HQ, one, head=f"X-WR-TIMEZONE:{value}\n"), HOME)
    assert due(reading) == {"Stand-up": instant}
    assert "VCALENDAR: times without a zone are read in" in told(reading)


def test_calendar_zone_that_is_unknown_is_told():
    reading = read(calendar(event(), head="X-WR-TIMEZONE:Moon\n"), HOME)
    message = "its time zone 'Moon' is none that FOAM knows: times without a zone are read in"
    assert message in told(reading)


def test_calendar_zone_moves_no_date_and_no_time_with_a_zone():
    components = (
        event("SUMMARY:date", "DTSTART;VALUE=DATE:20270705"),
        event("SUMMARY:utc", "DTSTART:20270705T090000Z"),
        event("SUMMARY:zone", "DTSTART;TZID=Europe/Paris:20270705T090000"),
    )
    reading = read(calendar(*components, head="X-WR-TIMEZONE:America/New_York\n"), HOME)
    assert due(reading) == {
        "date": "2027-07-05T07:00Z",
        "utc": "2027-07-05T09:00Z",
        "zone": "2027-07-05T07:00Z",
    }
    assert "times without a zone" not in told(reading)


def test_many_zones_of_their_own_are_read_in_seconds():
    offsets = [f"+{minutes // 60:02}{minutes % 60:02}" for minutes in range(1, 190)]
    zones = [zone(f"z{o}", ("STANDARD", o, o, "16010101T000000", "")) for o in offsets]
    events = [event(f"DTSTART;TZID=z{o}:20270705T090000", "RRULE:FREQ=DAILY") for o in offsets]
    assert len(read(calendar(*zones, *events), HOME).drafts) == 3
