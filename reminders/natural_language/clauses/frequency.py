"""Repeats: every other Monday, daily, on the 1st of every month, twice a day."""

import re
from dataclasses import dataclass
from typing import Any

from reminders.natural_language.cursor import Cursor, Found
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
    """How often: the frequency of a rule and its interval."""

    freq: str
    interval: int = 1


def of_unit(unit: str, number: int = 1) -> Repeat:
    freq, steps = UNITS[unit]
    return Repeat(freq, steps * number)


def repeat(c: Cursor) -> Found:
    for read in (_adverb, _so_often, _each, _plural):
        found = c.attempt(lambda read=read: read(c))  # type: ignore[misc]
        if found is not None:
            return found
    return None


def _adverb(c: Cursor) -> Found:
    if c.token is not None and c.token.text in TWO_MEANINGS:
        first, second = TWO_MEANINGS[c.token.text]
        ambiguous(f"“{c.token.text}” has two meanings: write “{first}” or “{second}”.")
    if c.word("nightly"):
        return {"repeat": Repeat("DAILY"), "part": "night"}
    if half := c.phrase(*HALVES):
        return {"repeat": _HALF[HALVES[half]]}
    unit = c.one_of(ADVERBS)
    return None if unit is None else _counted(c, {"repeat": of_unit(unit)}, unit)


_HALF = {"half year": Repeat("MONTHLY", 6), "half hour": Repeat("MINUTELY", 30)}


def _counted(c: Cursor, said: dict[str, Any], unit: str) -> dict[str, Any]:
    """Read how often after "every day" and "daily": twice, 3 times."""
    number = c.attempt(lambda: _how_often(c))
    return said if number is None else {**said, "so_often": (number, unit)}


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


def _so_often(c: Cursor) -> Found:
    """Read "twice a day", "3 times daily": how many times or days have to be said beside it."""
    number = _how_often(c)
    if number is None:
        return None
    unit = c.one_of(ADVERBS)
    if unit is None:
        unit = c.one_of(UNIT_NAMES) if c.word("a", "an", "per", "every", "each") else None
    return None if unit is None else {"repeat": of_unit(unit), "so_often": (number, unit)}


def _plural(c: Cursor) -> Found:
    """Read "on Mondays and Fridays", "on weekdays": they say of themselves that they repeat."""
    is_bare = not c.word("on") and not c.is_after_clause
    interval = 2 if c.word("alternate", "alternating") else 1
    if interval == 1:
        c.word("all")
    begin = c.at
    found = days.weekdays(c)
    texts = [token.text for token in c.tokens[begin : c.at]]
    if found is None or not any(text.endswith("s") and text not in WEEKDAYS for text in texts):
        return None
    said: dict[str, object] = {"implied": Repeat("WEEKLY", interval), "weekdays": found}
    return _with_part(c, {**said, "is_bare": True} if is_bare else said)


def _each(c: Cursor) -> Found:
    if not c.word("every", "each"):
        return None
    c.word("single")
    for read in (_half, _end, _nth, _units, _weekdays, _date, _part):
        found = c.attempt(lambda read=read: read(c))  # type: ignore[misc]
        if found is not None:
            return found
    return None


def _half(c: Cursor) -> Found:
    if c.phrase("half hour", "half an hour", "half-hour"):
        return {"repeat": Repeat("MINUTELY", 30)}
    if minutes := quarters(c):
        return {"repeat": Repeat("MINUTELY", minutes)}
    phrase = c.phrase("half year", "half a year", "half-year")
    return {"repeat": Repeat("MONTHLY", 6)} if phrase else None


def _end(c: Cursor) -> Found:
    """Read every month end, every end of the month."""
    phrase = c.phrase("month end", "month-end", "end of the month", "end of month")
    return {"repeat": Repeat("MONTHLY"), "month_days": (-1,)} if phrase else None


def _units(c: Cursor) -> Found:
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
    said: dict[str, Any] = {"repeat": of_unit(unit, number)}
    return _counted(c, said, unit) if number == 1 else said


def _span(c: Cursor) -> Found:
    """Read every 90m, every 1h30m, every 1.5 hours, every 2days."""
    found = lengths(c)
    span = found[0].span if found else None
    if not found or span is None:
        return None
    minutes, seconds = divmod(span.total_seconds(), 60)
    if seconds or not minutes:
        return None
    days, minutes_left = divmod(int(minutes), 24 * 60)
    if days and not minutes_left and not found[0].is_exact:
        return {"repeat": Repeat("DAILY", days)}
    return {"repeat": Repeat("MINUTELY", int(minutes))}


def _interval(c: Cursor) -> int | None:
    """Read other, 3, three or third; 1 where nothing is said, None where it is 1h30m."""
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


def _weekdays(c: Cursor) -> Found:
    interval = 2 if c.word("other", "alternate", "alternating") else 1
    found = days.weekdays(c)
    if found is None:
        return None
    return _with_part(c, {"repeat": Repeat("WEEKLY", interval), "weekdays": found})


def _with_part(c: Cursor, said: dict[str, object]) -> dict[str, object]:
    named = c.word(*PARTS) or part(c)
    return {**said, "part": named} if named else said


def _part(c: Cursor) -> Found:
    if c.word("noon", "midday"):
        return {"repeat": Repeat("DAILY"), "part": "noon"}
    if c.word("midnight"):
        return {"repeat": Repeat("DAILY"), "part": "midnight"}
    named = c.word("morning", "afternoon", "evening", "night")
    return {"repeat": Repeat("DAILY"), "part": named} if named else None


