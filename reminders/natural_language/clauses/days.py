"""Days: tomorrow, on Mon, Wed and Fri, the last Friday of the month, Nov 23, in a week."""

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from reminders.natural_language.cursor import ClauseValues, Cursor
from reminders.natural_language.errors import ambiguous, refuse
from reminders.natural_language.lexicon import MONTHS, PLURAL_WEEKDAYS, WEEKDAYS, WEEKEND, WORKDAYS

DAY, WEEK = timedelta(days=1), timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class Day:
    """A day that `find` computes from today.

    A day that `moves` (Friday, the 5th, 23 November) comes again: if it is over today, its next
    date counts.
    """

    find: Callable[[date], date]
    moves: bool = False


def months_later(day: date, months: int) -> date:
    """Return the same day `months` later, or the last day of a shorter month.

    Raises OverflowError after the year 9999.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > date.max.year:
        raise OverflowError("no such year")
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def date_of_year(month: int, day: int, year: int | None = None) -> Day:
    """Return a date of a year, or its next date if no year is said."""
    try:
        date(2028 if year is None else year, month, day)
    except ValueError:
        refuse(f"There is no day {day}.{month}.{year or ''} in the calendar.")
    if year is not None:
        return Day(lambda today: date(year, month, day))
    return Day(lambda today: _next_date(today, month, day), moves=True)


def _next_date(today: date, month: int, day: int) -> date:
    for year in range(today.year, today.year + 9):
        try:
            day_of_year = date(year, month, day)
        except ValueError:
            continue
        if day_of_year >= today:
            return day_of_year
    refuse("This date does not come in the next years.")


def weekday(number: int) -> Day:
    return Day(lambda today: today + (number - today.weekday()) % 7 * DAY, moves=True)


def of_week(number: int, weeks: int) -> Day:
    """Return a day of the week that begins `weeks` after this one; weeks begin on Monday."""
    return Day(lambda today: today + (number - today.weekday()) * DAY + weeks * WEEK)


def of_month(day: int, months: int | None = None) -> Day:
    """Return the next nth of a month, or the nth of this month (0) or the next (1).

    Day -1 is the last one.
    """
    if not -1 <= day <= 31 or not day:
        refuse(f"No month has a day {day}.")
    if months is None:
        return Day(lambda today: _next_nth(today, day), moves=True)
    return Day(lambda today: _nth(months_later(today.replace(day=1), months), day))


def _nth(first: date, day: int) -> date:
    if day < 0:
        return months_later(first, 1) - DAY
    try:
        return first.replace(day=day)
    except ValueError:
        refuse(f"{first:%B %Y} has no day {day}.")


def _next_nth(today: date, day: int) -> date:
    first = today.replace(day=1)
    for months in range(14):
        month = months_later(first, months)
        if day < 0 or day <= (months_later(month, 1) - DAY).day:
            nth = _nth(month, day)
            if nth >= today:
                return nth
    refuse(f"No month has a day {day}.")


def single(c: Cursor) -> Day | None:
    """Read one day, with or without "on"."""
    c.word("on", "by")
    c.word("the")
    for read in (
        _read_shifted_day,
        _read_named_day,
        _in_week,
        _in_month,
        calendar_date,
        _weekday,
        _nth_day,
    ):
        day = c.attempt(lambda read=read: read(c))  # type: ignore[misc]
        if day is not None:
            return day
    return None


_NAMED = {"today": 0, "tomorrow": 1, "tmrw": 1, "tomorow": 1, "day after tomorrow": 2}


def _read_named_day(c: Cursor) -> Day | None:
    phrase = c.phrase(*_NAMED)
    if phrase is None:
        return None
    days = _NAMED[phrase] + 7 * (c.attempt(lambda: _week_behind(c)) is not None)
    return Day(lambda today: today + days * DAY)


def _read_shifted_day(c: Cursor) -> Day | None:
    """Read a week from Monday, two weeks on Friday, 2 weeks today, 3 days after tomorrow."""
    number = 1 if c.word("a", "one") else c.number()
    steps = c.one_of({"week": 7, "weeks": 7, "fortnight": 14, "day": 1, "days": 1})
    if number is None or steps is None:
        return None
    joint = c.word("from", "after", "on")
    if steps == 1 and joint in (None, "on"):
        return None
    # "Two weeks on Friday", but not "two weeks on Dec 5".
    read = {None: _read_named_day, "on": _weekday}.get(joint, single)
    base = read(c)
    if base is None:
        return None
    # Said on a Monday, Monday is the next one.
    ahead = DAY * base.moves
    return Day(lambda today: base.find(today + ahead) + number * steps * DAY)


def _week_behind(c: Cursor) -> str | None:
    """Read the week of "Monday week", which is a week after Monday, and not of "Monday week 3"."""
    phrase = c.word("week")
    return phrase if phrase and (c.token is None or c.token.text in _BEHIND_WEEK) else None


# After these words "Monday week" is a day; before others the week may be of the title.
_BEHIND_WEEK = {"at", "@", ",", "in", "from", "noon", "midnight", "by", "around", ".", "!"}


def _in_week(c: Cursor) -> Day | None:
    """Read next Friday, next week on Friday, next week, which is its Monday, Friday next week."""
    weeks = c.one_of({"this": 0, "next": 1})
    if weeks is None:
        return _weekday_of_week(c)
    if not c.word("week"):
        number = c.one_of(WEEKDAYS)
        return None if number is None else of_week(number, weeks)
    number = c.attempt(lambda: _after_on(c))
    return None if number is None and not weeks else of_week(number or 0, weeks)


def _weekday_of_week(c: Cursor) -> Day | None:
    number = c.one_of(WEEKDAYS)
    if number is None:
        return None
    if c.phrase("in a week"):
        coming = weekday(number).find
        return Day(lambda today: coming(today + DAY) + WEEK)
    if c.attempt(lambda: _week_behind(c)):
        return _week_after(number)
    weeks = {"next week": 1, "of next week": 1, "this week": 0, "of this week": 0}
    phrase = c.phrase(*weeks)
    return of_week(number, weeks[phrase]) if phrase else None


def _week_after(number: int) -> Day:
    def find(today: date) -> date:
        if today.weekday() == number:
            ambiguous(
                f"Today is {today:%A}: “{today:%A} week” may be in one week or in two. Write “in 1 "
                "week” or a date."
            )
        return weekday(number).find(today) + WEEK

    return Day(find)


def _after_on(c: Cursor) -> int | None:
    c.word("on", ",")
    return c.one_of(WEEKDAYS)


def _in_month(c: Cursor) -> Day | None:
    """Read next month on the 5th, the 5th of next month, the last day of this month."""
    offsets = {"next": 1, "this": 0}
    if (months := c.one_of(offsets)) is not None:
        if not c.word("month"):
            return None
        day = c.attempt(lambda: _nth_after_on(c))
        if day is None and not months:
            return None
        return of_month(1 if day is None else day, months)
    day = _nth_number(c)
    if day is None or not c.word("of", "in"):
        return None
    months = c.one_of(offsets)
    return of_month(day, months) if months is not None and c.word("month") else None


def _nth_after_on(c: Cursor) -> int | None:
    c.word("on", ",")
    c.word("the")
    return _nth_number(c)


def _nth_number(c: Cursor) -> int | None:
    if c.phrase("last day"):
        return -1
    if c.phrase("first day"):
        return 1
    return c.value("ordinal")


def _nth_day(c: Cursor) -> Day | None:
    """Read "the 5th": of this month, or of the next one if it is over."""
    day: int | None = c.value("ordinal")
    if day is None or c.one_of(WEEKDAYS) is not None or c.ahead({"of", "to", "day", "week"}):
        return None
    return of_month(day)


def _weekday(c: Cursor) -> Day | None:
    number = c.one_of(WEEKDAYS)
    return None if number is None else weekday(number)


def calendar_date(c: Cursor) -> Day | None:
    """Read 2026-11-23, Nov 23, 23 November 2026, or Monday, Nov 23, which must be a Monday."""
    number = c.attempt(lambda: _day_before_date(c))
    day = c.attempt(lambda: _of_year(c)) or c.attempt(lambda: _written_date(c))
    if day is None and number is not None:
        day = c.attempt(lambda: _nth_day(c))
    return day if day is None or number is None else _check_weekday(day, number)


def _written_date(c: Cursor) -> Day | None:
    day = c.value("date") or c.value("day_first")
    if day is not None:
        return Day(lambda today: day)
    named_date = c.value("named_date")
    if named_date is not None:
        year = named_date.year or _year(c)
        pair: tuple[int, int] | None = (named_date.month, named_date.day)
    else:
        pair = month_and_day(c)
        year = _year(c) if pair else None
    if pair is None:
        return None
    years = None if year else c.attempt(lambda: _years_ahead(c))
    return date_of_year(*pair, year) if years is None else _in_year(pair, years)


def _of_year(c: Cursor) -> Day | None:
    """Read next year on March 1."""
    years = _years_ahead(c)
    if years is None:
        return None
    c.word("on", ",")
    pair = month_and_day(c)
    return None if pair is None else _in_year(pair, years)


def _years_ahead(c: Cursor) -> int | None:
    c.word("of", ",")
    years = c.one_of({"this": 0, "next": 1})
    return years if years is not None and c.word("year") else None


def _in_year(pair: tuple[int, int], years: int) -> Day:
    month, day = pair
    date_of_year(month, day)

    def find(today: date) -> date:
        return date_of_year(month, day, today.year + years).find(today)

    return Day(find)


def _day_before_date(c: Cursor) -> int | None:
    number = c.one_of(WEEKDAYS)
    c.word(",")
    c.word("the")
    return number


def _check_weekday(day: Day, number: int) -> Day:
    def find(today: date) -> date:
        date_found = day.find(today)
        if date_found.weekday() != number:
            refuse(f"{date_found.day} {date_found:%B %Y} is a {date_found:%A}.", "contradiction")
        return date_found

    return Day(find, day.moves)


def month_and_day(c: Cursor) -> tuple[int, int] | None:
    """Read Nov 23, November 23rd, 23 Nov, 23. Nov or the 23rd of November."""
    month = c.one_of(MONTHS)
    if month is not None:
        c.word("the")
        day = _day_number(c)
        return None if day is None else (month, day)
    c.word("the")
    token, day = c.token, _day_number(c)
    if day is None or token is None:
        return None
    if c.ahead({"."}) and c.tokens[c.at].start == token.end:
        c.at += 1
    c.word("of")
    month = c.one_of(MONTHS)
    return None if month is None else (month, day)


def _day_number(c: Cursor) -> int | None:
    number: int | None = c.value("ordinal")
    if number is None:
        number = c.value("number")
    return number if number is not None and 1 <= number <= 31 else None


def _year(c: Cursor) -> int | None:
    def year() -> int | None:
        c.word(",")
        token = c.token
        if token is None or token.kind != "number" or len(token.text) != 4:
            return None
        number: int = c.value("number")
        return number if 1900 <= number <= 2999 else None

    return c.attempt(year)


def weekdays(c: Cursor) -> tuple[int, ...] | None:
    """Read Mon, Wed and Fri, Monday to Friday, weekdays or the weekend."""
    spans = c.several(lambda: _weekday_span(c))
    return tuple(sorted({day for span in spans for day in span})) or None


def _weekday_span(c: Cursor) -> tuple[int, ...] | None:
    if c.phrase("weekdays", "workdays", "work days", "business days", "working days"):
        return WORKDAYS
    if c.phrase("weekends", "weekend", "the weekend"):
        return WEEKEND
    first = c.one_of({**WEEKDAYS, **PLURAL_WEEKDAYS})
    if first is None:
        return None
    last = c.attempt(lambda: _to_weekday(c))
    if last is None:
        return (first,)
    return tuple((first + n) % 7 for n in range((last - first) % 7 + 1))


def _to_weekday(c: Cursor) -> int | None:
    joint = c.word("to", "-", "–", "through", "thru")
    return c.one_of({**WEEKDAYS, **PLURAL_WEEKDAYS}) if joint else None


def months(c: Cursor) -> tuple[int, ...] | None:
    return tuple(sorted(set(c.several(lambda: c.one_of(MONTHS))))) or None


def month_clause(c: Cursor) -> ClauseValues:
    """Read "in June and July"."""
    numbers = months(c) if c.word("in") else None
    return {"months": numbers} if numbers else None
