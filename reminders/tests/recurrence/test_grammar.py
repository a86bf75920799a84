"""What is refused, why and how fast; and the one text for each rule."""

import pickle
import time
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reminders.recurrence import RecurrenceError, Schedule, canonical

from .strategies import rules

START = datetime(2026, 11, 23, 9, 0)
BERLIN = {"starts_at": START, "timezone": "Europe/Berlin"}

# text, and a word of the reason
HOSTILE = [
    # not a rule at all
    ("every monday", "not understood"),
    ("hello", "not understood"),
    ("@reboot", "nicknames"),
    ("@every 5m", "nicknames"),
    ("@daily @daily", "nicknames"),
    ("@", "nicknames"),
    ("0 0 9 * * MON", "leave out the seconds"),
    ("0 0 9 * * MON 2027", "leave out the seconds"),
    ("0 9 L-3 * *", "write FREQ=MONTHLY;BYMONTHDAY=-4"),
    ("0 9 ? * MON", "Quartz"),
    ("0 9 1 * ?", "Quartz"),
    ("*/90 * * * *", "the step after / must be 1 to 60"),
    ("0 0 */100,1-7 * MON", "the step after / must be 1 to 31"),
    ("0 9 * * SAT-MON", "a range runs upwards"),
    ("0 9 * DEC-JAN *", "a range runs upwards"),
    (";", "cron"),
    ("=", "part"),
    ("RRULE:", "part"),
    ("RRULE", "not understood"),
    ("FREQ", "part"),
    ("FREQ=", "part"),
    ("=DAILY", "part"),
    ("FREQ=DAILY;;", "part"),
    (";FREQ=DAILY", "part"),
    (";FREQ=DAILY", "part"),
    ("FREQ=DAILY;;COUNT=1", "part"),
    ("FREQ==DAILY", "FREQ"),
    ("FREQ=DAILY=DAILY", "FREQ"),
    ("FREQ:DAILY", "rule"),
    ("RRULE:RRULE:FREQ=DAILY", "rule"),
    ("EXRULE:FREQ=DAILY", "rule"),
    ("INTERVAL=2", "FREQ is missing"),
    ("BYDAY=MO", "FREQ is missing"),
    ("FREQ=SECONDLY", "SECONDLY"),
    ("FREQ=SECONDLY;BYYEARDAY=366;BYHOUR=23;BYMINUTE=59;BYSECOND=59", "SECONDLY"),
    ("FREQ=FORTNIGHTLY", "FREQ"),
    ("FREQ=DAILYY", "FREQ"),
    ("FREQ=DAILY,WEEKLY", "FREQ"),
    ("FREQ=1", "FREQ"),
    # smuggled
    ("FREQ=DAILY\nDTSTART:20200101T000000Z", "one line"),
    ("DTSTART:20200101T000000Z\nRRULE:FREQ=DAILY", "one line"),
    ("DTSTART=20200101T000000Z;FREQ=DAILY", "DTSTART"),
    ("FREQ=DAILY;DTSTART=20200101T000000Z", "DTSTART"),
    ("FREQ=DAILY;TZID=Europe/Berlin", "rule"),
    ("FREQ=DAILY;EXDATE=20200101T000000Z", "EXDATE"),
    ("FREQ=DAILY\r\n", "one line"),
    ("FREQ=DAILY\n", "one line"),
    ("\nFREQ=DAILY", "one line"),
    ("FREQ=DAILY\x00", "one line"),
    ("\x00", "one line"),
    ("FREQ=DAILY\x7f", "one line"),
    ("FREQ=DAILY\u2028", "one line"),
    ("FREQ=DAILY\u200b", "one line"),
    ("\ufeffFREQ=DAILY", "one line"),
    ("FREQ=DA\u0131LY", "one line"),
    ("FREQ=DAILY;INTERVAL=\u0662", "one line"),
    ("FREQ=DAILY;COUNT=\u00b2", "one line"),
    ("FREQ=DAILY;BYHOUR=\uff19", "one line"),
    ("\u0660 9 * * *", "one line"),
    ("FREQ=DAILY;BYHOUR=9" + ",9" * 600, "longer"),
    ("FREQ=DAILY;" * 200, "longer"),
    ("*" * 5000, "longer"),
    (" " * 2000, "longer"),
    ("FREQ = DAILY", "spaces"),
    ("FREQ=DAILY ;COUNT=2", "spaces"),
    ("FREQ=DAILY; COUNT= 2", "spaces"),
    ("FREQ=DAILY;COUNT=2 ;INTERVAL=2", "spaces"),
    # parts
    ("FREQ=DAILY;FREQ=DAILY", "twice"),
    ("FREQ=DAILY;COUNT=2;COUNT=2", "twice"),
    ("FREQ=WEEKLY;BYDAY=MO;byday=TU", "twice"),
    ("FREQ=DAILY;X-NAME=1", "X-NAME"),
    ("FREQ=DAILY;BYEASTER=0", "BYEASTER"),
    ("FREQ=DAILY;BYWEEKDAY=MO", "BYDAY"),
    ("FREQ=DAILY;RSCALE=GREGORIAN", "RSCALE"),
    ("FREQ=DAILY;SKIP=FORWARD", "SKIP"),
    ("FREQ=DAILY;INTERVAL=0", "INTERVAL"),
    ("FREQ=DAILY;INTERVAL=-1", "INTERVAL"),
    ("FREQ=DAILY;INTERVAL=+1", "INTERVAL"),
    ("FREQ=DAILY;INTERVAL=1.5", "rule"),
    ("FREQ=DAILY;INTERVAL=", "part"),
    ("FREQ=DAILY;INTERVAL=ONE", "INTERVAL"),
    ("FREQ=DAILY;INTERVAL=1,2", "INTERVAL"),
    ("FREQ=DAILY;INTERVAL=1000000000", "INTERVAL"),
    ("FREQ=MINUTELY;INTERVAL=999999999", "INTERVAL"),
    ("FREQ=YEARLY;INTERVAL=" + "9" * 400, "INTERVAL"),
    ("FREQ=DAILY;INTERVAL=1E3", "INTERVAL"),
    ("FREQ=DAILY;INTERVAL=0X10", "INTERVAL"),
    ("FREQ=DAILY;INTERVAL=1_0", "rule"),
    ("FREQ=DAILY;COUNT=0", "COUNT"),
    ("FREQ=DAILY;COUNT=-5", "COUNT"),
    ("FREQ=DAILY;COUNT=1000000000", "COUNT"),
    ("FREQ=DAILY;COUNT=" + "9" * 100, "COUNT"),
    ("FREQ=DAILY;COUNT=2;UNTIL=20270101T000000Z", "exclude"),
    ("FREQ=DAILY;UNTIL=20270101", "date only"),
    ("FREQ=DAILY;UNTIL=20270230T000000Z", "calendar"),
    ("FREQ=DAILY;UNTIL=20270101T250000", "calendar"),
    ("FREQ=DAILY;UNTIL=20270101T000060", "calendar"),
    ("FREQ=DAILY;UNTIL=00000101T000000", "calendar"),
    ("FREQ=DAILY;UNTIL=20270101T0000", "YYYYMMDD"),
    ("FREQ=DAILY;UNTIL=2027-01-01T00:00:00Z", "rule"),
    ("FREQ=DAILY;UNTIL=20270101T000000+0100", "YYYYMMDD"),
    ("FREQ=DAILY;UNTIL=20270101T000000ZZ", "YYYYMMDD"),
    ("FREQ=DAILY;UNTIL=TOMORROW", "YYYYMMDD"),
    ("FREQ=DAILY;WKST=MONDAY", "WKST"),
    ("FREQ=DAILY;WKST=1", "WKST"),
    ("FREQ=DAILY;WKST=MO,TU", "WKST"),
    ("FREQ=YEARLY;BYMONTH=13", "BYMONTH"),
    ("FREQ=YEARLY;BYMONTH=0", "BYMONTH"),
    ("FREQ=YEARLY;BYMONTH=-1", "BYMONTH"),
    ("FREQ=YEARLY;BYMONTH=JAN", "BYMONTH"),
    ("FREQ=YEARLY;BYMONTH=1,", "BYMONTH"),
    ("FREQ=YEARLY;BYMONTH=,1", "BYMONTH"),
    ("FREQ=YEARLY;BYMONTH=5L", "BYMONTH"),
    ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY"),
    ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY"),
    ("FREQ=MONTHLY;BYMONTHDAY=-32", "BYMONTHDAY"),
    ("FREQ=MONTHLY;BYMONTHDAY=1-5", "BYMONTHDAY"),
    ("FREQ=YEARLY;BYYEARDAY=0", "BYYEARDAY"),
    ("FREQ=YEARLY;BYYEARDAY=367", "BYYEARDAY"),
    ("FREQ=YEARLY;BYYEARDAY=-367", "BYYEARDAY"),
    ("FREQ=YEARLY;BYYEARDAY=0001", "BYYEARDAY"),
    ("FREQ=YEARLY;BYWEEKNO=0", "BYWEEKNO"),
    ("FREQ=YEARLY;BYWEEKNO=54", "BYWEEKNO"),
    ("FREQ=YEARLY;BYWEEKNO=-54", "BYWEEKNO"),
    ("FREQ=DAILY;BYHOUR=24", "BYHOUR"),
    ("FREQ=DAILY;BYHOUR=-1", "BYHOUR"),
    ("FREQ=DAILY;BYHOUR=+1", "BYHOUR"),
    ("FREQ=DAILY;BYHOUR=1.5", "rule"),
    ("FREQ=DAILY;BYHOUR=009", "BYHOUR"),
    ("FREQ=DAILY;BYMINUTE=60", "BYMINUTE"),
    ("FREQ=DAILY;BYSECOND=60", "leap seconds"),
    ("FREQ=DAILY;BYSECOND=61", "BYSECOND"),
    ("FREQ=DAILY;BYHOUR=9;BYSETPOS=0", "BYSETPOS"),
    ("FREQ=DAILY;BYHOUR=9;BYSETPOS=367", "BYSETPOS"),
    ("FREQ=WEEKLY;BYDAY=XX", "BYDAY"),
    ("FREQ=WEEKLY;BYDAY=MONDAY", "BYDAY"),
    ("FREQ=WEEKLY;BYDAY=1", "BYDAY"),
    ("FREQ=WEEKLY;BYDAY=MO TU", "spaces"),
    ("FREQ=MONTHLY;BYDAY=0MO", "BYDAY"),
    ("FREQ=MONTHLY;BYDAY=MO1", "BYDAY"),
    ("FREQ=MONTHLY;BYDAY=--1MO", "BYDAY"),
    ("FREQ=YEARLY;BYDAY=54MO", "BYDAY"),
    ("FREQ=YEARLY;BYDAY=999999MO", "BYDAY"),
    # combinations that the RFC forbids
    ("FREQ=MONTHLY;BYWEEKNO=20", "BYWEEKNO"),
    ("FREQ=WEEKLY;BYWEEKNO=20", "BYWEEKNO"),
    ("FREQ=DAILY;BYWEEKNO=20", "BYWEEKNO"),
    ("FREQ=HOURLY;BYWEEKNO=20", "BYWEEKNO"),
    ("FREQ=DAILY;BYYEARDAY=100", "BYYEARDAY"),
    ("FREQ=WEEKLY;BYYEARDAY=100", "BYYEARDAY"),
    ("FREQ=MONTHLY;BYYEARDAY=100", "BYYEARDAY"),
    ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY"),
    ("FREQ=WEEKLY;BYDAY=1MO", "ordinal"),
    ("FREQ=DAILY;BYDAY=-1MO", "ordinal"),
    ("FREQ=HOURLY;BYDAY=2MO", "ordinal"),
    ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO", "ordinal"),
    ("FREQ=MONTHLY;BYDAY=6MO", "month"),
    ("FREQ=YEARLY;BYMONTH=1;BYDAY=6MO", "month"),
    ("FREQ=DAILY;BYSETPOS=1", "BYSETPOS"),
    ("FREQ=MONTHLY;BYSETPOS=-1", "BYSETPOS"),
    # never
    ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never"),
    ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30", "never"),
    ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "never"),
    ("FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", "never"),
    ("FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=31", "never"),
    ("FREQ=MONTHLY;BYMONTH=4,6,9,11;BYMONTHDAY=31", "never"),
    ("FREQ=YEARLY;BYMONTH=1;BYYEARDAY=100", "never"),
    ("FREQ=YEARLY;BYMONTHDAY=1;BYYEARDAY=2", "never"),
    ("FREQ=YEARLY;BYWEEKNO=20;BYMONTH=1", "never"),
    ("FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6", "never"),
    ("FREQ=YEARLY;BYDAY=53MO;BYMONTHDAY=1", "never"),
    ("FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1", "never"),
    ("FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1,2,3,28", "never"),
    ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6", "never"),
    ("FREQ=MONTHLY;BYDAY=MO;BYHOUR=9,10;BYSETPOS=11", "never"),
    ("FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=3", "never"),
    ("FREQ=DAILY;BYHOUR=9;BYSETPOS=2", "never"),
    ("FREQ=HOURLY;BYMINUTE=0,30;BYSETPOS=3", "never"),
    ("FREQ=HOURLY;INTERVAL=24;BYHOUR=10", "never"),
    ("FREQ=HOURLY;INTERVAL=2;BYHOUR=10", "never"),
    ("FREQ=HOURLY;INTERVAL=168;BYDAY=TU", "never"),
    ("FREQ=MINUTELY;INTERVAL=60;BYMINUTE=30", "never"),
    ("FREQ=MINUTELY;INTERVAL=1440;BYHOUR=10", "never"),
    ("FREQ=MINUTELY;INTERVAL=10080;BYDAY=TU", "never"),
    ("FREQ=MINUTELY;INTERVAL=1439;BYMONTH=2;BYMONTHDAY=29;BYHOUR=3;BYMINUTE=1", "never"),
    ("FREQ=DAILY;INTERVAL=7;BYDAY=TU", "never"),
    ("FREQ=DAILY;INTERVAL=14;BYDAY=SU", "never"),
    ("FREQ=MONTHLY;INTERVAL=12;BYMONTH=5", "never"),
    ("FREQ=MONTHLY;INTERVAL=2;BYMONTH=2,4,6", "never"),
    ("FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29", "never"),
    ("FREQ=HOURLY;INTERVAL=24;BYHOUR=10,11,12;BYDAY=MO", "never"),
    ("FREQ=HOURLY;INTERVAL=614;BYHOUR=5;BYMONTH=2;BYMONTHDAY=30", "never"),
    ("FREQ=MINUTELY;INTERVAL=7919;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO;BYHOUR=3;BYMINUTE=1", "never"),
    ("FREQ=MINUTELY;INTERVAL=525600000;BYDAY=WE;BYHOUR=3", "never"),
    ("FREQ=MINUTELY;INTERVAL=99990;BYHOUR=10;BYMINUTE=1", "never"),
    ("FREQ=DAILY;INTERVAL=773;BYMONTH=2;BYMONTHDAY=29", "never"),
    ("FREQ=DAILY;INTERVAL=146097;BYDAY=TU", "never"),
    ("FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO;BYMONTH=12;BYMONTHDAY=31", "never"),
    ("FREQ=YEARLY;BYWEEKNO=53;BYYEARDAY=1;BYDAY=MO", "never"),
    ("FREQ=YEARLY;BYWEEKNO=1;BYYEARDAY=12", "never"),
    ("FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1,2,3,4,5,6,7,8,9,10,28", "never"),
    ("FREQ=MONTHLY;BYDAY=5FR;BYSETPOS=2", "never"),
    ("FREQ=YEARLY;UNTIL=20261123T080000", "before the start"),
    ("FREQ=DAILY;UNTIL=20261123T075959Z", "before the start"),
    ("FREQ=DAILY;UNTIL=19700101T000000Z", "before the start"),
    ("FREQ=MONTHLY;BYMONTHDAY=1;UNTIL=20261124T000000", "never"),
    # bombs
    (
        f"FREQ=YEARLY;BYHOUR={','.join(map(str, range(24)))};"
        f"BYMINUTE={','.join(map(str, range(60)))};BYSECOND={','.join(map(str, range(60)))}",
        "times",
    ),
    (
        f"FREQ=DAILY;BYHOUR={','.join(map(str, range(24)))};BYMINUTE=0,1;BYSECOND="
        + ",".join(map(str, range(60))),
        "times",
    ),
    # cron
    ("* * * *", "5 fields"),
    ("* * * * * *", "5 fields"),
    ("0 0 9 * * 1", "5 fields"),
    ("60 * * * *", "minute"),
    ("-1 * * * *", "minute"),
    ("* 24 * * *", "hour"),
    ("* * 0 * *", "day of month"),
    ("* * 32 * *", "day of month"),
    ("* * * 0 *", "month"),
    ("* * * 13 *", "month"),
    ("* * * FOO *", "month"),
    ("* * * * 8", "day of week"),
    ("* * * * MONDAY", "day of week"),
    ("MON * * * *", "minute"),
    ("*/0 * * * *", "step"),
    ("*/90 * * * *", "step"),
    ("*/-5 * * * *", "step"),
    ("*/ * * * *", "step"),
    ("*/5/5 * * * *", "step"),
    ("/5 * * * *", "minute"),
    ("5-1 * * * *", "range"),
    ("1-2-3 * * * *", "minute"),
    ("1- * * * *", "minute"),
    ("-5 * * * *", "minute"),
    ("1,,2 * * * *", "minute"),
    (", * * * *", "minute"),
    ("1.5 * * * *", "minute"),
    ("0x1 * * * *", "minute"),
    ("** * * * *", "minute"),
    ("*5 * * * *", "minute"),
    ("? * * * *", "minute"),
    ("H * * * *", "minute"),
    ("0 9 ? * 1", "day of month"),
    ("0 9 L-3 * *", "day of month"),
    ("0 9 0W * *", "day of month"),
    ("0 9 32W * *", "day of month"),
    ("0 9 1-5W * *", "day of month"),
    ("0 9 WL * *", "day of month"),
    ("0 9 * * L", "day of week"),
    ("0 9 * * 1#0", "1 to 5"),
    ("0 9 * * 1#6", "1 to 5"),
    ("0 9 * * 1#", "day of week"),
    ("0 9 * * #1", "day of week"),
    ("0 9 * * 8#1", "day of week"),
    ("0 9 * * 1-3#1", "day of week"),
    ("0 9 * * FRI-MON", "range"),
    ("L * * * *", "minute"),
    ("0 9 * L *", "month"),
    ("9" * 300 + " * * * *", "minute"),
    ("0 0 30 2 *", "never"),
    ("0 0 31 2,4,6,9,11 *", "never"),
    ("0 0 31W 2 *", "never"),
    ("0 0 30-31 2 */2", "never"),
    ("0\n9 * * *", "one line"),
    ("0 9 * * *\x00", "one line"),
    ("0 9 * * *;FREQ=DAILY", "rule"),
]


