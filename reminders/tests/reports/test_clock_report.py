"""P7, told ahead: who meets a clock change, and what becomes of each occurrence."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.timezones import tzdata_version
from notifications.models import Channel
from reminders.management.progress import Progress
from reminders.models import Reminder
from reminders.models.unreadable import UnreadableReminder
from reminders.reports import clock_changes
from reminders.reports.clock_changes import AffectedReminder

pytestmark = pytest.mark.django_db

BERLIN = "Europe/Berlin"
# Two weeks ahead of the days on which Berlin jumps from 02:00 to 03:00, and back.
SPRING = datetime(2027, 3, 14, 12, tzinfo=UTC)
AUTUMN = datetime(2027, 10, 17, 12, tzinfo=UTC)
WINTER = datetime(2026, 12, 1, tzinfo=UTC)
DAYS = timedelta(days=21)


@pytest.fixture
def nightly(make_reminder):
    """Return a function that stores a reminder at 02:30, daily."""

    def make(**fields):
        given = {"starts_at": datetime(2026, 11, 24, 2, 30), "timezone": BERLIN}
        return make_reminder(**{**given, "recurrence": "FREQ=DAILY", **fields})

    return make


def report(now, **options):
    changing = clock_changes.zones(now, now + DAYS, **options)
    return list(clock_changes.report(changing, **options))


def outcomes(now):
    return [
        clock_changes.outcome(change, found.turn)
        for found in report(now)
        for change in found.changes
    ]


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ({"gap": "after"}, "02:30 is skipped on 28 March 2027: moved to 03:30"),
        ({"gap": "before"}, "02:30 is skipped on 28 March 2027: moved to 01:30"),
        ({"gap": "skip"}, "02:30 is skipped on 28 March 2027: no occurrence"),
    ],
)
def test_gap_is_told_with_what_happens(nightly, choice, told):
    nightly(**choice)
    (found,) = report(SPRING)
    assert [change.text for change in found.changes] == [told]


@pytest.mark.parametrize(
    ("fold", "expected"),
    [("first", ["first"]), ("second", ["second"]), ("both", ["first", "second"])],
)
def test_fold_is_told_with_which_times_count(nightly, fold, expected):
    nightly(fold=fold)
    assert outcomes(AUTUMN) == expected


@pytest.mark.parametrize(("gap", "expected"), [("after", "moved"), ("skip", "skipped")])
def test_gap_in_a_word(nightly, gap, expected):
    nightly(gap=gap)
    assert outcomes(SPRING) == [expected]


def test_reminder_at_another_hour_meets_nothing(nightly):
    nightly(starts_at=datetime(2026, 11, 24, 18))
    assert report(SPRING) == report(AUTUMN) == []


def test_change_beyond_the_window_is_not_told(nightly):
    nightly()
    assert report(SPRING - timedelta(days=14)) == []


def test_change_is_in_the_window_up_to_its_end(nightly):
    nightly()
    change = datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert len(report(change - DAYS)) == 1
    assert report(change - DAYS - timedelta(seconds=1)) == []
    assert report(change) == []


def test_paused_and_finished_are_not_told(nightly, now):
    nightly().pause(now)
    nightly().close(now)
    assert report(SPRING) == []


def test_zone_without_a_change_loads_no_reminder(nightly, django_assert_num_queries):
    nightly()
    nightly(timezone="UTC")
    with django_assert_num_queries(1):
        assert report(WINTER) == []


def test_each_change_of_a_zone_in_the_window_is_told(nightly):
    nightly(starts_at=datetime(2026, 11, 24, 2, 30))
    changing = clock_changes.zones(SPRING, AUTUMN + DAYS)
    found = list(clock_changes.report(changing))
    assert [meeting.turn.at.month for meeting in found] == [3, 10]


def test_report_goes_by_zone(nightly):
    for name in (BERLIN, "America/New_York", BERLIN):
        nightly(timezone=name)
    names = [found.turn.timezone for found in report(SPRING - timedelta(days=5))]
    assert names == ["America/New_York", BERLIN, BERLIN]


def test_report_of_one_user_leaves_out_others(nightly, user, stranger):
    nightly()
    nightly(owner=stranger, channels=[Channel.objects.inbox_of(stranger)])
    assert [found.owner for found in report(SPRING, owner=stranger)] == ["eve"]


def test_reminder_that_cannot_be_read_is_told_and_the_report_goes_on(nightly):
    bad, good = nightly(), nightly()
    Reminder.objects.filter(pk=bad.pk).update(recurrence="FREQ=NEVER")
    found = report(SPRING)
    assert [(type(each), each.reminder_id) for each in found] == [
        (UnreadableReminder, bad.pk),
        (AffectedReminder, good.pk),
    ]
    assert "FREQ" in found[0].error


def test_reminder_that_cannot_be_read_is_told_once_for_all_changes(nightly):
    nightly()
    Reminder.objects.update(recurrence="FREQ=NEVER")
    assert len(list(clock_changes.report(clock_changes.zones(SPRING, AUTUMN + DAYS)))) == 1


def test_zone_that_does_not_exist_is_told_with_its_reminders(nightly):
    nightly()
    Reminder.objects.update(timezone="Mars/Olympus")
    (found,) = report(WINTER)
    assert "Mars/Olympus" in found.error


# The command


def run(monkeypatch, now, *args):
    monkeypatch.setattr(timezone, "now", lambda: now)
    out = StringIO()
    call_command("clock_report", *args, stdout=out, stderr=StringIO())
    return out.getvalue().splitlines()


def test_command_groups_by_zone_and_change_and_ends_with_a_summary(nightly, monkeypatch):
    reminder = nightly()
    heading, row, summary = run(monkeypatch, SPRING)
    assert heading == "Europe/Berlin: Sunday 2027-03-28, at 02:00 the clock goes forward to 03:00"
    assert row.split()[:3] == [str(reminder.pk), "ada", "Stand-up"]
    assert row.endswith("  02:30 is skipped on 28 March 2027: moved to 03:30")
    assert summary == (
        "Zones that change their clocks in the next 21 days: 1. Reminders there: 1, of which meet "
        "a change: 1. Occurrences: 1 moved, 0 skipped, 0 at the first time, 0 at the second. "
        f"Cannot be read: 0. tzdata {tzdata_version()}."
    )


def test_command_keeps_a_rule_by_the_minute_short(nightly, monkeypatch):
    nightly(recurrence="* * * * *")
    lines = run(monkeypatch, AUTUMN)
    assert "at 03:00 the clock goes back to 02:00" in lines[0]
    assert lines[5].strip() == "and 116 more of it"
    assert len(lines) == 7


def test_command_names_what_cannot_be_read(nightly, monkeypatch):
    nightly()
    Reminder.objects.update(timezone="Mars/Olympus")
    assert "Mars/Olympus" in run(monkeypatch, WINTER)[0]


def test_command_writes_json_lines(nightly, monkeypatch):
    reminder = nightly()
    row, summary = map(json.loads, run(monkeypatch, SPRING, "--json"))
    assert row == {
        "id": reminder.pk,
        "owner": "ada",
        "title": "Stand-up",
        "timezone": BERLIN,
        "change_at": "2027-03-28T01:00:00Z",
        "occurrences": [
            {
                "wall": "2027-03-28T02:30:00",
                "outcome": "moved",
                "due_at": "2027-03-28T01:30:00Z",
                "text": "02:30 is skipped on 28 March 2027: moved to 03:30",
            }
        ],
    }
    assert summary["summary"] == {
        "days": 21,
        "tzdata": tzdata_version(),
        "zones": 1,
        "looked_at": 1,
        "meetings": 1,
        "moved": 1,
        "skipped": 0,
        "first": 0,
        "second": 0,
        "unreadable": 0,
    }


def test_command_takes_days_and_user(nightly, stranger, monkeypatch):
    nightly()
    assert len(run(monkeypatch, SPRING - timedelta(days=14), "--days", "40")) == 3
    assert len(run(monkeypatch, SPRING, "--user", "eve")) == 1


@pytest.mark.parametrize(
    ("args", "reason"),
    [(["--days", "0"], "between 1 and 3660"), (["--user", "nobody"], "no user 'nobody'")],
)
def test_command_refuses_what_makes_no_sense(db, args, reason):
    with pytest.raises(CommandError, match=reason):
        call_command("clock_report", *args)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_progress_is_drawn_on_a_terminal_once_the_run_is_long(is_terminal):
    class Screen(StringIO):
        def isatty(self):
            return is_terminal

        def write(self, text, ending="\n"):
            return super().write(text + ending)

    screen = Screen()
    progress = Progress(screen, 10)
    progress.step()
    assert screen.getvalue() == ""
    progress.next_at = 0
    progress.step(4)
    progress.clear()
    assert ("50%  5 of 10" in screen.getvalue()) == is_terminal
