"""Phrases and what they mean."""

from datetime import UTC, datetime

import pytest

from reminders.natural_language import EXAMPLES, Misunderstood, read

from .phrases import FRESH, FRESH_REFUSED, PHRASES, REFUSED
from .telling import NOW, ZONE, told


@pytest.mark.parametrize(("phrase", "meaning"), PHRASES + FRESH, ids=lambda value: value[:40])
def test_phrase_means(phrase, meaning):
    assert told(phrase) == meaning


@pytest.mark.parametrize(("phrase", "code"), REFUSED + FRESH_REFUSED, ids=lambda value: value[:40])
def test_phrase_is_refused(phrase, code):
    with pytest.raises(Misunderstood) as refusal:
        told(phrase)
    assert refusal.value.code == code


def test_there_are_as_many_phrases_as_the_docs_say():
    assert len(PHRASES) >= 150
    assert len(FRESH) + len(FRESH_REFUSED) == 60
    assert len(REFUSED) >= 60


def test_refusal_says_what_was_not_understood_and_what_is():
    with pytest.raises(Misunderstood, match=r"“every blue moon” was not understood. Examples: “ev"):
        told("party every blue moon")


def test_examples_of_refusals_are_understood():
    for example in EXAMPLES.removeprefix("Examples: “").removesuffix("”.").split("”, “"):
        told(example)


def test_ambiguity_is_refused_with_its_choices():
    with pytest.raises(Misunderstood, match=r"“5” may be 05:00 or 17:00: write 5am, 5pm or 17:00"):
        told("call Bob tomorrow at 5")


def test_every_part_of_a_sentence_is_told():
    text = "Stand-up every Monday at 6pm in London #work, 10 minutes before"
    assert [(piece.field, piece.text) for piece in read(text, ZONE, NOW).understood] == [
        ("title", "Stand-up"),
        ("recurrence", "every Monday"),
        ("starts_at", "at 6pm"),
        ("timezone", "in London"),
        ("tags", "#work"),
        ("leads", "10 minutes before"),
    ]
    assert all(text[p.start : p.end] == p.text for p in read(text, ZONE, NOW).understood)


def test_what_is_not_said_is_told():
    assert read("every week", ZONE, NOW).assumed == [
        "No time was said: 09:00.",
        "No day was said: that of 30 November 2026, a Monday.",
    ]


def test_hour_from_7_to_11_is_the_morning_and_that_is_told():
    assert read("tomorrow at 9", ZONE, NOW).assumed == [
        "Of morning and evening the morning: 09:00."
    ]


@pytest.mark.parametrize(
    ("day", "meant"),
    [(23, "2026-12-04"), (26, "2026-12-04"), (27, "2026-12-04"), (28, "2026-12-04"), (30, "")],
)
def test_next_friday_is_that_of_the_next_week(day, meant):
    now = datetime(2026, 11, day, 8, 0, tzinfo=UTC)
    assert (meant or "2026-12-11") in told("next Friday at noon", now=now)


def test_weekday_is_today_until_its_time_is_over():
    assert "2026-11-23" in told("Monday at 20:00")
    assert "2026-11-30" in told("Monday at 17:00")


def test_result_is_wall_clock_time_of_the_zone():
    assert "Mon 2026-11-23 12:20" in told("in 20 minutes", "America/New_York")
    # There it is tomorrow already.
    assert "Wed 2026-11-25 09:00" in told("tomorrow at 09:00", "Pacific/Kiritimati")


def test_delay_into_the_second_of_two_equal_hours_says_so():
    now = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)  # 02:45 in summer time
    assert told("in 30 minutes", now=now) == " | Sun 2026-10-25 02:15 | fold second"


def test_day_from_now_has_the_same_wall_clock_across_a_clock_change():
    now = datetime(2026, 10, 24, 10, 0, tzinfo=UTC)  # noon
    assert "Sun 2026-10-25 12:00" in told("in 1 day", now=now)
    assert "Sun 2026-10-25 11:00" in told("in 24 hours", now=now)


def test_first_time_in_a_gap_keeps_the_time_that_was_said():
    now = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
    assert "Sun 2026-03-29 02:30 | FREQ=DAILY" in told("every day at 02:30", now=now)


def test_every_two_weeks_begins_with_the_first_such_day():
    assert "Thu 2026-11-26 18:00" in told("every 2 weeks on Thursday at 18:00")
