"""Clauses beside a repeat: its start and end, exceptions and additional dates, and leads."""

import re
from dataclasses import dataclass
from datetime import date

from reminders.natural_language.cursor import ClauseValues, Cursor
from reminders.natural_language.errors import ambiguous, refuse
from reminders.natural_language.lexicon import ADVERBS, UNITS
from reminders.natural_language.tokens import Clock
from reminders.recurrence import ON_TIME, Lead

from . import days
from .days import Day
from .durations import Length, lengths
from .times import clock


@dataclass(frozen=True, slots=True)
class Until:
    day: Day | None = None
    clock: Clock | None = None
    length: Length | None = None


def delay(c: Cursor) -> ClauseValues:
    """Read "in 20 minutes", "2 hours from now", "a week from today", "3 days later"."""
    has_in = c.word("in", "after") is not None
    lengths_read = lengths(c) or c.attempt(lambda: _possessive(c))
    if lengths_read is None:
        return None
    while more := c.attempt(lambda before=lengths_read[-1]: _more(c, before)):  # type: ignore[misc]
        lengths_read += more
    if has_in:
        c.phrase("time", "' time")
    if not has_in and not c.phrase("from now", "from today", "later", "hence"):
        return None
    return None if has_in and c.word("before", "after") else {"delay": tuple(lengths_read)}


def _possessive(c: Cursor) -> list[Length] | None:
    """Read the week of "in a week's time"."""
    c.word("a", "an", "one")
    unit = c.one_of({f"{name}'s": name for name in UNITS})
    return [Length(1, unit)] if unit is not None and c.ahead({"time"}) else None


def _more(c: Cursor, before: Length) -> list[Length] | None:
    """Read the 2 hours of "1 day 2 hours": they are shorter than what is before them."""
    c.word("and", ",")
    lengths_read = lengths(c)
    units = list(UNITS)
    if not lengths_read or units.index(lengths_read[0].unit) >= units.index(before.unit):
        return None
    return lengths_read


def until(c: Cursor) -> ClauseValues:
    if not c.phrase("until", "till", "til", "through", "thru", "ending on", "ends on", "ending"):
        return None
    end = c.attempt(lambda: _end_of(c))
    day = end or c.attempt(lambda: days.single(c))
    if day is not None:
        return {"until": Until(day, c.attempt(lambda: _at(c)))}
    moment = c.value("moment")
    if moment is None or moment.tzinfo is not None:
        return None
    fixed = date(moment.year, moment.month, moment.day)
    return {"until": Until(Day(lambda today: fixed), Clock(moment.hour, moment.minute))}


def _end_of(c: Cursor) -> Day | None:
    """Read the end of the year, of the month, of March."""
    c.word("the")
    if not c.phrase("end of"):
        return None
    if c.phrase("the year", "this year"):
        return Day(lambda today: date(today.year, 12, 31))
    if c.phrase("the month", "this month"):
        return days.of_month(-1, 0)
    if c.phrase("next month"):
        return days.of_month(-1, 1)
    months_read = days.months(c)
    if months_read is None or len(months_read) != 1:
        return None
    month = months_read[0]
    return Day(lambda today: _last_day(today, month))


def _last_day(today: date, month: int) -> date:
    first = days.date_of_year(month, 1).find(today.replace(day=1))
    return days.of_month(-1, 0).find(first)


def _at(c: Cursor) -> Clock | None:
    has_at = c.word("at", ",") is not None
    return clock(c, is_expected=has_at)


def times_or_length(c: Cursor) -> ClauseValues:
    """Read "for 10 times", ", 10 times", "for 3 weeks", "5 occurrences"."""
    is_apart = c.at > 0 and c.tokens[c.at - 1].text == ","
    has_for = c.phrase("for the next", "for")
    begin = c.at
    number = c.attempt(c.number)
    if number is not None and (noun := c.word("times", "occurrences", "time")):
        if c.ahead({"a", "an", "per", "every", "each", *ADVERBS}):
            return None
        is_end = c.token is None or c.token.kind == "mark"
        if not has_for and not (is_apart and is_end) and noun != "occurrences":
            ambiguous(
                f"“{number} times” may be so often each time, or {number} times and no more: write "
                f"“for {number} times”, or how often, such as “twice a day at 8 and 20”."
            )
        return {"count": number}
    if not has_for:
        return None
    c.at = begin
    lengths_read = lengths(c)
    return {"until": Until(length=lengths_read[0])} if lengths_read else None