def _date(c: Cursor) -> Found:
    """Read every January, every December 24th, every 5th of November."""
    pair = c.attempt(lambda: _pair(c))
    if pair is not None:
        return {"repeat": Repeat("YEARLY"), "dates": (pair,)}
    months = days.months(c)
    return {"repeat": Repeat("YEARLY"), "months": months} if months else None


def _nth(c: Cursor) -> Found:
    """Read every first Monday (of the month), every 1st and 15th, every last day of the month."""
    begin = c.at
    found = nth(c)
    if found is None:
        return None
    has_noun = c.tokens[c.at - 1].text in ("day", "days")
    of = _of(c)
    number = found["nth"]
    if of is None and has_noun:
        _check_nth_days(number)
        return None
    counted = {n if isinstance(n, int) else n[0] for n in number}
    if of is None and "month_days" not in found and not counted <= {1, -1}:
        text = " ".join(token.text for token in c.tokens[begin : c.at])
        ambiguous(
            f"“every {text}” has two meanings: write “every {text} of the month”, or, for a "
            "number of weeks, “every 2 weeks on …”."
        )
    if "ordinals" not in found and of is None and c.ahead(UNIT_NAMES):
        return None
    return _joined({**found, "of": of or "month"}, is_each=True)


def _check_nth_days(days: tuple[int, ...]) -> None:
    """Refuse "every 1st day" and "every 2nd and 4th day"; "every 2nd day" is every 2 days."""
    if len(days) > 1 or days[0] < 2:
        ambiguous(
            "Which of the days? Write “every 2 days”, or “on the 1st and 15th of every month”."
        )


def nth(c: Cursor) -> dict[str, Any] | None:
    """Read which ones, of a month or a year: the first Monday, the 1st and 15th, the last day."""
    found = c.several(lambda: _one_nth(c))
    if not found:
        return None
    kinds = {kind for kind, _ in found}
    if len(kinds) > 1:
        refuse("Days of the month and weekdays of the month do not go together in one reminder.")
    values = tuple(sorted({value for _, group in found for value in group}))
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
    """Read of what: "month" (whichever is meant), "each month", a list of months, ..."""

    def read() -> object:
        if not c.word("of", "in"):
            return None
        each = c.word("every", "each")
        if months := days.months(c):
            return months
        if each is None and not c.word("the", "a"):
            return None
        interval = 2 if each and c.word("other") else c.number() or 1 if each else 1
        unit = c.one_of({"month": "month", "months": "month", "quarter": "quarter", "year": "year"})
        return None if unit is None else (each is not None, unit, interval)

    return c.attempt(read)


def days_of(c: Cursor) -> Found:
    """Read "on the first Monday of every month", "on the 1st and 15th"."""
    begin = c.at
    c.word("on", "by", "at")
    if c.phrase(*_MONTH_ENDS):
        return {"repeat": Repeat("MONTHLY"), "month_days": (-1,)}
    c.at = begin
    c.word("on", "by")
    found = nth(c)
    if found is None:
        return None
    return _joined({**found, "of": _of(c)}, is_each=False)


_MONTH_ENDS = tuple(
    f"{the}end of {each} month" for the in ("the ", "") for each in ("every", "each")
)


def _joined(found: dict[str, Any], *, is_each: bool) -> Found:
    """Return the days of a month that are meant, and the repeat that "of every month" says."""
    of, number = found.pop("of"), found.pop("nth")
    if of is None:
        return found
    if of == "month":
        return {**found, "repeat": Repeat("MONTHLY")}
    if not isinstance(of[0], bool):
        said = {**found, "months": of, "of_months": True}
        return {**said, "repeat": Repeat("YEARLY")} if is_each else said
    each, unit, interval = of
    if not each and not is_each:
        return {**found, "of_the": unit}
    if unit == "quarter":
        is_last = {value if isinstance(value, int) else value[0] for value in number} == {-1}
        return {**found, "repeat": Repeat("YEARLY"), "months": _QUARTERS[-1 if is_last else 1]}
    return {**found, "repeat": Repeat("YEARLY" if unit == "year" else "MONTHLY", interval)}


def on(c: Cursor) -> Found:
    """Read "on Mon, Wed and Fri", "on 24 December", "on Nov 23 and 24 December" beside a repeat."""
    begin = c.at
    has_on = c.word("on", "by") is not None
    pairs = c.several(lambda: _pair(c))
    if pairs:
        return {"dates": tuple(sorted(pairs))}
    c.at = begin + has_on
    found = days.weekdays(c)
    if found is None or (c.token is not None and c.ahead({"in", "of", "next"}) and _is_week(c)):
        return None
    said: dict[str, object] = {"weekdays": found}
    if not has_on and not c.is_after_clause:
        said["is_bare"] = True
    return _with_part(c, said)


def _pair(c: Cursor) -> tuple[int, int] | None:
    named = c.value("named_date")
    if named is not None and named.year is not None:
        return None
    pair = (named.month, named.day) if named else days.month_and_day(c)
    if pair is None or (c.token is not None and c.token.kind == "number"):
        return None
    days.date_of_year(*pair)
    return pair


def _is_week(c: Cursor) -> bool:
    """Whether what comes makes one day of a weekday: in a week, next week."""
    begin = c.at
    found = c.phrase("in a week", "next week", "of next week", "of this week")
    c.at = begin
    return found is not None