@pytest.mark.parametrize(("text", "reason"), HOSTILE, ids=lambda value: repr(value)[:60])
def test_hostile_text_is_refused_with_its_reason_at_once(text, reason):
    refused, seconds = refusal(text)
    if seconds >= 0.05:
        # a pause of the garbage collector, or slow indeed
        refused, seconds = refusal(text)
    assert seconds < 0.05
    assert refused.field == "recurrence"
    assert reason in refused.message
    assert len(refused.message) < 300


def refusal(text, **fields):
    began = time.process_time()
    with pytest.raises(RecurrenceError) as refused:
        Schedule.validate(**{**BERLIN, **fields}, recurrence=text)
    return refused.value, time.process_time() - began


@pytest.mark.parametrize(
    "text",
    [
        "30 2 * 3 0L",
        "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU",
        "FREQ=DAILY;BYMONTH=3;BYDAY=SU;BYMONTHDAY=25,26,27,28,29,30,31",
        "FREQ=MINUTELY;BYMONTH=3;BYDAY=SU;BYMONTHDAY=25,26,27,28,29,30,31;BYHOUR=2",
    ],
)
def test_what_the_clock_always_skips_is_refused_at_once(text):
    start = datetime(2026, 3, 1, 2, 30)
    refused, seconds = refusal(text, starts_at=start, gap="skip")
    if seconds >= 0.05:
        refused, seconds = refusal(text, starts_at=start, gap="skip")
    assert seconds < 0.05
    assert "never" in refused.message


