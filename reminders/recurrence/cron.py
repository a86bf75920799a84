"""Cron expressions of five fields: grammar and canonical text."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from .errors import RecurrenceError, clip

LAST_DAY = "L"
LAST_WEEKDAY = "LW"
LAST = -1

_Special = TypeVar("_Special")

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        # 0 and 7 are both Sunday
        return 7 if self.name == "day of week" else self.highest - self.lowest + 1

    def allowed(self) -> str:
        text = f"{self.lowest} to {self.highest}"
        if self.names:
            text += f" or {self.names[0]} to {self.names[-1]}"
        return text


_MINUTE = _Field("minute", 0, 59)
_HOUR = _Field("hour", 0, 23)
_DAY = _Field("day of month", 1, 31)
_MONTH = _Field("month", 1, 12, _MONTHS)
_WEEKDAY = _Field("day of week", 0, 7, _WEEKDAYS)
_FIELDS = (_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY)

# The five fields of each nickname; @reboot is no time.
NICKNAMES = {
    "@HOURLY": "0 * * * *",
    "@DAILY": "0 0 * * *",
    "@MIDNIGHT": "0 0 * * *",
    "@WEEKLY": "0 0 * * 0",
    "@MONTHLY": "0 0 1 * *",
    "@YEARLY": "0 0 1 1 *",
    "@ANNUALLY": "0 0 1 1 *",
}
# Quartz: a number of days before the last one.
_BEFORE_LAST = re.compile(r"L-([0-9]{1,2})")
_NUMBER = re.compile(r"[0-9]{1,3}")
_NEAREST = re.compile(r"([0-9]{1,2})W")
_ORDINAL = re.compile(r"([0-9]|[A-Z]{3})(?:#([0-9])|L)")


# Compared by identity, like Rule.
@dataclass(frozen=True, eq=False)
class Cron:
    """A parsed expression; weekdays count from 0, Sunday, to 6."""

    minutes: frozenset[int]
    hours: frozenset[int]
    # `*` or a step in minute or hour: local times come as the clock shows them
    real_pace: bool
    days: frozenset[int]
    nearest_weekdays: frozenset[int]
    last_day: bool
    last_weekday: bool
    months: frozenset[int]
    weekdays: frozenset[int]
    # (weekday, n): the nth of the month, or the last
    ordinals: frozenset[tuple[int, int]]
    # whether the two day fields combine by AND
    both_days: bool

    @cached_property
    def any_day(self) -> bool:
        return len(self.days) == _DAY.size

    @cached_property
    def any_weekday(self) -> bool:
        return len(self.weekdays) == _WEEKDAY.size

    @cached_property
    def text(self) -> str:
        """The expression in canonical form."""
        day, weekday = self._day_texts()
        month = "*" if len(self.months) == _MONTH.size else _ranges(self.months)
        return " ".join([*self._time_texts(), day, month, weekday])

    def _time_texts(self) -> tuple[str, str]:
        if not self.real_pace:
            return _ranges(self.minutes), _ranges(self.hours)
        minute, hour = _steps(self.minutes, _MINUTE), _steps(self.hours, _HOUR)
        if not any(mark in minute + hour for mark in "*/"):
            first = min(self.minutes)
            later = _ranges(self.minutes - {first})
            minute = _join_items(f"{first}/{_MINUTE.size}", [later])
        return minute, hour

    def _day_texts(self) -> tuple[str, str]:
        """Write the day fields so that their combination, AND or OR, is kept."""
        specials = [f"{day}W" for day in sorted(self.nearest_weekdays)]
        specials += [LAST_DAY] * self.last_day + [LAST_WEEKDAY] * self.last_weekday
        ordinals = [f"{day}L" if n == LAST else f"{day}#{n}" for day, n in sorted(self.ordinals)]
        if not self.both_days and (self.any_day or self.any_weekday):
            return "*", "*"
        day = "*" if self.any_day else _join_items(_ranges(self.days), specials)
        weekday = "*" if self.any_weekday else _join_items(_ranges(self.weekdays), ordinals)
        if self.both_days and "*" not in (day, weekday):
            if 1 in self.days:
                day = _join_items(_steps(self.days, _DAY, always=True), specials)
            else:
                weekday = _join_items(_steps(self.weekdays, _WEEKDAY, always=True), ordinals)
        return day, weekday


def parse(text: str) -> Cron:
    """Parse five fields or a nickname, in capitals. Raises RecurrenceError."""
    minute, hour, day, month, weekday = _fields(text)
    if "?" in (day, weekday):
        # Quartz counts its weekdays from Sunday, 1: the other field may mean another day.
        name = _DAY if day == "?" else _WEEKDAY
        raise _error(name, "?", "is of Quartz, whose MON is 2; write * and names of days")
    days, specials = _split_specials(day, _day_special)
    weekdays, ordinals = _split_specials(weekday, _weekday_special)
    return Cron(
        minutes=_values(_MINUTE, minute.split(",")),
        hours=_values(_HOUR, hour.split(",")),
        real_pace=any(mark in minute + hour for mark in "*/"),
        days=_values(_DAY, days),
        nearest_weekdays=frozenset(n for n in specials if isinstance(n, int)),
        last_day=LAST_DAY in specials,
        last_weekday=LAST_WEEKDAY in specials,
        months=_values(_MONTH, month.split(",")),
        weekdays=frozenset(n % 7 for n in _values(_WEEKDAY, weekdays)),
        ordinals=frozenset(ordinals),
        both_days=day.startswith("*") or weekday.startswith("*"),
    )


def _fields(text: str) -> list[str]:
    fields = NICKNAMES.get(text, text).split()
    if text.startswith("@") and text not in NICKNAMES:
        names = ", ".join(NICKNAMES).lower()
        raise RecurrenceError(
            "recurrence", f"{clip(text.lower())} is none of the nicknames of cron: {names}"
        )
    if len(fields) != 5:
        hint = "; leave out the seconds and the year" if len(fields) in (6, 7) else ""
        raise RecurrenceError(
            "recurrence",
            "cron needs 5 fields (minute hour day-of-month month day-of-week), not "
            f"{len(fields)}{hint}",
        )
    return fields


def _error(field: _Field, item: str, reason: str) -> RecurrenceError:
    return RecurrenceError("recurrence", f"cron {field.name} {clip(item) or '(empty)'}: {reason}")


def _split_specials(
    text: str, special: Callable[[str], _Special | None]
) -> tuple[list[str], list[_Special]]:
    """Part the items of a field into plain items and special ones, which `special` reads."""
    plain: list[str] = []
    special_values: list[_Special] = []
    for item in text.split(","):
        meaning = special(item)
        if meaning is None:
            plain.append(item)
        else:
            special_values.append(meaning)
    return plain, special_values


def _day_special(item: str) -> int | str | None:
    if item in (LAST_DAY, LAST_WEEKDAY):
        return item
    if before := _BEFORE_LAST.fullmatch(item):
        rule = f"FREQ=MONTHLY;BYMONTHDAY=-{int(before[1]) + 1}"
        raise _error(_DAY, item, f"days before the last are not counted here; write {rule}")
    match = _NEAREST.fullmatch(item)
    if match is None:
        return None
    return _value(_DAY, match[1], item)


def _weekday_special(item: str) -> tuple[int, int] | None:
    match = _ORDINAL.fullmatch(item)
    if match is None:
        return None
    weekday = _value(_WEEKDAY, match[1], item) % 7
    if match[2] is None:
        return weekday, LAST
    if not 1 <= int(match[2]) <= 5:
        raise _error(_WEEKDAY, item, "the number after # must be 1 to 5")
    return weekday, int(match[2])


def _values(field: _Field, items: Iterable[str]) -> frozenset[int]:
    return frozenset(value for item in items for value in _item(field, item))


def _item(field: _Field, item: str) -> range:
    span, slash, step = item.partition("/")
    first, dash, last = span.partition("-")
    if span == "*":
        low, high = field.lowest, field.highest
    elif dash:
        low, high = _value(field, first, item), _value(field, last, item)
        # Sunday ends a week as well as it begins one: SAT-SUN.
        high = field.highest if last == _WEEKDAYS[0] and low > high else high
    else:
        low = high = _value(field, first, item)
        high = field.highest if slash else low
    if high < low:
        raise _error(field, item, f"a range runs upwards, within {field.allowed()}")
    if slash and not (_NUMBER.fullmatch(step) and 1 <= int(step) <= field.size):
        raise _error(field, item, f"the step after / must be 1 to {field.size}")
    return range(low, high + 1, int(step) if slash else 1)


def _value(field: _Field, text: str, item: str) -> int:
    if text in field.names:
        return field.names.index(text) + field.lowest
    if not _NUMBER.fullmatch(text):
        raise _error(field, item, f"write values ({field.allowed()}), *, a-b, /step, lists by ','")
    if not field.lowest <= int(text) <= field.highest:
        raise _error(field, item, f"must be {field.allowed()}")
    return int(text)


def _ranges(values: Iterable[int]) -> str:
    """Write 1, 2, 3, 7 as `1-3,7`."""
    runs: list[list[int]] = []
    for value in sorted(values):
        if runs and runs[-1][-1] == value - 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ",".join(
        f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs
    )


def _steps(values: frozenset[int], field: _Field, always: bool = False) -> str:
    """Write values with `*` or `*/n` if they equal it; with `always`, if they contain it."""
    for step in range(1, field.size + 1):
        stepped = frozenset(range(field.lowest, field.lowest + field.size, step))
        if (stepped == values and len(values) > 1) or (always and stepped <= values):
            return _join_items("*" if step == 1 else f"*/{step}", [_ranges(values - stepped)])
    return _ranges(values)


def _join_items(text: str, more: list[str]) -> str:
    return ",".join(filter(None, [text, *more]))
