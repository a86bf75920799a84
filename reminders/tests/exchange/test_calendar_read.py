"""A calendar's file read into drafts, and what of it is not carried."""

import time
from http import HTTPStatus

import pytest

from reminders.api.batch import Item, Op, apply
from reminders.exchange.drafts import Draft, FileContent
from reminders.exchange.icalendar.file_reader import read
from reminders.exchange.icalendar.losses import BOOKKEEPING
from reminders.exchange.limits import Unreadable
from reminders.tests.exchange import calendars
from reminders.tests.exchange.calendars import alarm, calendar, event

HOME = "Europe/Berlin"


def drafts(*components: str, head: str = "", timezone: str = HOME) -> list[Draft]:
    return read(calendar(*components, head=head), timezone).drafts


def one(*lines: str, **kwargs: str) -> dict:
    (draft,) = drafts(event(*lines, **kwargs))
    return draft.fields


def losses(*components: str, head: str = "") -> list[str]:
    return [
        f"{loss.where}: {loss.what}" for loss in read(calendar(*components, head=head), HOME).losses
    ]


def whats(reading: FileContent) -> str:
    return "\n".join(f"{loss.where}: {loss.what}" for loss in reading.losses)


def test_outlook_series_comes_with_its_windows_zone_its_exceptions_and_the_one_that_was_moved():
    reading = read(calendars.OUTLOOK, "UTC")
    series, moved = (draft.fields for draft in reading.drafts)
    assert series["timezone"] == "Europe/Berlin"
    assert series["recurrence"] == "FREQ=WEEKLY;UNTIL=20271220T080000Z;INTERVAL=1;BYDAY=MO;WKST=MO"
    assert series["exdates"] == [f"2027-01-{day}T09:00:00" for day in (11, 18, 25)]
    assert series["leads"] == ["PT15M"]
    assert series["body"] == (
        "Agenda:\n1. News\n2. {{Any}} other business\n\nWhere: Microsoft Teams-Besprechung"
    )
    assert moved["starts_at"] == "2027-01-26T11:00:00"
    assert moved["external_id"] == f"{series['external_id']}#20270125T080000Z"
    assert "ATTENDEE" in whats(reading)
    assert "X-MICROSOFT-CDO-IMPORTANCE" in whats(reading)


def test_google_one_off_is_told_by_the_readers_clock_and_a_birthday_is_due_at_nine():
    dentist, birthday = (draft.fields for draft in read(calendars.GOOGLE, HOME).drafts)
    assert (dentist["starts_at"], dentist["timezone"]) == ("2027-01-05T09:00:00", HOME)
    assert dentist["leads"] == ["PT30M", "PT1H"]
    assert (birthday["starts_at"], birthday["recurrence"]) == ("2027-02-13T09:00:00", "FREQ=YEARLY")


def test_apple_event_keeps_place_and_link_and_its_none_is_no_alarm():
    reading = read(calendars.APPLE, HOME)
    visit, fools = (draft.fields for draft in reading.drafts)
    assert visit["timezone"] == "America/New_York"
    assert visit["body"] == "Where: 1 Infinite Loop\nCupertino\nLink: https://example.com/visit"
    assert visit["leads"] == ["PT15M"]
    assert fools["leads"] == ["PT0S"]
    assert "X-APPLE-STRUCTURED-LOCATION" in whats(reading)


def test_thunderbird_todo_is_due_when_it_says_and_one_that_is_done_is_told():
    reading = read(calendars.THUNDERBIRD, HOME)
    (rent,) = (draft.fields for draft in reading.drafts)
    assert (rent["starts_at"], rent["timezone"]) == ("2027-01-01T12:00:00", "Europe/Paris")
    assert rent["tags"] == ["Home", "Money, mine"]
    assert rent["leads"] == ["P1D"]
    assert 'VTODO "Done": is not imported: it is completed' in whats(reading)


def test_nextcloud_cancelled_one_is_an_exception_of_its_series():
    (bins,) = (draft.fields for draft in read(calendars.NEXTCLOUD, HOME).drafts)
    assert bins["exdates"] == ["2027-01-11T08:00:00", "2027-01-18T08:00:00"]