def test_the_hostile_corpus_is_large_enough():
    assert len(HOSTILE) >= 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("   ", ""),
        ("FREQ=DAILY", "FREQ=DAILY"),
        ("RRULE:FREQ=DAILY", "FREQ=DAILY"),
        ("rrule:freq=daily", "FREQ=DAILY"),
        (" FREQ=DAILY ", "FREQ=DAILY"),
        ("FREQ=DAILY;", "FREQ=DAILY"),
        ("FREQ=DAILY; ", "FREQ=DAILY"),
        ("RRULE:FREQ=DAILY;  COUNT=2; ", "FREQ=DAILY;COUNT=2"),
        ("INTERVAL=1;FREQ=DAILY", "FREQ=DAILY"),
        ("INTERVAL=02;FREQ=DAILY", "FREQ=DAILY;INTERVAL=2"),
        ("WKST=MO;FREQ=WEEKLY", "FREQ=WEEKLY"),
        ("WKST=SU;FREQ=WEEKLY", "FREQ=WEEKLY"),
        ("WKST=SU;FREQ=WEEKLY;INTERVAL=2", "FREQ=WEEKLY;INTERVAL=2;WKST=SU"),
        ("WKST=SU;FREQ=MONTHLY;INTERVAL=2", "FREQ=MONTHLY;INTERVAL=2"),
        ("FREQ=YEARLY;WKST=SU;BYWEEKNO=1", "FREQ=YEARLY;BYWEEKNO=1;WKST=SU"),
        ("FREQ=WEEKLY;BYDAY=FR,MO,MO", "FREQ=WEEKLY;BYDAY=MO,FR"),
        ("FREQ=MONTHLY;BYDAY=-1FR,+1MO,FR", "FREQ=MONTHLY;BYDAY=1MO,FR,-1FR"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1,15,+1,01", "FREQ=MONTHLY;BYMONTHDAY=1,15,-1"),
        ("FREQ=DAILY;BYMINUTE=30,0;BYHOUR=09,08", "FREQ=DAILY;BYHOUR=8,9;BYMINUTE=0,30"),
        ("UNTIL=20270101T000000z;FREQ=DAILY", "FREQ=DAILY;UNTIL=20270101T000000Z"),
        ("UNTIL=20270101T000000;FREQ=DAILY", "FREQ=DAILY;UNTIL=20270101T000000"),
        ("FREQ=DAILY;COUNT=007", "FREQ=DAILY;COUNT=7"),
    ],
)
def test_canonical_rule(text, expected):
    assert canonical(text) == expected
    assert canonical(expected) == expected


