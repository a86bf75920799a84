"""Repeats: every other Monday, daily, on the 1st of every month, twice a day."""

from dataclasses import dataclass
from typing import Any

from . import days
from .clocks import part
from .cursor import Cursor, Found
from .errors import ambiguous, refuse
from .lexicon import (
    ADVERBS,
    ORDINALS,
    PARTS,
    TWO_MEANINGS,
    UNIT_NAMES,
    UNITS,
    WEEKDAYS,
    WEEKEND,
    WORKDAYS,
)

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
    unit = c.one_of(ADVERBS)
    return None if unit is None else {"repeat": of_unit(unit)}


def _so_often(c: Cursor) -> Found:
    """Read "twice a day": how many times or days have to be said beside it."""
    number = {"once": 1, "twice": 2}.get(c.word("once", "twice") or "")
    if number is None:
        number = c.number()
        if number is None or not c.word("times", "x"):
            return None
    if not c.word("a", "an", "per", "every", "each"):
        return None
    unit = c.one_of(UNIT_NAMES)
    return None if unit is None else {"repeat": of_unit(unit), "so_often": (number, unit)}


def _plural(c: Cursor) -> Found:
    """Read "on Mondays and Fridays", "on weekdays": they say of themselves that they repeat."""
    is_bare = not c.word("on") and not c.is_after_clause
    begin = c.at
    found = days.weekdays(c)
    texts = [token.text for token in c.tokens[begin : c.at]]
    if found is None or not any(text.endswith("s") and text not in WEEKDAYS for text in texts):
        return None
    said: dict[str, object] = {"implied": Repeat("WEEKLY"), "weekdays": found}
    return _with_part(c, {**said, "is_bare": True} if is_bare else said)


def _each(c: Cursor) -> Found:
    if not c.word("every", "each"):
        return None
    c.word("single")
    for read in (_half, _nth, _units, _weekdays, _date, _part):
        found = c.attempt(lambda read=read: read(c))  # type: ignore[misc]
        if found is not None:
            return found
    return None


def _half(c: Cursor) -> Found:
    if c.phrase("half hour", "half an hour", "half-hour"):
        return {"repeat": Repeat("MINUTELY", 30)}
    return {"repeat": Repeat("MONTHLY", 6)} if c.phrase("half year", "half a year") else None


def _units(c: Cursor) -> Found:
    """Read every day, every 3 weeks, every other month, every weekday."""
    number = _interval(c)
    if number is None:
        span = c.value("span")
        minutes, rest = divmod(span.total_seconds(), 60) if span else (0, 0)
        return {"repeat": Repeat("MINUTELY", int(minutes))} if minutes and not rest else None
    if number == 1 and c.word("weekday", "workday", "work-day"):
        return _with_part(c, {"repeat": Repeat("WEEKLY"), "weekdays": WORKDAYS})
    if number == 1 and (c.phrase("business day", "working day", "work day")):
        return _with_part(c, {"repeat": Repeat("WEEKLY"), "weekdays": WORKDAYS})
    if number == 1 and c.word("weekend"):
        return _with_part(c, {"repeat": Repeat("WEEKLY"), "weekdays": WEEKEND})
    unit = c.one_of(UNIT_NAMES)
    if unit is None:
        return None
    if not number:
        refuse("An interval begins at 1: write every day, or every 2 days.")
    return {"repeat": of_unit(unit, number)}


def _interval(c: Cursor) -> int | None:
    """Read other, 3, three or third; 1 where nothing is said, None where it is 1h30m."""
    if c.token is not None and c.token.kind == "span":
        return None
    if c.word("other", "alternate"):
        return 2
    number = c.number()
    if number is None:
        number = c.attempt(lambda: c.ordinal() if not c.ahead({"last"}) else None)
    return 1 if number is None else number


def _weekdays(c: Cursor) -> Found:
    interval = 2 if c.word("other", "alternate") else 1
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
    pair = c.attempt(lambda: days.month_and_day(c))
    if pair is not None:
        days.date_of_year(*pair)
        return {"repeat": Repeat("YEARLY"), "dates": (pair,)}
    months = days.months(c)
    return {"repeat": Repeat("YEARLY"), "months": months} if months else None


def _nth(c: Cursor) -> Found:
    """Read every first Monday (of the month), every 1st and 15th, every last day of the month."""
    begin = c.at
    found = nth(c)
    if found is None:
        return None
    of = _of(c)
    number = found["nth"]
    if of is None and "ordinals" in found and not {each[0] for each in number} <= {1, -1}:
        text = " ".join(token.text for token in c.tokens[begin : c.at])
        ambiguous(
            f"“every {text}” has two meanings: write “every {text} of the month”, or, for a "
            "number of weeks, “every 2 weeks on …”."
        )
    if "ordinals" not in found and of is None and c.ahead(UNIT_NAMES):
        return None
    return _joined({**found, "of": of or "month"}, is_each=True)


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
    c.word("on", "by")
    found = nth(c)
    if found is None:
        return None
    return _joined({**found, "of": _of(c)}, is_each=False)


def _joined(found: dict[str, Any], *, is_each: bool) -> Found:
    """Return the days of a month that are meant, and the repeat that "of every month" says."""
    of, number = found.pop("of"), found.pop("nth")
    if of is None:
        return found
    if of == "month":
        return {**found, "repeat": Repeat("MONTHLY")}
    if not isinstance(of[0], bool):
        said = {**found, "months": of}
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
    pair = days.month_and_day(c)
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
