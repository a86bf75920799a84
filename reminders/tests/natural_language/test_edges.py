"""What stands at the edge of a sentence and looks like time is read or refused, never a title."""

import random
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from reminders.natural_language import Misunderstood, read

from .edges import (
    DAYS,
    NEVER_OF_A_TITLE,
    NOW,
    NUMBERED_TITLES,
    ORDERS,
    PLAIN_TITLES,
    READ,
    READ_OR_REFUSED,
    REFUSED,
    SCHEDULES,
    TIMES,
)
from .telling import ZONE, told


def meaning(sentence):
    """Return the line of a sentence, or None where it is refused."""
    try:
        return told(sentence, now=NOW)
    except Misunderstood:
        return None


@pytest.mark.parametrize(("phrase", "line"), READ, ids=lambda value: value[:40])
def test_time_in_another_spelling_is_read(phrase, line):
    assert told(phrase, now=NOW) == line


@pytest.mark.parametrize(("phrase", "code"), REFUSED, ids=lambda value: value[:40])
def test_time_that_is_not_clear_is_refused(phrase, code):
    with pytest.raises(Misunderstood) as refusal:
        told(phrase, now=NOW)
    assert refusal.value.code == code


@pytest.mark.parametrize("seed", range(6))
def test_word_of_time_is_never_of_a_title(seed):
    chance = random.Random(seed)
    words = [*NEVER_OF_A_TITLE, *READ_OR_REFUSED]
    for _ in range(500):
        title, word = chance.choice(PLAIN_TITLES), chance.choice(words)
        when, order = chance.choice(list(SCHEDULES)), chance.choice(ORDERS)
        sentence = order.format(title=title, word=word, when=when)
        line = meaning(sentence)
        assert line is None or line.startswith(f"{title} | "), sentence


@pytest.mark.parametrize("word", NEVER_OF_A_TITLE)
def test_word_without_a_meaning_of_its_own_is_refused_wherever_it_stands(word):
    for n, order in enumerate(ORDERS):
        when = list(SCHEDULES)[n % len(SCHEDULES)]
        sentence = order.format(title="call Ann", word=word, when=when)
        assert meaning(sentence) is None, sentence


@pytest.mark.parametrize("seed", range(4))
def test_day_and_time_mean_the_same_on_either_side_of_a_title(seed):
    chance = random.Random(seed)
    for _ in range(500):
        title, day, at = (chance.choice(list(part)) for part in (PLAIN_TITLES, DAYS, TIMES))
        order = chance.choice(["{title} {day} {at}", "{day} {at} {title}", "{day} {at}: {title}"])
        sentence = order.format(title=title, day=day, at=at)
        assert told(sentence, now=NOW) == f"{title} | {DAYS[day]} {TIMES[at]}", sentence


def test_there_are_300_titles_with_numbers():
    assert len(set(NUMBERED_TITLES)) >= 300


WITHOUT_HOUR = {
    "tomorrow": "Fri 2026-11-27 09:00",
    "every Monday": "Mon 2026-11-30 09:00 | FREQ=WEEKLY;BYDAY=MO",
}


@pytest.mark.parametrize(("when", "line"), (SCHEDULES | WITHOUT_HOUR).items())
def test_title_with_a_number_stays_whole_or_is_asked_about(when, line):
    orders = ["{title} {when}", "{when}: {title}", "{when} {title}"]
    for n, title in enumerate(NUMBERED_TITLES):
        sentence = orders[(n + len(when)) % 3].format(title=title, when=when)
        assert meaning(sentence) in (None, f"{title} | {line}"), sentence


def test_most_titles_with_a_number_are_not_asked_about():
    read_back = [title for title in NUMBERED_TITLES if meaning(f"{title} tomorrow at 9:30")]
    assert len(read_back) > 0.9 * len(NUMBERED_TITLES)


@pytest.mark.parametrize("title", [*NUMBERED_TITLES[::5], *NEVER_OF_A_TITLE[::3]])
def test_title_in_quotes_is_a_title_whatever_it_says(title):
    line = told(f'"{title}" every Monday at 18:00', now=NOW)
    assert line == f"{title} | Mon 2026-11-30 18:00 | FREQ=WEEKLY;BYDAY=MO"


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("dentist 10 tomorrow", "“10” may be a time, a date or of the title"),
        ("odd weeks on Monday at 9", "“odd weeks” was not understood"),
        ("tomorrow at 9am Eastern", "“Eastern” was not understood"),
        ("call Ann wensday at 9", "is “wednesday” meant?"),
    ],
)
def test_refusal_quotes_the_words_and_names_the_way_out(sentence, words):
    with pytest.raises(Misunderstood) as refusal:
        told(sentence, now=NOW)
    assert words in refusal.value.message
    assert "write" in refusal.value.message or "correct" in refusal.value.message
    assert 'put in quotes: “"call room 12" tomorrow at 9”' in refusal.value.message


