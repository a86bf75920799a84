"""Repeats: every other Monday, daily, on the 1st of every month, twice a day."""

import re
from dataclasses import dataclass
from typing import Any

from reminders.natural_language.cursor import ClauseValues, Cursor
from reminders.natural_language.errors import ambiguous, refuse
from reminders.natural_language.lexicon import (
    ADVERBS,
    HALVES,
    ORDINALS,
    PARTS,
    TWO_MEANINGS,
    UNIT_NAMES,
    UNITS,
    WEEKDAYS,
    WEEKEND,
    WORKDAYS,
)

from . import days
from .durations import lengths, quarters
from .times import part

_QUARTERS = {1: (1, 4, 7, 10), -1: (3, 6, 9, 12)}


@dataclass(frozen=True, slots=True)
class Repeat:
    """The frequency of a rule, and its interval."""

    freq: str
    interval: int = 1


def of_unit(unit: str, number: int = 1) -> Repeat:
    freq, steps = UNITS[unit]
    return Repeat(freq, steps * number)


def raw_rule(c: Cursor) -> ClauseValues:
    """Read an RRULE or a cron expression."""
    begin = c.at
    text = c.value("rule") or c.value("cron")
    return None if text is None else {"pasted": text, "pasted_kind": c.tokens[begin].kind}


def repeat(c: Cursor) -> ClauseValues:
    for read in (_adverb, _times_per_unit, _every, _plural):
        values = c.attempt(lambda read=read: read(c))  # type: ignore[misc]
        if values is not None:
            return values
    return None


def _adverb(c: Cursor) -> ClauseValues:
    if c.token is not None and c.token.text in TWO_MEANINGS:
        first, second = TWO_MEANINGS[c.token.text]
        ambiguous(f"“{c.token.text}” has two meanings: write “{first}” or “{second}”.")
    if c.word("nightly"):
        return {"repeat": Repeat("DAILY"), "part": "night"}
    if half := c.phrase(*HALVES):
        return {"repeat": _HALF[HALVES[half]]}
    unit = c.one_of(ADVERBS)
    return None if unit is None else _with_times(c, {"repeat": of_unit(unit)}, unit)


_HALF = {"half year": Repeat("MONTHLY", 6), "half hour": Repeat("MINUTELY", 30)}


def _with_times(c: Cursor, values: dict[str, Any], unit: str) -> dict[str, Any]:
    """Read the number of times after "every day" and "daily": twice, 3 times."""
    number = c.attempt(lambda: _how_often(c))
    return values if number is None else {**values, "so_often": (number, unit)}


def _how_often(c: Cursor) -> int | None:
    token = c.token
    if token is not None and token.kind == "mixed" and re.fullmatch("[0-9]{1,3}x", token.text):
        c.at += 1
        return int(token.text[:-1])
    number = _TIMES.get(c.word(*_TIMES) or "") or c.number()
    if number is None or (c.tokens[c.at - 1].text not in _TIMES and not c.word("times", "x")):
        return None
    return number


_TIMES = {"once": 1, "twice": 2, "thrice": 3}


def _times_per_unit(c: Cursor) -> ClauseValues:
    """Read "twice a day", "3 times daily"; the sentence must name that many times or days."""
    number = _how_often(c)
    if number is None:
        return None
    unit = c.one_of(ADVERBS)
    if unit is None:
        unit = c.one_of(UNIT_NAMES) if c.word("a", "an", "per", "every", "each") else None
    return None if unit is None else {"repeat": of_unit(unit), "so_often": (number, unit)}


def _plural(c: Cursor) -> ClauseValues:
    """Read "on Mondays and Fridays", "on weekdays": a plural repeats without "every"."""
    is_bare = not c.word("on") and not c.is_after_clause
    interval = 2 if c.word("alternate", "alternating") else 1
    if interval == 1:
        c.word("all")
    begin = c.at
    weekdays = days.weekdays(c)
    texts = [token.text for token in c.tokens[begin : c.at]]
    if weekdays is None or not any(text.endswith("s") and text not in WEEKDAYS for text in texts):
        return None
    values: dict[str, object] = {"implied": Repeat("WEEKLY", interval), "weekdays": weekdays}
    return _with_part(c, {**values, "is_bare": True} if is_bare else values)


def _every(c: Cursor) -> ClauseValues:
    if not c.word("every", "each"):
        return None
    c.word("single")
    for read in (_half, _end, _nth, _units, _weekdays, _date, _part):
        values = c.attempt(lambda read=read: read(c))  # type: ignore[misc]
        if values is not None:
            return values
    return None


def _half(c: Cursor) -> ClauseValues:
    if c.phrase("half hour", "half an hour", "half-hour"):
        return {"repeat": Repeat("MINUTELY", 30)}
    if minutes := quarters(c):
        return {"repeat": Repeat("MINUTELY", minutes)}
    phrase = c.phrase("half year", "half a year", "half-year")
    return {"repeat": Repeat("MONTHLY", 6)} if phrase else None


