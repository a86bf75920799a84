from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from accounts.timezones import format_instant
from reminders.recurrence import Fire, Schedule
from reminders.schedule.message import BODY_LENGTH, TITLE_LENGTH, first_message, format_duration
from reminders.schedule.numbering import Count

DUE = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)


@dataclass
class Reminder:
    pk: int = 7
    title: str = "Stand-up"
    body: str = "Bring coffee."
    timezone: str = "Europe/Berlin"
    tags: list[str] = field(default_factory=list)
    external_id: str | None = None
    recipient_timezone: str | None = "America/New_York"
    schedule: Schedule | None = None
    error: str = ""


def told(*, lead=timedelta(0), late=timedelta(0), missed=0, **fields):
    fire = Fire(fire_at=DUE - lead, due_at=DUE, lead=lead)
    return first_message(Reminder(**fields), fire, fire.fire_at + late, missed, Count(3, DUE))


def test_punctual_message_says_just_the_words_of_the_reminder():
    assert told().body == "Bring coffee."


def test_message_carries_its_due_instant_in_the_readers_zone():
    assert told().data["due_text"] == "Monday 23 November 2026 at 18:00 (Europe/Berlin)"


def test_early_message_says_how_far_ahead_it_is():
    assert told(lead=timedelta(hours=1)).body == (
        "Bring coffee.\n\nDue in 1 h, on Monday 23 November 2026 at 18:00 (Europe/Berlin)."
    )


def test_late_message_says_how_late_it_is():
    assert told(late=timedelta(hours=2, minutes=5)).body.endswith(
        "This comes 2 h 5 min late: FOAM was down or held up at the time."
    )


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(20, "Due in 39 min, on"), (60, "Due now, on"), (75, "Due 15 min ago, on")],
)
def test_early_message_that_comes_late_says_what_is_left(minutes, words):
    late = timedelta(minutes=minutes, seconds=5)
    assert words in told(lead=timedelta(hours=1), late=late).body


def test_late_message_of_a_reminder_that_was_set_aside_says_so():
    assert told(late=timedelta(minutes=5), error="KeyError: 'x'").body.endswith(
        "This comes 5 min late: an error had set it aside."
    )


def test_second_of_lateness_is_not_worth_a_word():
    assert told(late=timedelta(seconds=1)).body == "Bring coffee."


@pytest.mark.parametrize(
    ("missed", "words"),
    [(1, "One earlier reminder was missed."), (12, "12 earlier reminders were missed.")],
)
def test_message_after_an_outage_says_how_many_were_missed(missed, words):
    assert told(missed=missed).body.endswith(words)


def test_body_may_be_empty():
    assert told(body="").body == ""


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("At {due}", "At Monday 23 November 2026 at 12:00 (America/New_York)"),
        ("{due_date}, {due_time}", "Monday 23 November 2026, 12:00"),
        ("Dose {number}", "Dose 3"),
        ("Starts {lead}", "Starts now"),
        ("{{due}} }}", "{due} }"),
    ],
)
def test_placeholders_are_filled_in_as_the_recipients_clock_shows_it(title, said):
    assert told(title=title).title == said


def test_lead_of_an_early_message_is_filled_in():
    message = told(title="Starts {lead}", body="({lead})", lead=timedelta(minutes=90))
    assert (message.title, message.body.partition("\n")[0]) == (
        "Starts in 1 h 30 min",
        "(in 1 h 30 min)",
    )


def test_title_with_placeholders_is_cut_to_what_a_title_may_be():
    title = told(title="{due} " * 30).title
    assert (len(title), title[-1]) == (TITLE_LENGTH, "…")
    assert len(told(body="{due}" * 2000).body) == BODY_LENGTH


def test_clock_change_is_in_the_words():
    assert format_instant(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "Europe/Berlin") == (
        "Sunday 25 October 2026 at 02:30 (Europe/Berlin)"
    )


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=1, seconds=5), "1 min 5 s"),
        (timedelta(hours=2), "2 h"),
        (timedelta(hours=2, seconds=5), "2 h"),
        (timedelta(days=3, hours=4, minutes=5), "3 d 4 h"),
    ],
)
def test_span_is_told_in_its_two_largest_units(length, words):
    assert format_duration(length) == words
