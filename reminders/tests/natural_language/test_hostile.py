"""Sentences that were made to do harm: refused in milliseconds, and nothing but refused."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reminders.natural_language import MAX_LENGTH, Misunderstood, read

from .phrases import PHRASES
from .telling import NOW, ZONE

BOMBS = {
    "long": "every day " * 100_000,
    "at the limit": ("every day " * 100)[:MAX_LENGTH],
    "numbers": "9" * MAX_LENGTH,
    "a span of a long time": "in " + "9" * 200 + "d",
    "half past": "tomorrow at " + "half past " * 28,
    "and": "every " + "Mon and " * 36,
    "ordinals": "on the " + "1st and " * 36,
    "lengths": "1h and " * 42,
    "first": "first " * 50,
    "stars": "* " * 150,
    "cron": "*/1 " * 75,
    "dashes": "-" * MAX_LENGTH,
    "quotes": '"' * MAX_LENGTH,
    "brackets": "(" * MAX_LENGTH,
    "digits of other scripts": "every ٣ days at ９",
    "a letter that looks like another": "еvery day at noon tomorrow and so on every",
    "invisible": "every\u200bday at noon",
    "null": "every day at noon\x00",
    "lines": "every day\nat noon",
    "nothing": "",
    "blank": "   ",
    "surrogate": "every day \ud800",
    "until for ever": "every day at noon until Dec 31, 9999",
    "no such year": "on Jan 1 0000 at noon",
    "ordinal": "every 999th at noon",
}
HEAVY = {
    "commas": "every day at " + "9," * 140,
    "slashes": "every day at noon " + "A/" * 100 + "A",
    "title": "a " * 140 + "every day at noon",
    "tags": "every day at noon " + "#a " * 90,
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_bomb_is_refused_in_milliseconds(text):
    read("every day at noon", ZONE, NOW)
    begin = time.process_time()
    with pytest.raises(Misunderstood):
        read(text, ZONE, NOW)
    # Most take one or two; the rest is for a machine that is busy.
    assert time.process_time() - begin < 0.25


@pytest.mark.parametrize("text", HEAVY.values(), ids=HEAVY)
def test_heavy_sentence_is_read_in_milliseconds(text):
    read("every day at noon", ZONE, NOW)
    begin = time.process_time()
    assert read(text, ZONE, NOW).fields["recurrence"] == "FREQ=DAILY"
    assert time.process_time() - begin < 0.25


words = st.sampled_from(sorted({word for phrase, _ in PHRASES for word in phrase.split()}))


@settings(max_examples=1000, deadline=None)
@given(st.lists(words, max_size=12).map(" ".join) | st.text(max_size=60))
def test_any_words_are_read_or_refused(text):
    try:
        reading = read(text, ZONE, NOW)
    except Misunderstood:
        return
    assert reading.understood
    assert all(text[piece.start : piece.end] == piece.text for piece in reading.understood)