def _end(c: Cursor) -> ClauseValues:
    """Read every month end, every end of the month."""
    phrase = c.phrase("month end", "month-end", "end of the month", "end of month")
    return {"repeat": Repeat("MONTHLY"), "month_days": (-1,)} if phrase else None


def _units(c: Cursor) -> ClauseValues:
    """Read every day, every 3 weeks, every other month, every weekday."""
    number = _interval(c)
    if number is None:
        return _span(c)
    if number == 1 and c.word("weekday", "workday", "work-day"):
        return _with_part(c, {"repeat": Repeat("WEEKLY"), "weekdays": WORKDAYS})
    if number == 1 and (c.phrase("business day", "working day", "work day")):
        return _with_part(c, {"repeat": Repeat("WEEKLY"), "weekdays": WORKDAYS})
    if number == 1 and c.phrase("weekend", "week end", "week-end"):
        return _with_part(c, {"repeat": Repeat("WEEKLY"), "weekdays": WEEKEND})
    unit = c.one_of(UNIT_NAMES)
    if unit is None:
        return None
    if not number:
        refuse("An interval begins at 1: write every day, or every 2 days.")
    values: dict[str, Any] = {"repeat": of_unit(unit, number)}
    return _with_times(c, values, unit) if number == 1 else values


def _span(c: Cursor) -> ClauseValues:
    """Read every 90m, every 1h30m, every 1.5 hours, every 2days."""
    span_lengths = lengths(c)
    span = span_lengths[0].span if span_lengths else None
    if not span_lengths or span is None:
        return None
    minutes, seconds = divmod(span.total_seconds(), 60)
    if seconds or not minutes:
        return None
    days, minutes_left = divmod(int(minutes), 24 * 60)
    if days and not minutes_left and not span_lengths[0].is_exact:
        return {"repeat": Repeat("DAILY", days)}
    return {"repeat": Repeat("MINUTELY", int(minutes))}


def _interval(c: Cursor) -> int | None:
    """Read other, 3, three or third; return 1 without a number, and None before 1h30m."""
    if c.token is not None and c.token.kind in ("span", "hours", "decimal"):
        return None
    if c.word("other", "alternate", "alternating"):
        return 2
    number = c.number()
    if number is None:
        number = c.attempt(lambda: c.ordinal() if not c.ahead({"last"}) else None)
    if number is not None and number < 0:
        return None
    return 1 if number is None else number


def _weekdays(c: Cursor) -> ClauseValues:
    interval = 2 if c.word("other", "alternate", "alternating") else 1
    weekdays = days.weekdays(c)
    if weekdays is None:
        return None
    return _with_part(c, {"repeat": Repeat("WEEKLY", interval), "weekdays": weekdays})


def _with_part(c: Cursor, values: dict[str, object]) -> dict[str, object]:
    part_name = c.word(*PARTS) or part(c)
    return {**values, "part": part_name} if part_name else values


def _part(c: Cursor) -> ClauseValues:
    if c.word("noon", "midday"):
        return {"repeat": Repeat("DAILY"), "part": "noon"}
    if c.word("midnight"):
        return {"repeat": Repeat("DAILY"), "part": "midnight"}
    part_name = c.word("morning", "afternoon", "evening", "night")
    return {"repeat": Repeat("DAILY"), "part": part_name} if part_name else None


def _date(c: Cursor) -> ClauseValues:
    """Read every January, every December 24th, every 5th of November."""
    pair = c.attempt(lambda: _pair(c))
    if pair is not None:
        return {"repeat": Repeat("YEARLY"), "dates": (pair,)}
    months = days.months(c)
    return {"repeat": Repeat("YEARLY"), "months": months} if months else None


def _nth(c: Cursor) -> ClauseValues:
    """Read every first Monday (of the month), every 1st and 15th, every last day of the month."""
    begin = c.at
    values = nth(c)
    if values is None:
        return None
    has_noun = c.tokens[c.at - 1].text in ("day", "days")
    of = _of(c)
    number = values["nth"]
    if of is None and has_noun:
        _check_nth_days(number)
        return None
    counted = {n if isinstance(n, int) else n[0] for n in number}
    if of is None and "month_days" not in values and not counted <= {1, -1}:
        text = " ".join(token.text for token in c.tokens[begin : c.at])
        ambiguous(
            f"“every {text}” has two meanings: write “every {text} of the month”, or, for a "
            "number of weeks, “every 2 weeks on …”."
        )
    if "ordinals" not in values and of is None and c.ahead(UNIT_NAMES):
        return None
    return _join_days({**values, "of": of or "month"}, is_each=True)


def _check_nth_days(days: tuple[int, ...]) -> None:
    """Refuse "every 1st day" and "every 2nd and 4th day"; "every 2nd day" is every 2 days."""
    if len(days) > 1 or days[0] < 2:
        ambiguous(
            "Which of the days? Write “every 2 days”, or “on the 1st and 15th of every month”."
        )