def starting(c: Cursor) -> ClauseValues:
    if not c.phrase(
        "starting on", "starting from", "starting", "beginning on", "beginning", "from", "as of",
        "starts on", "starts", "start on", "since",
    ):  # fmt: skip
        return None
    c.word("in")
    moment = c.value("moment")
    if moment is not None and moment.tzinfo is None:
        fixed = moment.date()
        return {
            "start": Day(lambda today: fixed),
            "times": [Clock(moment.hour, moment.minute, moment.second)],
        }
    if both := c.attempt(lambda: _from_to(c)):
        return both
    day = c.attempt(lambda: days.single(c)) or c.attempt(lambda: _month(c))
    return {"start": day} if day else None


def _from_to(c: Cursor) -> ClauseValues:
    """Read the dates of "from Dec 1 to Dec 24"; "from Monday to Friday" may be of every week."""
    first = days.calendar_date(c) or c.attempt(lambda: _tomorrow(c))
    if first is None or not c.word("to", "until", "till", "through", "thru", "-"):
        return None
    last = days.calendar_date(c)
    return None if last is None else {"start": _before_end(first, last), "until": Until(last)}


def _before_end(first: Day, last: Day) -> Day:
    """Refuse a start that is over while the end lies ahead: its next one is a year later."""

    def find(today: date) -> date:
        begin = first.find(today)
        if first.moves and last.moves and last.find(today) < begin:
            ambiguous(
                "These dates are of this year and of the next: write their years, or only the end, "
                "as in “until Dec 24”."
            )
        return begin

    return Day(find)


def _month(c: Cursor) -> Day | None:
    months_read = days.months(c)
    return days.date_of_year(months_read[0], 1) if months_read and len(months_read) == 1 else None


def leaving_out(c: Cursor) -> ClauseValues:
    """Read "except on Dec 25 and Jan 1", "except Sundays", "but not in August"."""
    if not c.phrase(
        "except for", "except", "excepting", "excluding", "but not", "not", "without", "skipping",
        "apart from", "aside from", "other than", "with the exception of", "save for",
    ):  # fmt: skip
        return None
    c.word("on", "in", "for")
    months = c.attempt(lambda: None if _is_date(c) else days.months(c))
    if months:
        return {"but_months": months}
    dates = c.several(lambda: c.attempt(lambda: _listed_date(c)))
    if dates:
        return {"but": tuple(dates)}
    weekdays = days.weekdays(c)
    return {"but_weekdays": weekdays} if weekdays else None


def _is_date(c: Cursor) -> bool:
    begin = c.at
    pair = days.month_and_day(c)
    c.at = begin
    return pair is not None


def _listed_date(c: Cursor) -> Day | None:
    c.word("on")
    return days.calendar_date(c) or c.attempt(lambda: _tomorrow(c))


def _tomorrow(c: Cursor) -> Day | None:
    return days.single(c) if c.ahead({"today", "tomorrow"}) else None


def also(c: Cursor) -> ClauseValues:
    if not c.phrase("also on", "and also on", "plus on"):
        return None
    dates = c.several(lambda: _listed_date(c))
    return {"also": tuple(dates)} if dates else None


def leads(c: Cursor) -> ClauseValues:
    """Read "10 minutes before", "a day before and an hour before and on time"."""
    c.phrase("and remind me", "remind me", "with a reminder", "and")
    leads_read = c.several(lambda: _lead(c))
    return {"leads": tuple(sorted(set(leads_read)))} if leads_read else None


def _lead(c: Cursor) -> Lead | None:
    """Read one lead: its days and weeks are nominal, its hours and minutes exact."""
    if c.phrase("on time", "when it is due", "when due"):
        return ON_TIME
    written = c.token.text if c.token is not None and c.token.kind == "span" else ""
    length = lengths(c)
    if not length:
        return None
    if c.attempt(lambda: lengths(c) if c.word("and", ",") else None) and _before(c):
        refuse(
            "“… and … before” may be one reminder or two: write “1 day before and 1 hour before”, "
            "or 1h30m before.",
            "ambiguous",
        )
    if not _before(c):
        return None
    span = length[0].span
    if span is None:
        refuse("How long before is told in minutes, hours, days or weeks.")
    days = _written_days(written) if written else span.days * (not length[0].is_exact)
    return Lead(days, round(span.total_seconds()) - days * 86_400)


def _written_days(span: str) -> int:
    """Return the days of 1d2h: its hours are exact, its days are not."""
    days = re.findall(r"([0-9]+)([dw])", span.lower())
    return sum(int(number) * (7 if unit == "w" else 1) for number, unit in days)


def _before(c: Cursor) -> str | None:
    return c.phrase(
        "before it", "before that", "before", "beforehand", "in advance", "ahead of time", "ahead",
        "earlier", "early", "prior",
    )  # fmt: skip