@pytest.mark.parametrize(
    "text",
    [
        "every\u00a0Monday at 6\u202fPM",
        "every\tMonday at 6pm\t",
        "every Monday at 6pm\r\n",
        "every\u2003Monday at ６ｐｍ",
    ],
)
def test_blank_or_wide_character_is_read_as_the_plain_one(text):
    assert told(text, now=NOW) == " | Mon 2026-11-30 18:00 | FREQ=WEEKLY;BYDAY=MO"


@pytest.mark.parametrize("dash", "-\u2010\u2011\u2012\u2013\u2014\u2212")
def test_any_dash_joins_two_weekdays(dash):
    line = " | Fri 2026-11-27 09:00 | FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"
    assert told(f"every Mon{dash}Fri at 9", now=NOW) == line


def test_character_that_cannot_be_seen_is_named():
    with pytest.raises(Misunderstood, match=r"it has no U\+200B"):
        told("every day\u200bat 9")


# moment in Berlin, sentence, line; None where it is refused
AT_THE_EDGE_OF_A_PERIOD = [
    ("2026-11-29T23:30", "every day this week at 9", None),
    ("2026-11-29T08:00", "every day this week at 9", "11-29 09:00 | FREQ=DAILY;UNTIL=20261129"),
    ("2026-11-29T23:59", "every day next week at 9", "11-30 09:00 | FREQ=DAILY;UNTIL=20261206"),
    ("2026-11-30T00:00", "every day next week at 9", "12-07 09:00 | FREQ=DAILY;UNTIL=20261213"),
    ("2026-12-31T08:00", "every day this year at 9", "12-31 09:00 | FREQ=DAILY;UNTIL=20261231"),
    ("2026-12-31T10:00", "every day this year at 9", None),
    ("2026-12-31T23:59", "every day next month at 9", "01-01 09:00 | FREQ=DAILY;UNTIL=20270131"),
    ("2026-12-31T23:59", "every day next year at 9", "01-01 09:00 | FREQ=DAILY;UNTIL=20271231"),
    ("2027-01-10T10:00", "next year on March 1 at 9", "03-01 09:00"),
    ("2027-12-31T10:00", "next year on Feb 29 at 9", "02-29 09:00"),
    ("2026-11-26T10:00", "next year on Feb 29 at 9", None),
    ("2026-11-26T10:00", "this year on March 1 at 9", None),
    ("2026-02-28T23:59", "this year on March 1 at 9", "03-01 09:00"),
    ("2026-11-30T08:00", "Monday week at 9", None),
    ("2026-12-26T23:59", "tomorrow week at 9", "01-03 09:00"),
    ("2026-12-10T10:00", "every day from Dec 1 to Dec 24 at 8am", None),
    ("2026-12-10T10:00", "daily from Dec 20 to Jan 6", "12-20 09:00 | FREQ=DAILY;UNTIL=20270106"),
    ("2027-03-27T10:00", "in 1.5 days", "03-28 23:00"),
    ("2027-03-27T10:00", "in 2days", "03-29 10:00"),
    ("2027-03-14T10:00", "2 weeks today at 02:30", "03-28 02:30"),
    ("2026-11-26T15:30", "meeting from 3pm to 4pm", "11-27 15:00"),
    ("2026-11-26T15:30", "meeting today from 3pm to 4pm", None),
    ("2026-11-30T10:00", "on Monday the 30th at 9am", None),
]  # fmt: skip


@pytest.mark.parametrize(("moment", "sentence", "line"), AT_THE_EDGE_OF_A_PERIOD)
def test_period_is_that_of_the_moment(moment, sentence, line):
    now = datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(ZONE))
    if line is None:
        with pytest.raises(Misunderstood):
            told(sentence, now=now)
    else:
        assert told(sentence, now=now).removesuffix("T235959").endswith(line)


def test_every_refusal_takes_milliseconds():
    sentences = [
        f"{word} {title} tomorrow" for word in NEVER_OF_A_TITLE for title in PLAIN_TITLES[:3]
    ]
    begin = time.process_time()
    assert not any(meaning(sentence) for sentence in sentences)
    assert time.process_time() - begin < 0.01 * len(sentences)


@pytest.mark.parametrize(
    "part", ["every 2nd day ", "Dec. 1 ", "9" * 10, "half ", "Mon/", "\u00a0", "6p "]
)
def test_sentence_of_10_000_characters_is_refused_at_once(part):
    begin = time.process_time()
    with pytest.raises(Misunderstood, match="at most 300 characters"):
        read((part * 10_000)[:10_000], ZONE, NOW)
    assert time.process_time() - begin < 0.05
