"""Rules that mean the same have one text, whatever of them is left to the start."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reminders.recurrence import RecurrenceError, Schedule
from reminders.recurrence.implied import explicit_text

from .strategies import WEEKDAYS, rules, starts

START = datetime(2027, 1, 1, 9)
BERLIN = "Europe/Berlin"
LONG_AGO = datetime(1999, 1, 1, tzinfo=UTC)


def schedule(recurrence, start=START):
    return Schedule(starts_at=start, timezone=BERLIN, recurrence=recurrence)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("FREQ=YEARLY;BYMONTH=1", "FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=1"),
        ("FREQ=YEARLY", "FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=1"),
        ("FREQ=MONTHLY", "FREQ=MONTHLY;BYMONTHDAY=1;BYHOUR=9"),
        ("FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=FR;WKST=TU"),
        ("FREQ=WEEKLY;INTERVAL=2", "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;WKST=SU"),
        ("FREQ=DAILY", "FREQ=DAILY;INTERVAL=1;BYHOUR=9,9;BYMINUTE=0;BYSECOND=0"),
        ("FREQ=DAILY", "FREQ=DAILY;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12"),
        ("FREQ=DAILY", "FREQ=DAILY;BYDAY=SU,MO,TU,WE,TH,FR,SA"),
        ("FREQ=HOURLY", "FREQ=HOURLY;BYMINUTE=0;BYSECOND=0"),
        ("FREQ=MINUTELY", "FREQ=MINUTELY;BYSECOND=0"),
        ("FREQ=MONTHLY;BYDAY=2TU", "FREQ=MONTHLY;BYDAY=2TU;BYSETPOS=-1"),
        ("FREQ=YEARLY;BYWEEKNO=20", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=FR"),
        ("FREQ=DAILY;BYDAY=MO,TU", "FREQ=WEEKLY;BYDAY=MO,TU"),
        ("FREQ=MONTHLY;BYDAY=MO,TU", "FREQ=WEEKLY;BYDAY=MO,TU"),
        ("FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SU,MO,TU,WE,TH,FR,SA"),
        ("FREQ=YEARLY;BYMONTHDAY=5", "FREQ=MONTHLY;BYMONTHDAY=5"),
        ("FREQ=MONTHLY;BYMONTH=1;BYDAY=1MO", "FREQ=YEARLY;BYMONTH=1;BYDAY=1MO"),
        ("FREQ=DAILY;UNTIL=20270301T080000Z", "FREQ=DAILY;UNTIL=20270301T090000"),
    ],
)
def test_rules_of_one_meaning_have_one_text(one, other):
    assert schedule(one).upcoming(LONG_AGO, 20) == schedule(other).upcoming(LONG_AGO, 20)
    assert schedule(one).text == schedule(other).text
    assert schedule(one) == schedule(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("FREQ=YEARLY;BYDAY=1MO", "FREQ=YEARLY;BYDAY=1MO;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12"),
        ("FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=SU"),
        ("FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1", "FREQ=MONTHLY;BYDAY=MO,TU"),
    ],
)
def test_rules_of_two_meanings_have_two_texts(one, other):
    assert schedule(one) != schedule(other)
    assert explicit_text(one, START, BERLIN) != explicit_text(other, START, BERLIN)


def test_stored_rule_keeps_the_days_that_it_names():
    assert schedule("FREQ=WEEKLY;BYDAY=FR").recurrence == "FREQ=WEEKLY;BYDAY=FR"
    assert schedule("FREQ=WEEKLY").recurrence == "FREQ=WEEKLY"


@given(starts, rules(), st.data())
def test_rule_whose_start_is_said_has_the_same_text(start, rule, data):
    """The parts that the start stands in for are added, one or more of them."""
    parts = dict(part.split("=") for part in rule.split(";"))
    implied = {"BYHOUR": start.hour, "BYMINUTE": start.minute, "BYSECOND": start.second}
    hourly = parts["FREQ"] == "HOURLY"
    if hourly or parts["FREQ"] == "MINUTELY":
        implied = {"BYSECOND": start.second} | ({"BYMINUTE": start.minute} if hourly else {})
    if not {"BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO"} & parts.keys():
        if parts["FREQ"] == "WEEKLY":
            implied["BYDAY"] = WEEKDAYS[start.weekday()]
        elif parts["FREQ"] in ("MONTHLY", "YEARLY"):
            implied["BYMONTHDAY"] = start.day
        if parts["FREQ"] == "YEARLY":
            implied["BYMONTH"] = start.month
    chosen = data.draw(st.lists(st.sampled_from(sorted(implied)), unique=True))
    if "BYMONTHDAY" in implied and parts["FREQ"] == "YEARLY" and "BYMONTHDAY" in chosen:
        chosen = [*chosen, "BYMONTH"]
    said = {**{name: implied[name] for name in chosen}, **parts}
    other = ";".join(f"{name}={value}" for name, value in said.items())
    try:
        one = schedule(rule, start)
        first = one.after(LONG_AGO)
    except RecurrenceError:
        return
    two = schedule(other, start)
    assert (one, one.text) == (two, two.text)
    if first is not None:
        assert two.upcoming(first, 10) == one.upcoming(first, 10)


@given(starts, rules())
def test_explicit_text_is_a_rule_of_the_same_instants(start, rule):
    try:
        one = schedule(rule, start)
        first = one.after(LONG_AGO)
    except RecurrenceError:
        return
    text = explicit_text(rule, start, BERLIN)
    two = schedule(text, start)
    assert explicit_text(text, start, BERLIN) == text
    assert two.after(LONG_AGO) == first
    if first is not None:
        assert two.upcoming(first, 20) == one.upcoming(first, 20)
