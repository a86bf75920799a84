"""One day or moment, and what stands beside a schedule: tags, urgency, words without meaning."""

from reminders.natural_language.cursor import ClauseValues, Cursor
from reminders.natural_language.lexicon import PARTS

from . import days
from .days import Day
from .times import part

_TODAY = Day(lambda today: today)


def moment(c: Cursor) -> ClauseValues:
    """Read 2026-11-23T18:00, with or without an offset."""
    c.word("on", "at", "by")
    instant = c.value("moment")
    return None if instant is None else {"moment": instant}


def day(c: Cursor) -> ClauseValues:
    """Read tomorrow, next Friday evening, on 23 November 2026, a week from Monday."""
    day_read = days.single(c)
    if day_read is None:
        return None
    part_name = c.word("morning", "afternoon", "evening", "night") or part(c)
    return {"day": day_read, "part": part_name} if part_name else {"day": day_read}


def period(c: Cursor) -> ClauseValues:
    """Read this week, next month, next year: the days of a repeat, or the first of them."""
    c.word("in", "during", "for")
    offset = c.one_of({"this": 0, "next": 1})
    unit = c.word("week", "month", "year") if offset is not None else None
    return None if unit is None else {"period": (unit, offset)}


def of_day(c: Cursor) -> ClauseValues:
    """Read tonight, this evening, in the morning."""
    if c.word("tonight"):
        return {"day": _TODAY, "part": "tonight"}
    part_name = c.attempt(lambda: c.word(*PARTS) if c.word("this") else None)
    if part_name:
        return {"day": _TODAY, "part": part_name}
    part_name = part(c)
    return {"part": part_name} if part_name else None


def tag(c: Cursor) -> ClauseValues:
    text = c.value("tag")
    return None if text is None else {"tags": (text.removeprefix("#"),)}


def urgent(c: Cursor) -> ClauseValues:
    return None if c.value("urgent") is None else {"urgent": True}


def filler(c: Cursor) -> ClauseValues:
    """Read words without a meaning: remind me to, create a reminder to, please; and "once"."""
    if c.word("once"):
        return {"once": True}
    if c.phrase("please remind me", "remind me", "please", "and remind me"):
        return {}
    if c.at > 1:
        return None
    if c.phrase(*_REQUESTS):
        c.word("for", "to", "about", "that")
        return {}
    return {} if c.phrase("reminder to", "reminder for", "reminder") else None


_REQUESTS = tuple(
    f"{verb} {article}reminder"
    for verb in ("create", "set", "set up", "make", "add", "schedule")
    for article in ("a ", "me a ", "")
)