def test_floating_time_is_of_the_zone_given():
    fields = one("DTSTART:20270105T090000")
    assert (fields["starts_at"], fields["timezone"]) == ("2027-01-05T09:00:00", HOME)


def test_series_in_utc_stays_there():
    assert one("RRULE:FREQ=DAILY")["timezone"] == "UTC"


def test_moment_that_the_readers_clock_shows_twice_stays_in_utc():
    fields = one("DTSTART:20271031T013000Z")
    assert (fields["starts_at"], fields["timezone"]) == ("2027-10-31T01:30:00", "UTC")


@pytest.mark.parametrize(
    ("until", "read_as"),
    [
        ("20270201", "20270201T235959"),
        ("20270201T080000Z", "20270201T080000Z"),
        ("20270201T090000", "20270201T090000"),
    ],
)
def test_until_that_is_a_date_is_the_end_of_that_day_where_it_is_due(until, read_as):
    fields = one("DTSTART;TZID=Europe/Berlin:20270104T090000", f"RRULE:FREQ=DAILY;UNTIL={until}")
    assert fields["recurrence"] == f"FREQ=DAILY;UNTIL={read_as}"


@pytest.mark.parametrize("until", ["20270110", "20270110T000000Z", "20270109T230000Z"])
def test_all_day_series_has_its_last_day(until):
    fields = one("DTSTART;VALUE=DATE:20270104", f"RRULE:FREQ=DAILY;UNTIL={until}")
    assert fields["recurrence"] == "FREQ=DAILY;UNTIL=20270110T235959"


@pytest.mark.parametrize(
    ("trigger", "starts_at", "leads"),
    [
        ("TRIGGER:-PT15H", "2027-01-04T09:00:00", ["P1D"]),
        ("TRIGGER:PT9H", "2027-01-04T09:00:00", ["PT0S"]),
        ("TRIGGER:PT12H", "2027-01-04T12:00:00", ["PT0S"]),
        ("TRIGGER:PT0S", "2027-01-04T09:00:00", ["PT9H"]),
    ],
)
def test_alarm_of_an_all_day_event_speaks_when_it_would_have(trigger, starts_at, leads):
    fields = one("DTSTART;VALUE=DATE:20270104", alarm(trigger))
    assert (fields["starts_at"], fields["leads"]) == (starts_at, leads)


@pytest.mark.parametrize(
    ("trigger", "leads"),
    [
        ("TRIGGER:-PT10M", ["PT10M"]),
        ("TRIGGER:PT0S", ["PT0S"]),
        ("TRIGGER;RELATED=END:-PT1H30M", ["PT30M"]),
        ("TRIGGER;VALUE=DATE-TIME:20270105T060000Z", ["PT3H"]),
        ("TRIGGER:-PT1H\nREPEAT:2\nDURATION:PT20M", ["PT20M", "PT40M", "PT1H"]),
    ],
)
def test_alarms_are_leads(trigger, leads):
    assert one("DTEND:20270105T100000Z", alarm(trigger))["leads"] == leads


def test_alarm_after_it_is_due_is_told_and_it_speaks_when_due():
    file = calendar(event(alarm("TRIGGER:PT10M")))
    reading = read(file, HOME)
    assert reading.drafts[0].fields["leads"] == ["PT0S"]
    assert "1 of its alarms: they come after it is due" in whats(reading)


def test_braces_are_no_placeholders():
    fields = one("SUMMARY:Deploy {service}", "DESCRIPTION:a } b")
    assert (fields["title"], fields["body"]) == ("Deploy {{service}}", "a } b")


def test_long_title_is_cut_and_that_is_told():
    file = calendar(event("SUMMARY:" + "{" * 300))
    reading = read(file, HOME)
    assert len(reading.drafts[0].fields["title"]) <= 200
    assert "its title is longer than 200 characters" in whats(reading)


