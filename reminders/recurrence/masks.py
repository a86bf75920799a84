"""Days of a month or year that match, as bit masks: bit 0 is its first day."""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from .cron import LAST, Cron
from .rrule import Rule

_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class YearShape(NamedTuple):
    """The properties that decide on the days of a year."""

    first_weekday: int
    leap: bool
    leap_before: bool
    leap_after: bool


class Start(NamedTuple):
    """The month, day and weekday of the start, for rules without such parts."""

    month: int
    day: int
    weekday: int


def every(step: int, first: int, length: int) -> int:
    """Return the bits first, first + step, ... below length."""
    return sum(1 << bit for bit in range(first, length, step))


def select_positions(mask: int, positions: Iterable[int]) -> int:
    """Return the bits of a mask that BYSETPOS chooses."""
    bits = [bit for bit in range(mask.bit_length()) if mask >> bit & 1]
    selection = {bits[p - 1 if p > 0 else p] for p in positions if abs(p) <= len(bits)}
    return sum(1 << bit for bit in selection)


def month_mask(rule: Rule, first_weekday: int, length: int, default_day: int) -> int:
    """Return the days by BYMONTHDAY and BYDAY; without both, `default_day`, or all if that is 0."""
    if not rule.by_month_day and not rule.by_day:
        return _month_days((default_day,), length) if default_day else (1 << length) - 1
    mask = (1 << length) - 1
    if rule.by_month_day:
        mask &= _month_days(rule.by_month_day, length)
    if rule.by_day:
        mask &= _weekdays(rule.by_day, first_weekday, length)
    return mask


def _month_days(days: Iterable[int], length: int) -> int:
    return sum(1 << (day - 1 if day > 0 else length + day) for day in _existing_days(days, length))


def _existing_days(days: Iterable[int], length: int) -> set[int]:
    """Return the numbers of days that a month or year has; 31 and -1 may be one day."""
    return {day if day > 0 else length + day + 1 for day in days if 0 < abs(day) <= length}


def _weekdays(days: Iterable[tuple[int, int]], first_weekday: int, length: int) -> int:
    mask = 0
    for weekday, ordinal in days:
        every_one = every(7, (weekday - first_weekday) % 7, length)
        mask |= select_positions(every_one, (ordinal,)) if ordinal else every_one
    return mask


def year_mask(rule: Rule, start: Start, year: YearShape) -> int:
    """Return the days of a year by all day parts; without any, the day of the start."""
    first_weekday, length = year.first_weekday, 365 + year.leap
    mask = (1 << length) - 1
    by_date = bool(rule.by_month_day or rule.by_year_day)
    if rule.by_year_day:
        mask &= _month_days(rule.by_year_day, length)
    if rule.by_week_no:
        mask &= _weeks(rule, year)
    if rule.by_day and not rule.by_month:
        mask &= _weekdays(rule.by_day, first_weekday, length)
    elif rule.by_week_no and not rule.by_day and not by_date:
        mask &= _weekdays(((start.weekday, 0),), first_weekday, length)
    default_day = 0 if by_date or rule.by_day or rule.by_week_no else start.day
    months = rule.by_month or ((start.month,) if default_day else range(1, 13))
    return mask & _months(rule, months, year, default_day)


def _months(rule: Rule, months: Iterable[int], year: YearShape, default_day: int) -> int:
    """Return the days of a year in `months`, by BYMONTHDAY, and by BYDAY if it counts in months."""
    mask = offset = 0
    for month, days in enumerate(_LENGTHS, 1):
        length = days + (year.leap and month == 2)
        if month in months:
            bits = (1 << length) - 1
            if rule.by_month_day or default_day:
                bits &= _month_days(rule.by_month_day or (default_day,), length)
            if rule.by_day and rule.by_month:
                bits &= _weekdays(rule.by_day, (year.first_weekday + offset) % 7, length)
            mask |= bits << offset
        offset += length
    return mask


def _weeks(rule: Rule, year: YearShape) -> int:
    """Return the days by BYWEEKNO: week 1 is the first with four days in the year.

    The first and last days of a year may lie in a week of the year before or after.
    """
    length, weekday = 365 + year.leap, year.first_weekday
    length_before, length_after = 365 + year.leap_before, 365 + year.leap_after
    firsts = (
        _week_one(rule, weekday - length_before) - length_before,
        _week_one(rule, weekday),
        _week_one(rule, weekday + length) + length,
        _week_one(rule, weekday + length + length_after) + length + length_after,
    )
    mask = 0
    for begin, end in pairwise(firsts):
        for week in _existing_days(rule.by_week_no, (end - begin) // 7):
            days = range(begin + 7 * week - 7, begin + 7 * week)
            mask |= sum(1 << day for day in days if 0 <= day < length)
    return mask


def _week_one(rule: Rule, first_weekday: int) -> int:
    """Return the day, from 0, on which week 1 of a year starts."""
    first = (rule.week_start - first_weekday) % 7
    return first - 7 if first >= 4 else first


def cron_mask(cron: Cron, first_weekday: int, length: int) -> int:
    """Return the days by the two day fields of a cron expression."""
    days = _cron_days(cron, first_weekday, length)
    weekdays = _cron_weekdays(cron, first_weekday, length)
    return days & weekdays if cron.both_days else days | weekdays


def _cron_days(cron: Cron, first_weekday: int, length: int) -> int:
    mask = _month_days(cron.days, length)
    if cron.last_day:
        mask |= 1 << length - 1
    working = _weekdays([(weekday, 0) for weekday in range(5)], first_weekday, length)
    if cron.last_weekday:
        mask |= select_positions(working, (-1,))
    for day in cron.nearest_weekdays:
        if day <= length:
            mask |= 1 << _nearest(day - 1, working, length)
    return mask


def _nearest(day: int, working: int, length: int) -> int:
    """Return the working day nearest to a day, within the month: before or after a weekend."""
    for candidate in (day, day - 1, day + 1, day - 2, day + 2):
        if 0 <= candidate < length and working >> candidate & 1:
            return candidate
    raise AssertionError("a month has working days")


def _cron_weekdays(cron: Cron, first_weekday: int, length: int) -> int:
    # cron counts from Sunday, the calendar from Monday
    days = [((weekday - 1) % 7, 0) for weekday in cron.weekdays]
    days += [((weekday - 1) % 7, -1 if n == LAST else n) for weekday, n in cron.ordinals]
    return _weekdays(days, first_weekday, length)