def nth(c: Cursor) -> dict[str, Any] | None:
    """Read days of a month or a year: the first Monday, the 1st and 15th, the last day."""
    groups = c.several(lambda: _one_nth(c))
    if not groups:
        return None
    kinds = {kind for kind, _ in groups}
    if len(kinds) > 1:
        refuse("Days of the month and weekdays of the month do not go together in one reminder.")
    values = tuple(sorted({value for _, group in groups for value in group}))
    return {kinds.pop(): values, "nth": values}


def _one_nth(c: Cursor) -> tuple[str, list[Any]] | None:
    c.word("the")
    begin = c.at
    numbers = c.several(lambda: _ordinal(c))
    if not numbers:
        return None
    is_written_out = any(token.text in ORDINALS for token in c.tokens[begin : c.at])
    if c.phrase("day of the week", "week", "weeks", "month", "year"):
        return None
    if c.phrase("weekday", "workday", "business day", "working day", "work day"):
        return "workdays", list(numbers)
    weekday = c.one_of(WEEKDAYS)
    if weekday is not None:
        return "ordinals", [(number, weekday) for number in numbers]
    if c.word("day", "days") or not is_written_out or c.ahead({"of"}):
        return "month_days", list(numbers)
    return None


def _ordinal(c: Cursor) -> int | None:
    c.word("the")
    return c.ordinal()


def _of(c: Cursor) -> Any:
    """Read the period after "of" or "in": a list of months, or (is_every, unit, interval)."""

    def read() -> object:
        if not c.word("of", "in"):
            return None
        is_every = c.word("every", "each") is not None
        if months := days.months(c):
            return months
        if not is_every and not c.word("the", "a"):
            return None
        interval = 2 if is_every and c.word("other") else c.number() or 1 if is_every else 1
        unit = c.one_of({"month": "month", "months": "month", "quarter": "quarter", "year": "year"})
        return None if unit is None else (is_every, unit, interval)

    return c.attempt(read)


def days_of(c: Cursor) -> ClauseValues:
    """Read "on the first Monday of every month", "on the 1st and 15th"."""
    begin = c.at
    c.word("on", "by", "at")
    if c.phrase(*_MONTH_ENDS):
        return {"repeat": Repeat("MONTHLY"), "month_days": (-1,)}
    c.at = begin
    c.word("on", "by")
    values = nth(c)
    if values is None:
        return None
    return _join_days({**values, "of": _of(c)}, is_each=False)


_MONTH_ENDS = tuple(
    f"{article}end of {word} month" for article in ("the ", "") for word in ("every", "each")
)


def _join_days(values: dict[str, Any], *, is_each: bool) -> ClauseValues:
    """Return the days of a month, with the repeat that "of every month" adds."""
    of, number = values.pop("of"), values.pop("nth")
    if of is None:
        return values
    if of == "month":
        return {**values, "repeat": Repeat("MONTHLY")}
    if not isinstance(of[0], bool):
        values = {**values, "months": of, "of_months": True}
        return {**values, "repeat": Repeat("YEARLY")} if is_each else values
    is_every, unit, interval = of
    if not is_every and not is_each:
        return {**values, "of_the": unit}
    if unit == "quarter":
        is_last = {value if isinstance(value, int) else value[0] for value in number} == {-1}
        return {**values, "repeat": Repeat("YEARLY"), "months": _QUARTERS[-1 if is_last else 1]}
    return {**values, "repeat": Repeat("YEARLY" if unit == "year" else "MONTHLY", interval)}


def on(c: Cursor) -> ClauseValues:
    """Read "on Mon, Wed and Fri", "on 24 December", "on Nov 23 and 24 December" beside a repeat."""
    begin = c.at
    has_on = c.word("on", "by") is not None
    pairs = c.several(lambda: _pair(c))
    if pairs:
        return {"dates": tuple(sorted(pairs))}
    c.at = begin + has_on
    weekdays = days.weekdays(c)
    if weekdays is None or (c.token is not None and c.ahead({"in", "of", "next"}) and _is_week(c)):
        return None
    values: dict[str, object] = {"weekdays": weekdays}
    if not has_on and not c.is_after_clause:
        values["is_bare"] = True
    return _with_part(c, values)


def _pair(c: Cursor) -> tuple[int, int] | None:
    named_date = c.value("named_date")
    if named_date is not None and named_date.year is not None:
        return None
    pair = (named_date.month, named_date.day) if named_date else days.month_and_day(c)
    if pair is None or (c.token is not None and c.token.kind == "number"):
        return None
    days.date_of_year(*pair)
    return pair


def _is_week(c: Cursor) -> bool:
    """Whether the next words make one day of a weekday: in a week, next week."""
    begin = c.at
    phrase = c.phrase("in a week", "next week", "of next week", "of this week")
    c.at = begin
    return phrase is not None