def test_long_uid_gives_the_same_id_each_time():
    first, second = (one(f"UID:{'x' * 500}")["external_id"] for _ in range(2))
    assert first == second
    assert len(first) <= 200


def test_start_that_the_rule_does_not_give_is_kept_and_counted():
    lines = "DTSTART;TZID=Europe/Berlin:20270105T090000", "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=5"
    fields = one(*lines)
    assert fields["rdates"] == ["2027-01-05T09:00:00"]
    assert fields["recurrence"] == "FREQ=WEEKLY;BYDAY=MO;COUNT=4"


def test_dates_of_another_zone_are_told_by_the_clock_of_the_series():
    fields = one(
        "DTSTART;TZID=Europe/Berlin:20270104T090000",
        "RRULE:FREQ=DAILY;COUNT=9",
        "EXDATE:20270105T080000Z",
        "RDATE;TZID=America/New_York:20270301T120000",
    )
    assert fields["exdates"] == ["2027-01-05T09:00:00"]
    assert fields["rdates"] == ["2027-03-01T18:00:00"]


def test_period_is_its_start_and_its_length_is_told():
    file = calendar(event("RDATE;VALUE=PERIOD:20270301T090000Z/PT2H"))
    reading = read(file, HOME)
    assert reading.drafts[0].fields["rdates"] == ["2027-03-01T09:00:00"]
    assert "the lengths of its RDATE periods" in whats(reading)


@pytest.mark.parametrize(
    "line", ["EXRULE:FREQ=DAILY", "GEO:1;2", "X-ANYTHING:x", "ATTACH:https://x", "NEW-PROP;A=B:c"]
)
def test_whatever_nobody_reads_is_told(line):
    name = line.partition(":")[0].partition(";")[0]
    assert any(f"VEVENT: {name}:" in loss for loss in losses(event(line)))


@pytest.mark.parametrize("name", ["VJOURNAL", "VFREEBUSY", "X-THING"])
def test_component_that_nobody_reads_is_told(name):
    assert any(f"VCALENDAR: {name}:" in loss for loss in losses(event(name=name)))


def test_line_that_is_no_property_is_told():
    assert any("a line that cannot be read" in loss for loss in losses(event("no property")))


def test_plain_event_loses_nothing():
    bookkeeping = [f"{name}:x" for name in sorted(BOOKKEEPING - {"CALSCALE", "METHOD", "SEQUENCE"})]
    assert losses(event(*bookkeeping, alarm("TRIGGER:PT0S"))) == []


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("FREQ=SECONDLY", "FREQ=SECONDLY is not supported"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0 must be 1"),
        ("FREQ=WEEKLY;BYEASTER=1", "BYEASTER"),
    ],
)
def test_rule_that_the_engine_refuses_is_told_in_its_words(rule, message):
    file = calendar(event(f"RRULE:{rule}"))
    reading = read(file, HOME)
    assert reading.drafts == []
    assert message in whats(reading)


def custom(tzid: str) -> str:
    parts = [
        ("DAYLIGHT", "+0100", "+0200", "19810329T020000", "BYMONTH=3;BYDAY=-1SU"),
        ("STANDARD", "+0200", "+0100", "19961027T030000", "BYMONTH=10;BYDAY=-1SU"),
    ]
    lines = [f"BEGIN:VTIMEZONE\nTZID:{tzid}"]
    for kind, before, after, start, rule in parts:
        lines.append(
            f"BEGIN:{kind}\nDTSTART:{start}\nTZOFFSETFROM:{before}\nTZOFFSETTO:{after}\n"
            f"RRULE:FREQ=YEARLY;{rule}\nEND:{kind}"
        )
    return "\n".join([*lines, "END:VTIMEZONE", ""])


def test_zone_with_a_name_of_its_own_is_found_by_what_it_defines():
    file = calendar(custom("Office"), event("DTSTART;TZID=Office:20270705T090000"))
    reading = read(file, "Europe/Vienna")
    assert reading.drafts[0].fields["timezone"] == "Europe/Vienna"
    assert 'VTIMEZONE "Office": its own definition is read as Europe/Vienna' in whats(reading)


