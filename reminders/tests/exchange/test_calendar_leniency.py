"""What FOAM does not need of an event does not stop it, and is told once and truly."""

import pytest

from reminders.exchange.drafts import FileContent
from reminders.exchange.icalendar.file_reader import read
from reminders.tests.exchange.calendars import alarm, calendar, event

HOME = "Europe/Berlin"
START = "DTSTART;TZID=Europe/Berlin:20270104T090000"


def told(reading: FileContent) -> list[str]:
    return [f"{loss.where}: {loss.what}" for loss in reading.losses]


def read_one(*lines: str) -> tuple[dict, list[str]]:
    reading = read(calendar(event(*lines)), HOME)
    (draft,) = reading.drafts
    return draft.fields, told(reading)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("DTEND:20270104T1000", "its DTEND: '20270104T1000' is no date or time of iCalendar"),
        ("DTEND;TZID=Moon:20270104T100000", "its DTEND: its time zone 'Moon' is not known"),
        ("DURATION:-PT1W1D2H3M4S", "its DURATION: '-PT1W1D2H3M4S' is no duration"),
        ("DURATION:1H", "its DURATION: '1H' is no duration"),
        ("STATUS:NEEDS ACTION", "its STATUS, NEEDS ACTION: it is taken as one that takes place"),
        ("STATUS:IN-PROGRESS", "its STATUS, IN-PROGRESS: it is taken as one"),
        ("STATUS:FINAL", "its STATUS, FINAL: it is taken as one"),
        ("EXDATE:nonsense", "one of its EXDATE: 'nonsense' is no date"),
        ("RDATE:nonsense", "one of its RDATE: 'nonsense' is no date"),
        ("EXDATE;TZID=Moon:20270105T090000", "one of its EXDATE: its time zone 'Moon'"),
    ],
)
def test_part_that_cannot_be_read_is_told_and_the_rest_is_imported(line, what):
    fields, losses = read_one(START, line)
    assert fields["starts_at"] == "2027-01-04T09:00:00"
    (loss,) = losses
    assert loss.startswith(f'VEVENT "Stand-up": {what}')


@pytest.mark.parametrize("status", ["CANCELLED", "CANCELED", "cancelled", "COMPLETED"])
def test_event_that_does_not_take_place_is_not_imported(status):
    reading = read(calendar(event(START, f"STATUS:{status}")), HOME)
    assert reading.drafts == []
    assert len(reading.losses) == 1


def test_alarm_before_an_end_that_cannot_be_read_is_told():
    end = alarm("TRIGGER;RELATED=END:-PT5M")
    fields, losses = read_one(START, "DTEND:2027", end, alarm("TRIGGER:-PT15M"))
    assert fields["leads"] == ["PT15M"]
    assert any("1 of its alarms: they count from its DTEND" in loss for loss in losses)


@pytest.mark.parametrize(
    ("rule", "read_as", "what"),
    [
        ("FREQ=DAILY;UNTIL=20270107T080000Z;COUNT=-1", "UNTIL=20270107T080000Z", "COUNT=-1 in"),
        ("FREQ=DAILY;COUNT=0;UNTIL=20270107T080000Z", "UNTIL=20270107T080000Z", "COUNT=0 in"),
        ("FREQ=DAILY;UNTIL=20270107T080000Z;COUNT=2", "COUNT=2", "UNTIL and COUNT"),
        ("FREQ=DAILY;UNTIL=20270105T080000Z;COUNT=9", "UNTIL=20270105T080000Z", "UNTIL and COUNT"),
        ("FREQ=DAILY;COUNT=2;X-FOO=1", "COUNT=2", "X-FOO=1 in its rule"),
    ],
)
def test_part_of_a_rule_is_passed_over_where_the_rest_is_clear(rule, read_as, what):
    fields, losses = read_one(START, f"RRULE:{rule}")
    assert fields["recurrence"] == f"FREQ=DAILY;{read_as}"
    assert any(what in loss for loss in losses)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;COUNT=2;",
        " freq=daily ; count=2",
        "FREQ=DAILY;;COUNT=2",
        "RSCALE=GREGORIAN;FREQ=DAILY;COUNT=2;SKIP=OMIT",
    ],
)
def test_rule_that_says_the_same_in_another_way_is_read_without_a_word(rule):
    fields, losses = read_one(START, f"RRULE:{rule}")
    assert (fields["recurrence"], losses) == ("FREQ=DAILY;COUNT=2", [])


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=5",
        "FREQ=YEARLY;BYMONTH=4;BYMONTHDAY=31;UNTIL=20300101T000000Z",
    ],
)
def test_rule_that_gives_nothing_leaves_its_start(rule):
    fields, losses = read_one(START, f"RRULE:{rule}")
    assert (fields["starts_at"], fields["recurrence"]) == ("2027-01-04T09:00:00", "")
    (loss,) = losses
    assert "its rule gives no date: it is due once, at its start" in loss


def test_rule_that_ends_before_its_start_is_told_in_one_sentence():
    reading = read(calendar(event(START, "RRULE:FREQ=WEEKLY;UNTIL=20261231T000000Z")), HOME)
    expected = 'VEVENT "Stand-up": is not imported: its rule ends before its first date (UNTIL)'
    assert told(reading) == [expected]


def test_event_that_is_not_imported_is_told_in_one_sentence():
    lines = "RRULE:FREQ=SECONDLY", "DTEND:x", "GEO:1;2", alarm("TRIGGER:-PT5M", "DESCRIPTION:Hey")
    reading = read(calendar(event(START, *lines)), HOME)
    (loss,) = told(reading)
    assert "is not imported: recurrence FREQ=SECONDLY is not supported" in loss


@pytest.mark.parametrize(
    "words",
    [
        "Reminder",
        "REMINDER",
        "This is an event reminder",
        "Default Mozilla Description",
        "Stand-up",
    ],
)
def test_words_that_all_alarms_have_are_no_loss(words):
    _, losses = read_one(START, alarm("TRIGGER:-PT5M", f"DESCRIPTION:{words}"))
    assert losses == []


def test_words_of_an_alarm_itself_are_told():
    _, losses = read_one(START, alarm("TRIGGER:-PT5M", "DESCRIPTION:Bring the keys"))
    assert losses == ["VALARM: DESCRIPTION: a reminder says its own title and body"]