@given(rule=rules())
@settings(max_examples=200, deadline=None)
def test_order_and_case_do_not_change_the_canonical_rule(rule):
    try:
        once = canonical(rule)
    except RecurrenceError:
        return
    assert canonical(once) == once
    assert canonical(";".join(reversed(rule.lower().split(";")))) == once


@settings(max_examples=300, deadline=None)
@given(
    text=st.text(max_size=40) | st.text("FREQDAILYWKBMONTHSUCP=;,-+0123456789* /L#", max_size=60)
)
def test_any_text_is_accepted_or_refused(text):
    with suppress(RecurrenceError):
        Schedule.validate(**BERLIN, recurrence=text)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"recurrence": None}, "recurrence", id="no text"),
        pytest.param({"recurrence": b"FREQ=DAILY"}, "recurrence", id="bytes"),
        pytest.param({"recurrence": 7}, "recurrence", id="number"),
        pytest.param({"starts_at": "2026-11-23"}, "starts_at", id="start as text"),
        pytest.param({"starts_at": None}, "starts_at", id="no start"),
        pytest.param({"starts_at": START.astimezone()}, "starts_at", id="start with offset"),
        pytest.param({"starts_at": datetime(1, 1, 1)}, "starts_at", id="year 1"),
        pytest.param({"starts_at": datetime(9999, 12, 31)}, "starts_at", id="year 9999"),
        pytest.param({"starts_at": START.replace(microsecond=1)}, "starts_at", id="microsecond"),
        pytest.param({"timezone": "Mars/Olympus"}, "timezone", id="unknown zone"),
        pytest.param({"timezone": ""}, "timezone", id="empty zone"),
        pytest.param({"timezone": None}, "timezone", id="no zone"),
        pytest.param({"timezone": "../../etc/passwd"}, "timezone", id="path"),
        pytest.param({"timezone": "/etc/localtime"}, "timezone", id="absolute path"),
        pytest.param({"timezone": "Europe/../Europe/Berlin"}, "timezone", id="roundabout path"),
        pytest.param({"timezone": "Europe"}, "timezone", id="directory"),
        pytest.param({"timezone": "Europe/Berlin\x00"}, "timezone", id="NUL"),
        pytest.param({"timezone": "europe/berlin"}, "timezone", id="other case"),
        pytest.param({"timezone": "tzdata.zi"}, "timezone", id="file of tzdata"),
        pytest.param({"timezone": "zone1970.tab"}, "timezone", id="table of tzdata"),
        pytest.param({"timezone": "+01:00"}, "timezone", id="offset"),
        pytest.param({"timezone": ["UTC"]}, "timezone", id="list"),
        pytest.param({"gap": "never"}, "gap", id="gap"),
        pytest.param({"gap": None}, "gap", id="no gap"),
        pytest.param({"gap": ["after"]}, "gap", id="gap list"),
        pytest.param({"fold": "third"}, "fold", id="fold"),
        pytest.param({"fold": 0}, "fold", id="fold number"),
        pytest.param({"leads": ()}, "leads", id="no leads"),
        pytest.param({"leads": [timedelta(seconds=-1)]}, "leads", id="negative lead"),
        pytest.param({"leads": [timedelta(days=400)]}, "leads", id="long lead"),
        pytest.param({"leads": [timedelta(microseconds=1)]}, "leads", id="microsecond lead"),
        pytest.param({"leads": ["PT1H"]}, "leads", id="text lead"),
        pytest.param({"leads": [timedelta(n) for n in range(30)]}, "leads", id="many leads"),
        pytest.param({"leads": 5}, "leads", id="lead number"),
        pytest.param({"exdates": ["2026"]}, "exdates", id="text exdate"),
        pytest.param({"exdates": 5}, "exdates", id="exdate number"),
        pytest.param({"exdates": [START.astimezone()]}, "exdates", id="exdate with offset"),
        pytest.param(
            {"exdates": [START + timedelta(n) for n in range(1001)]}, "exdates", id="many"
        ),
        pytest.param({"exdates": [START]}, "exdates", id="everything excluded"),
        pytest.param({"rdates": [None]}, "rdates", id="no rdate"),
        pytest.param({"rdates": [START + timedelta(n) for n in range(1001)]}, "rdates", id="many"),
    ],
)
def test_unusable_fields_are_refused_by_name(fields, field):
    with pytest.raises(RecurrenceError) as refused:
        Schedule.validate(**{**BERLIN, **fields})
    assert refused.value.field == field


def test_a_zone_in_another_case_is_suggested():
    with pytest.raises(RecurrenceError, match="did you mean Europe/Berlin"):
        Schedule(starts_at=START, timezone="europe/berlin")


def test_once_in_a_gap_with_skip_is_refused():
    with pytest.raises(RecurrenceError) as refused:
        Schedule.validate(
            starts_at=datetime(2026, 3, 29, 2, 30), timezone="Europe/Berlin", gap="skip"
        )
    assert refused.value.field == "starts_at"


def test_an_error_survives_pickling():
    error = pickle.loads(pickle.dumps(RecurrenceError("timezone", "unknown")))
    assert (error.field, error.message) == ("timezone", "unknown")