def test_zone_that_is_unknown_and_undefined_is_told():
    assert (
        "is not known, and is not defined" in losses(event("DTSTART;TZID=Moon:20270705T090000"))[0]
    )


@pytest.mark.parametrize(
    ("tzid", "name"),
    [
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("/freeassociation.sourceforge.net/Tzfile/Asia/Tokyo", "Asia/Tokyo"),
        ("europe/berlin", "Europe/Berlin"),
        ("GMT Standard Time", "Europe/London"),
    ],
)
def test_zone_is_known_by_its_names(tzid, name):
    assert one(f"DTSTART;TZID={tzid}:20270705T090000")["timezone"] == name


def test_birthday_before_1900_falls_on_the_same_days():
    fields = one("DTSTART;VALUE=DATE:16040229", "RRULE:FREQ=YEARLY")
    assert fields["starts_at"] == "2004-02-29T09:00:00"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n",
        b"BEGIN:VCALENDAR\r\nSUMMARY:\xff\xfe\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\nSUMMARY:\0\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\n" * 100,
        calendar(*["BEGIN:VEVENT\nEND:VEVENT\n"] * 10_001),
        calendar(event("RDATE:" + ",".join(["20270105T090000Z"] * 5_001))),
        calendar(*[f"BEGIN:VTIMEZONE\nTZID:z{n}\nEND:VTIMEZONE\n" for n in range(201)]),
        b"A" * (10 * 1024 * 1024 + 1),
    ],
    ids=[
        "empty",
        "text",
        "crossed",
        "cut",
        "latin",
        "nul",
        "deep",
        "many",
        "dates",
        "zones",
        "big",
    ],
)
def test_what_is_no_calendar_or_a_bomb_is_refused_at_once(content):
    begin = time.process_time()
    with pytest.raises(Unreadable):
        read(content, HOME)
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    "bomb",
    [
        event("RRULE:FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=29;BYDAY=SA;BYHOUR=23;BYMINUTE=59"),
        event("RRULE:FREQ=DAILY;COUNT=999999999"),
        event("DTSTART:99999999T999999Z"),
        event(alarm("TRIGGER:-P999999W\nREPEAT:9999\nDURATION:PT1S")),
        event(f"DTSTART;TZID={'x' * 60_000}:20270105T090000"),
        event("X-FOAM-REMINDER:" + "[" * 60_000),
    ],
)
def test_hostile_event_costs_no_more_than_milliseconds(bomb):
    begin = time.process_time()
    read(calendar(bomb), HOME)
    assert time.process_time() - begin < 0.5


def test_text_folded_within_a_character_is_read():
    whole = calendar(event("SUMMARY:Käse"))
    folded = whole.replace("ä".encode(), "ä".encode()[:1] + b"\r\n " + "ä".encode()[1:])
    assert read(folded, HOME).drafts[0].fields["title"] == "Käse"


def test_todo_without_a_date_is_due_at_its_alarm():
    fields = one(alarm("TRIGGER;VALUE=DATE-TIME:20270105T080000Z"), name="VTODO", start="")
    assert (fields["starts_at"], fields["leads"]) == ("2027-01-05T09:00:00", ["PT0S"])


def test_change_of_all_that_follow_is_told():
    moved = "RECURRENCE-ID;RANGE=THISANDFUTURE:20270107T090000Z", "DTSTART:20270107T110000Z"
    found = losses(event("UID:a", "RRULE:FREQ=DAILY"), event("UID:a", *moved))
    assert any("it changes all that follow as well" in loss for loss in found)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["OUTLOOK", "GOOGLE", "APPLE", "THUNDERBIRD", "NEXTCLOUD"])
def test_what_is_read_can_be_stored_and_read_again(user, now, name):
    content = getattr(calendars, name)
    for expected in (HTTPStatus.CREATED, HTTPStatus.OK):
        items = [Item(Op.UPSERT, draft.fields) for draft in read(content, HOME).drafts]
        results = apply(user, items, now)
        assert [(each.status, each.errors) for each in results] == [(expected, ())] * len(items)
