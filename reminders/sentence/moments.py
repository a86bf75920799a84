"""One day or moment, and what stands beside a schedule: tags, urgency, words without meaning."""

from . import days
from .clocks import part
from .cursor import Cursor, Found
from .days import Day
from .lexicon import PARTS

_TODAY = Day(lambda today: today)


def moment(c: Cursor) -> Found:
    """Read 2026-11-23T18:00, with or without an offset."""
    c.word("on", "at", "by")
    found = c.value("moment")
    return None if found is None else {"moment": found}


def day(c: Cursor) -> Found:
    """Read tomorrow, next Friday evening, on 23 November 2026, a week from Monday."""
    found = c.attempt(lambda: _week_from(c)) or c.attempt(lambda: days.single(c))
    if found is None:
        return None
    named = c.word("morning", "afternoon", "evening", "night") or part(c)
    return {"day": found, "part": named} if named else {"day": found}


def _week_from(c: Cursor) -> Day | None:
    weeks = 1 if c.phrase("a week from", "one week from") else 0
    weeks = weeks or (2 if c.phrase("two weeks from", "2 weeks from") else 0)
    found = days.single(c) if weeks else None
    if found is None:
        return None
    # Said on a Monday, Monday is the next one.
    base, ahead = found, days.DAY * found.moves
    return Day(lambda today: base.find(today + ahead) + weeks * days.WEEK)


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
    """Read what says nothing: remind me to, please; and "once", for what is not repeated."""
    if c.word("once"):
        return {"once": True}
    if c.phrase("please remind me", "remind me", "please", "and remind me"):
        return {}
    return {} if c.at == 0 and c.phrase("reminder to", "reminder for", "reminder") else None
