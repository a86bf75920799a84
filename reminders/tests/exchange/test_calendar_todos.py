"""To-dos are due at DUE; their start is when work on them may begin."""

import pytest

from reminders.exchange.icalendar.file_reader import read
from reminders.tests.exchange.calendars import alarm, calendar, event

HOME = "Europe/Berlin"
ZONE = "TZID=Europe/Berlin"
START, DUE = f"DTSTART;{ZONE}:20270104T090000", f"DUE;{ZONE}:20270110T170000"


def todo(*lines: str) -> tuple[dict, str]:
    reading = read(calendar(event(*lines, name="VTODO", start="")), HOME)
    (draft,) = reading.drafts
    return draft.fields, "\n".join(f"{loss.where}: {loss.what}" for loss in reading.losses)


@pytest.mark.parametrize(
    ("due", "starts_at"),
    [
        (DUE, "2027-01-10T17:00:00"),
        ("DUE;TZID=America/New_York:20270110T110000", "2027-01-10T11:00:00"),
        ("DUE:20270110T160000Z", "2027-01-10T17:00:00"),
        ("DUE;VALUE=DATE:20270110", "2027-01-10T09:00:00"),
        ("DURATION:P6DT8H", "2027-01-10T17:00:00"),
    ],
)
def test_todo_with_a_start_is_due_at_its_due_date(due, starts_at):
    fields, told = todo(START, due)
    assert fields["starts_at"] == starts_at
    assert "its DTSTART, 2027-01-04 09:00: it is due at its DUE" in told


@pytest.mark.parametrize(
    ("trigger", "leads"),
    [
        ("TRIGGER;RELATED=END:-PT30M", ["PT30M"]),
        ("TRIGGER;RELATED=END:-P1D", ["P1D"]),
        ("TRIGGER;RELATED=START:-PT15M", ["P6DT8H15M"]),
        ("TRIGGER:PT0S", ["P6DT8H"]),
        ("TRIGGER;VALUE=DATE-TIME:20270110T150000Z", ["PT1H"]),
    ],
)
def test_alarm_of_a_todo_stays_at_its_time(trigger, leads):
    assert todo(START, DUE, alarm(trigger))[0]["leads"] == leads


def test_start_that_is_the_due_date_is_no_loss():
    assert todo(START, START.replace("DTSTART", "DUE"))[1] == ""


def test_due_date_that_cannot_be_read_is_told_and_it_is_due_at_its_start():
    fields, told = todo(START, "DUE:nonsense")
    assert fields["starts_at"] == "2027-01-04T09:00:00"
    assert "its DUE, 'nonsense', cannot be read: it is due at its start" in told


@pytest.mark.parametrize(
    ("due", "rule", "starts_at", "moved"),
    [
        ("0104T170000", "FREQ=DAILY;COUNT=3", "2027-01-04T17:00:00", "FREQ=DAILY;COUNT=3"),
        (
            "0104T170000",
            "FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20270118T080000Z",
            "2027-01-04T17:00:00",
            "FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20270118T160000Z",
        ),
        (
            "0108T170000",
            "FREQ=WEEKLY;BYDAY=MO,TU",
            "2027-01-08T17:00:00",
            "FREQ=WEEKLY;BYDAY=FR,SA",
        ),
        ("0108T170000", "FREQ=MONTHLY", "2027-01-08T17:00:00", "FREQ=MONTHLY"),
    ],
)
def test_series_of_todos_is_due_at_each_due_date(due, rule, starts_at, moved):
    fields, _ = todo(START, f"DUE;{ZONE}:2027{due}", f"RRULE:{rule}")
    assert (fields["starts_at"], fields["recurrence"]) == (starts_at, moved)


@pytest.mark.parametrize(
    "rule", ["FREQ=MONTHLY;BYDAY=1MO", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", "FREQ=DAILY;BYHOUR=9"]
)
def test_series_of_todos_whose_rule_is_of_its_start_is_due_at_that_and_told(rule):
    fields, told = todo(START, f"DUE;{ZONE}:20270106T170000", f"RRULE:{rule}")
    assert fields["starts_at"] == "2027-01-04T09:00:00"
    assert "its DUE: its rule is one of its start, and it is due at that" in told


def test_exceptions_and_changes_of_a_series_of_todos_are_of_its_due_dates():
    series = (
        "UID:a",
        START,
        f"DUE;{ZONE}:20270104T170000",
        "RRULE:FREQ=DAILY;COUNT=4",
        f"EXDATE;{ZONE}:20270105T090000",
    )
    moved = "UID:a", f"RECURRENCE-ID;{ZONE}:20270106T090000", f"DUE;{ZONE}:20270106T200000"
    content = calendar(event(*series, name="VTODO"), event(*moved, name="VTODO", start=""))
    first, second = (draft.fields for draft in read(content, HOME).drafts)
    assert first["exdates"] == ["2027-01-05T17:00:00", "2027-01-06T17:00:00"]
    assert second["starts_at"] == "2027-01-06T20:00:00"
