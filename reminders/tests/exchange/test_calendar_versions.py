"""Of several versions of one event the newest counts, wherever it stands in the file."""

from itertools import permutations

import pytest

from reminders.exchange.icalendar.file_reader import read
from reminders.tests.exchange.calendars import calendar, event

HOME = "Europe/Berlin"
SERIES = ("UID:a", "DTSTART;TZID=Europe/Berlin:20270104T090000", "RRULE:FREQ=DAILY;COUNT=3")
IDENTITY = "RECURRENCE-ID;TZID=Europe/Berlin:20270105T090000"
# The same moment as others write it.
IDENTITIES = (
    IDENTITY,
    "RECURRENCE-ID:20270105T080000Z",
    "RECURRENCE-ID;TZID=America/New_York:20270105T030000",
    "RECURRENCE-ID;VALUE=DATE:20270105",
    "RECURRENCE-ID:20270105T090000",
)
OLD, NEW = "SUMMARY:old", "SUMMARY:new"


def change(*lines: str, identity: str = IDENTITY, hour: int = 11) -> str:
    start = f"DTSTART;TZID=Europe/Berlin:20270105T{hour}0000"
    return event("UID:a", identity, start, *lines)


def titles(*components: str) -> list[str]:
    return [draft.fields["title"] for draft in read(calendar(*components), HOME).drafts]


def told(*components: str) -> str:
    reading = read(calendar(*components), HOME)
    return "\n".join(f"{loss.where}: {loss.what}" for loss in reading.losses)


RANKS = [
    (["SEQUENCE:1"], ["SEQUENCE:2"], "a later SEQUENCE (2, not 1)"),
    ([], ["SEQUENCE:1"], "a later SEQUENCE (1, not 0)"),
    (["SEQUENCE:9"], ["SEQUENCE:10"], "a later SEQUENCE (10, not 9)"),
    (["DTSTAMP:20260101T000000Z"], ["DTSTAMP:20260601T000000Z"], "a later DTSTAMP"),
    (
        ["SEQUENCE:1", "DTSTAMP:20260601T000000Z"],
        ["SEQUENCE:2", "DTSTAMP:20260101T000000Z"],
        "a later SEQUENCE (2, not 1)",
    ),
    (
        ["DTSTAMP:20260101T000000Z", "LAST-MODIFIED:20250101T000000Z"],
        ["DTSTAMP:20260101T000000Z", "LAST-MODIFIED:20250601T000000Z"],
        "a later LAST-MODIFIED",
    ),
]


@pytest.mark.parametrize(("older", "newer", "reason"), RANKS)
@pytest.mark.parametrize("place", list(permutations(range(3))))
def test_newest_version_of_a_change_counts(older, newer, reason, place):
    entries = [event(*SERIES), change(OLD, *older), change(NEW, *newer, hour=15)]
    entries = [entries[index] for index in place]
    assert titles(*entries) == ["Stand-up", "new"]
    assert f'VEVENT "old": is not imported: another version of it has {reason}' in told(*entries)


@pytest.mark.parametrize("one", IDENTITIES)
@pytest.mark.parametrize("other", IDENTITIES)
def test_change_is_the_same_one_however_its_moment_is_written(one, other):
    entries = change(NEW, "SEQUENCE:2", identity=one), change(OLD, "SEQUENCE:1", identity=other)
    assert titles(event(*SERIES), *entries) == ["Stand-up", "new"]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(("older", "newer", "reason"), RANKS)
def test_newest_version_of_a_series_counts(older, newer, reason, order):
    entries = [event(*SERIES, OLD, *older), event(*SERIES, NEW, *newer)][::order]
    assert titles(*entries) == ["new"]
    message = f"is not imported: VEVENT \"new\" has the same UID 'a' and {reason}"
    assert message in told(*entries)


def test_change_without_its_series_has_one_version():
    entries = change(OLD, "SEQUENCE:1"), change(NEW, "SEQUENCE:2", identity=IDENTITIES[1])
    assert titles(*entries) == ["new"]


def test_cancelled_version_that_is_newer_leaves_nothing():
    gone = change(OLD, "SEQUENCE:2", "STATUS:CANCELLED")
    (series,) = read(calendar(event(*SERIES), gone, change(NEW, "SEQUENCE:1")), HOME).drafts
    assert series.fields["exdates"] == ["2027-01-05T09:00:00"]


def test_change_that_stands_twice_is_imported_once():
    assert titles(event(*SERIES), change(NEW), change(NEW)) == ["Stand-up", "new"]
    assert "stands in this file twice" in told(event(*SERIES), change(NEW), change(NEW))


def test_change_older_than_its_series_that_leaves_it_out_is_told():
    series = event(*SERIES, "SEQUENCE:2", "EXDATE;TZID=Europe/Berlin:20270105T090000")
    entries = series, change(OLD, "SEQUENCE:1")
    assert titles(*entries) == ["Stand-up"]
    assert "its series, which was changed later, leaves it out (EXDATE)" in told(*entries)


@pytest.mark.parametrize("sequence", [0, 2, 3])
def test_change_counts_that_its_series_does_not_leave_out_or_that_is_as_new(sequence):
    is_older = sequence < 2
    out = [] if is_older else ["EXDATE;TZID=Europe/Berlin:20270105T090000"]
    series = event(*SERIES, "SEQUENCE:2", *out)
    assert titles(series, change(NEW, f"SEQUENCE:{sequence}")) == ["Stand-up", "new"]


def test_lessons_that_share_a_uid_are_each_imported_and_that_is_told():
    lessons = [
        event("UID:1", f"DTSTART:2027010{day}T090000Z", f"SUMMARY:{name}")
        for day, name in ((4, "Maths"), (5, "French"), (6, "Physics"), (7, "Art"))
    ]
    drafts = read(calendar(*lessons), HOME).drafts
    assert [draft.fields["title"] for draft in drafts] == ["Maths", "French", "Physics", "Art"]
    again = read(calendar(*lessons[::-1]), HOME).drafts
    ids = [{draft.fields["external_id"] for draft in each} for each in (drafts, again)]
    assert ids[0] == ids[1]
    assert len(ids[0]) == len(lessons)
    assert "4 that differ have the UID '1'" in told(*lessons)
    assert "newer, and counts" not in told(*lessons)


def message(method: str, *lines: str) -> str:
    head = f"BEGIN:VCALENDAR\nVERSION:2.0\nMETHOD:{method}\n"
    return f"{head}{event('UID:a', *lines)}END:VCALENDAR\n"


@pytest.mark.parametrize("order", [1, -1])
def test_versions_in_several_calendars_of_one_file_are_of_one_event(order):
    parts = [message("REQUEST", OLD, "SEQUENCE:1"), message("REQUEST", NEW, "SEQUENCE:2")]
    drafts = read("".join(parts[::order]).encode(), HOME).drafts
    assert [draft.fields["title"] for draft in drafts] == ["new"]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("sequence", [1, 2])
def test_calendar_that_cancels_takes_back_what_another_asks_for(order, sequence):
    parts = [message("REQUEST", "SEQUENCE:1"), message("CANCEL", f"SEQUENCE:{sequence}")]
    reading = read("".join(parts[::order]).encode(), HOME)
    assert reading.drafts == []
    assert any("it is cancelled" in loss.what for loss in reading.losses)
