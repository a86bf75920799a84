"""What goes with a schedule: its start and end, what it leaves out, how long before to speak."""

from dataclasses import dataclass
from datetime import date, timedelta

from . import days
from .clocks import clock
from .cursor import Cursor, Found
from .days import Day
from .errors import refuse
from .lexicon import UNIT_NAMES
from .tokens import Clock


@dataclass(frozen=True, slots=True)
class Length:
    """So many units: months are not a number of days."""

    number: float
    unit: str

    @property
    def span(self) -> timedelta | None:
        """Its length in time; None for months and years, which have none."""
        units = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800, "fortnight": 1209600}
        if self.unit not in units:
            return None
        try:
            return timedelta(seconds=self.number * units[self.unit])
        except OverflowError:
            refuse("This is too far away.")

    @property
    def is_exact(self) -> bool:
        """Whether it is measured in hours and minutes, not in days of the calendar."""
        return self.unit in ("minute", "hour")


@dataclass(frozen=True, slots=True)
class Until:
    day: Day | None = None
    clock: Clock | None = None
    length: Length | None = None


def lengths(c: Cursor) -> list[Length] | None:
    """Read 20 minutes, an hour and a half, half an hour, 1h30m, 2 hours 30 minutes."""
    if c.phrase("half an hour", "half hour", "a half hour"):
        return [Length(30, "minute")]
    span = c.value("span")
    if span is not None:
        return [Length(span.total_seconds() / 60, "minute")]
    if c.phrase("an hour and a half", "one and a half hours"):
        return [Length(90, "minute")]
    if c.phrase("a couple of", "couple of"):
        number: int | None = 2
    else:
        number = 1 if c.word("a", "an", "the") else c.number()
    if number is None:
        return None
    half = c.phrase("and a half") is not None
    unit = c.one_of(UNIT_NAMES)
    if unit is None or (half and unit not in ("hour", "day", "minute")):
        return None
    return [Length(number + 0.5 * half, unit)]


def delay(c: Cursor) -> Found:
    """Read "in 20 minutes", "2 hours from now", "a week from today"."""
    has_in = c.word("in", "after") is not None
    found = lengths(c)
    if found is None:
        return None
    while more := c.attempt(lambda: lengths(c) if c.word("and", ",") or has_in else None):
        found += more
    if not has_in and not c.phrase("from now", "from today"):
        return None
    return None if has_in and c.word("before", "after") else {"delay": tuple(found)}


def until(c: Cursor) -> Found:
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
    found = days.months(c)
    if found is None or len(found) != 1:
        return None
    month = found[0]
    return Day(lambda today: _last_day(today, month))


def _last_day(today: date, month: int) -> date:
    first = days.date_of_year(month, 1).find(today.replace(day=1))
    return days.of_month(-1, 0).find(first)


def _at(c: Cursor) -> Clock | None:
    has_at = c.word("at", ",") is not None
    return clock(c, is_told=has_at)


def times_or_length(c: Cursor) -> Found:
    """Read "for 10 times", "10 times", "for 3 weeks", "5 occurrences"."""
    has_for = c.phrase("for the next", "for")
    number = c.attempt(c.number)
    if number is not None and c.word("times", "occurrences", "time"):
        return None if c.ahead({"a", "an", "per", "every", "each"}) else {"count": number}
    if not has_for:
        return None
    c.at -= number is not None
    found = lengths(c)
    return {"until": Until(length=found[0])} if found else None


def starting(c: Cursor) -> Found:
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
    found = c.attempt(lambda: days.single(c)) or c.attempt(lambda: _month(c))
    return {"start": found} if found else None


def _month(c: Cursor) -> Day | None:
    found = days.months(c)
    return days.date_of_year(found[0], 1) if found and len(found) == 1 else None


def leaving_out(c: Cursor) -> Found:
    """Read "except on Dec 25 and Jan 1", "except Sundays", "but not in August"."""
    if not c.phrase("except for", "except", "excluding", "but not", "not", "without", "skipping"):
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
    found = days.month_and_day(c)
    c.at = begin
    return found is not None


def _listed_date(c: Cursor) -> Day | None:
    c.word("on")
    return days.calendar_date(c) or c.attempt(lambda: _tomorrow(c))


def _tomorrow(c: Cursor) -> Day | None:
    return days.single(c) if c.ahead({"today", "tomorrow"}) else None


def also(c: Cursor) -> Found:
    if not c.phrase("also on", "and also on", "plus on"):
        return None
    found = c.several(lambda: _listed_date(c))
    return {"also": tuple(found)} if found else None


def leads(c: Cursor) -> Found:
    """Read "10 minutes before", "a day before and an hour before and on time"."""
    c.phrase("and remind me", "remind me", "with a reminder", "and")
    found = c.several(lambda: _lead(c))
    return {"leads": tuple(sorted(set(found)))} if found else None


def _lead(c: Cursor) -> timedelta | None:
    if c.phrase("on time", "when it is due", "when due"):
        return timedelta(0)
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
    return span


def _before(c: Cursor) -> str | None:
    return c.phrase(
        "before it", "before that", "before", "beforehand", "in advance", "ahead of time", "ahead",
        "earlier", "early", "prior",
    )  # fmt: skip
