"""One day or moment, and what stands beside a schedule: tags, urgency, words without meaning."""

from reminders.natural_language.cursor import Cursor, Found
from reminders.natural_language.lexicon import PARTS

from . import days
from .days import Day
from .times import part

_TODAY = Day(lambda today: today)


def moment(c: Cursor) -> Found:
    """Read 2026-11-23T18:00, with or without an offset."""
    c.word("on", "at", "by")
    found = c.value("moment")
    return None if found is None else {"moment": found}


def day(c: Cursor) -> Found:
    """Read tomorrow, next Friday evening, on 23 November 2026, a week from Monday."""
    found = days.single(c)
    if found is None:
        return None
    named = c.word("morning", "afternoon", "evening", "night") or part(c)
    return {"day": found, "part": named} if named else {"day": found}


def period(c: Cursor) -> Found:
    """Read this week, next month, next year: the days of a repeat, or the first of them."""
    c.word("in", "during", "for")
    offset = c.one_of({"this": 0, "next": 1})
    unit = c.word("week", "month", "year") if offset is not None else None
    return None if unit is None else {"period": (unit, offset)}


def of_day(c: Cursor) -> Found:
    """Read tonight, this evening, in the morning."""
    if c.word("tonight"):
        return {"day": _TODAY, "part": "tonight"}
    named = c.attempt(lambda: c.word(*PARTS) if c.word("this") else None)
    if named:
        return {"day": _TODAY, "part": named}
    named = part(c)
    return {"part": named} if named else None


def tag(c: Cursor) -> Found:
    found = c.value("tag")
    return None if found is None else {"tags": (found.removeprefix("#"),)}


def urgent(c: Cursor) -> Found:
    return None if c.value("urgent") is None else {"urgent": True}


def filler(c: Cursor) -> Found:
    """Read what says nothing: remind me to, create a reminder to, please; and "once"."""
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
