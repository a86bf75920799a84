"""The RRULE of a repeat and its days (RFC 5545)."""

from typing import Any

from .clauses.frequency import Repeat
from .errors import ambiguous, refuse
from .lexicon import WORKDAYS

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_DAY_KINDS = ("weekdays", "ordinals", "workdays", "month_days", "dates")
WITHIN_A_DAY = ("MINUTELY", "HOURLY")


def text_of(values: dict[str, Any]) -> str:
    """Return the rule for a repeat and its days, without times or an end."""
    repeat: Repeat = values.get("repeat") or values["implied"]
    parts = _days(values, repeat)
    freq = repeat.freq
    if freq == "DAILY" and repeat.interval == 1 and set(parts) == {"BYDAY"}:
        freq = "WEEKLY"
    every = {"INTERVAL": str(repeat.interval)} if repeat.interval != 1 else {}
    return _join_parts({"FREQ": freq, **every, **parts})


def _join_parts(parts: dict[str, str]) -> str:
    return ";".join(f"{name}={value}" for name, value in parts.items())


def _days(values: dict[str, Any], repeat: Repeat) -> dict[str, str]:
    parts: dict[str, str] = {}
    if months := _months(values):
        parts["BYMONTH"] = join_values(months)
    if days := values.get("month_days"):
        if any(not 1 <= abs(day) <= 31 for day in days):
            refuse("A month has days from the 1st to the 31st.")
        parts["BYMONTHDAY"] = join_values(days)
    if dates := values.get("dates"):
        parts |= _dates(dates, repeat)
    names: list[str] = [_DAYS[day] for day in _weekdays(values)]
    if ordinals := values.get("ordinals"):
        names = [f"{n}{_DAYS[day]}" for n, day in ordinals]
    elif positions := values.get("workdays"):
        names = [_DAYS[day] for day in WORKDAYS]
        parts["BYSETPOS"] = join_values(positions)
    elif names and repeat.freq in ("MONTHLY", "YEARLY") and "BYMONTHDAY" not in parts:
        ambiguous(
            "Which of these weekdays? Write “the first Monday of every month”, or “every Monday”."
        )
    if names:
        parts["BYDAY"] = ",".join(names)
    _check_kind(values, repeat, parts)
    return parts


def _check_kind(values: dict[str, Any], repeat: Repeat, parts: dict[str, str]) -> None:
    kinds = [name for name in _DAY_KINDS if name in values]
    if len(kinds) > 1 or ("dates" in values and "months" in values):
        refuse(
            "Days are said in two ways that do not go together: choose weekdays, days of the "
            "month or dates.",
            "contradiction",
        )
    by_month = values.get("ordinals") or values.get("workdays") or values.get("month_days")
    if by_month and repeat.freq not in ("MONTHLY", "YEARLY"):
        refuse(
            "A day of the month goes with “every month” or “every year”: write “on the 1st of "
            "every month”.",
            "contradiction",
        )
    if repeat.freq == "MONTHLY" and "of_months" in values:
        refuse(
            "A day of one month comes once a year: write “every year on the 20th of February”, or "
            "“every month on the 20th”.",
            "contradiction",
        )
    if repeat.freq == "YEARLY" and by_month and "BYMONTH" not in parts:
        ambiguous("Of which month? Write “of every month”, or “of January every year”.")
    of_the = values.get("of_the", "month")
    if of_the != "month":
        refuse(f"Days are not counted in a {of_the} here: write “every year on Dec 31”.")


def _months(values: dict[str, Any]) -> tuple[int, ...]:
    if without := values.get("but_months"):
        return tuple(n for n in values.get("months") or range(1, 13) if n not in without)
    return values.get("months", ())


def _weekdays(values: dict[str, Any]) -> tuple[int, ...]:
    if without := values.get("but_weekdays"):
        weekdays = tuple(n for n in values.get("weekdays") or range(7) if n not in without)
        if not weekdays:
            refuse("Every day is left out.", "contradiction")
        return weekdays
    return values.get("weekdays", ())


def _dates(dates: tuple[tuple[int, int], ...], repeat: Repeat) -> dict[str, str]:
    if repeat.freq != "YEARLY":
        refuse(
            "A date goes with “every year”. For the first time write “starting Nov 23”, for the "
            "last “until Nov 23”.",
            "contradiction",
        )
    months, days = ({pair[i] for pair in dates} for i in (0, 1))
    if len(months) * len(days) != len(set(dates)):
        refuse("Dates of several months do not fit into one rule: write one sentence for each.")
    return {"BYMONTH": join_values(sorted(months)), "BYMONTHDAY": join_values(sorted(days))}


def join_values(items: Any) -> str:
    return ",".join(map(str, items))
