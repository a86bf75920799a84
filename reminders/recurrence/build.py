"""Build the expansion, the wall times, of a rule or cron expression and its start."""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache, partial
from itertools import product

from . import masks
from .cron import Cron
from .errors import RecurrenceError
from .expansion import DayTimes, Expansion, Periodic, Positions, SubDaily
from .masks import Start, YearShape
from .periods import Months, Periods, Weeks, YearMonths, Years, weekday
from .rrule import MAX_TIMES, Freq, Rule
from .sieve import Strided
from .tzif import DAY, EPOCH_ORDINAL

MINUTE, HOUR, WEEK = 60, 3600, 7 * DAY
# the first day of a week, before 1970-01-01
MONDAY = -3 * DAY
# The size of a cache whose tables may hold MAX_TIMES numbers each.
MAX_TABLES = 1_024


@lru_cache(maxsize=MAX_TABLES)
def of_cron(cron: Cron) -> Expansion:
    times = _seconds(cron.hours, cron.minutes, (0,))
    every_month = len(cron.months) == 12
    every_day = cron.any_day and cron.any_weekday
    if every_month and every_day:
        if len(cron.hours) == 24:
            return Periodic(0, HOUR, _seconds((0,), cron.minutes, (0,)))
        return Periodic(0, DAY, times)
    if every_month and cron.any_day and not cron.ordinals and cron.both_days:
        weekdays = sorted((weekday - 1) % 7 for weekday in cron.weekdays)
        if len(weekdays) * len(times) <= MAX_TIMES:
            return Periodic(MONDAY, WEEK, tuple(d * DAY + time for d in weekdays for time in times))
    months = () if every_month else tuple(sorted(cron.months))
    days = Months(partial(masks.cron_mask, cron), months)
    return DayTimes(days, times)


def of_rule(rule: Rule, start: int) -> Expansion:
    """Return the wall times of a rule anchored at `start`, among them times before the start.

    Raises RecurrenceError if BYSETPOS chooses nothing.
    """
    if rule.freq <= Freq.HOURLY:
        return _sub_daily(rule, start)
    times = _times(rule, start % DAY)
    if rule.freq is Freq.DAILY:
        return _daily(rule, start // DAY, times)
    if rule.freq is Freq.WEEKLY:
        return _weekly(rule, start // DAY, times)
    start_date = date.fromordinal(start // DAY + EPOCH_ORDINAL)
    periods = _months(rule, start_date) if rule.freq is Freq.MONTHLY else _years(rule, start_date)
    if rule.by_set_pos and len(times) > 1:
        return Positions(periods, times, rule.by_set_pos)
    return DayTimes(periods, times)


def _seconds(
    hours: Iterable[int], minutes: Iterable[int], seconds: Iterable[int]
) -> tuple[int, ...]:
    every = product(hours, minutes, seconds)
    return tuple(sorted(hour * HOUR + minute * MINUTE + second for hour, minute, second in every))


def _apply_positions(template: tuple[int, ...], positions: tuple[int, ...]) -> tuple[int, ...]:
    """Return the seconds of a period that BYSETPOS chooses."""
    size = len(template)
    if not positions:
        return template
    times = {template[p - 1 if p > 0 else p] for p in positions if abs(p) <= size}
    if not times:
        raise RecurrenceError(
            "recurrence", f"BYSETPOS never occurs: a period has {size} times to choose from"
        )
    return tuple(sorted(times))


@lru_cache(maxsize=MAX_TABLES)
def _times(rule: Rule, second: int) -> tuple[int, ...]:
    """Return the times of day by BYHOUR, BYMINUTE and BYSECOND, else the time of the start."""
    if not (rule.by_hour or rule.by_minute or rule.by_second):
        times: tuple[int, ...] = (second,)
    else:
        times = _seconds(
            rule.by_hour or (second // HOUR,),
            rule.by_minute or (second // MINUTE % 60,),
            rule.by_second or (second % 60,),
        )
    return _apply_positions(times, rule.by_set_pos) if rule.freq is Freq.DAILY else times


def _daily(rule: Rule, start_day: int, times: tuple[int, ...]) -> Expansion:
    if not (rule.by_month or rule.by_month_day):
        if not rule.by_day:
            return Periodic(start_day * DAY, rule.interval * DAY, times)
        if rule.interval == 1 and len(rule.by_day) * len(times) <= MAX_TIMES:
            return _by_week(rule, start_day, times)
    if rule.interval == 1:
        return DayTimes(_filtered_months(rule), times)
    return DayTimes(Strided(_filtered_months(rule), rule.interval, start_day), times)


@lru_cache(maxsize=4096)
def _filtered_months(rule: Rule) -> Months:
    """Return the days by the limiting parts of a MINUTELY, HOURLY or DAILY rule."""
    return Months(partial(_month_mask, rule, 0, ()), rule.by_month)


@lru_cache(maxsize=4096)
def _filtered_years(rule: Rule) -> Years:
    """Return the same days of a rule with BYYEARDAY."""
    return Years(partial(masks.year_mask, rule, Start(0, 0, 0)), 1, 0)


def _by_week(rule: Rule, start_day: int, times: tuple[int, ...]) -> Expansion:
    offset = (weekday(start_day) - rule.week_start) % 7
    template = _week_template(rule, offset, times)
    return Periodic((start_day - offset) * DAY, rule.interval * WEEK, template)


def _weekly(rule: Rule, start_day: int, times: tuple[int, ...]) -> Expansion:
    if not rule.by_month and len(rule.by_day) * len(times) <= MAX_TIMES:
        return _by_week(rule, start_day, times)
    offset = (weekday(start_day) - rule.week_start) % 7
    first_week = start_day - offset
    mask = sum(1 << day for day in _week_offsets(rule, offset))
    weeks = Weeks(first_week, rule.interval, mask, rule.by_month or tuple(range(1, 13)))
    if rule.by_set_pos:
        return Positions(weeks, times, rule.by_set_pos)
    return DayTimes(weeks, times)


def _week_offsets(rule: Rule, offset: int) -> tuple[int, ...]:
    if not rule.by_day:
        return (offset,)
    return tuple(sorted((day - rule.week_start) % 7 for day, _ in rule.by_day))


@lru_cache(maxsize=MAX_TABLES)
def _week_template(rule: Rule, offset: int, times: tuple[int, ...]) -> tuple[int, ...]:
    days = _week_offsets(rule, offset)
    template = tuple(day * DAY + time for day in days for time in times)
    return _apply_positions(template, rule.by_set_pos if rule.freq is Freq.WEEKLY else ())


def _months(rule: Rule, start: date) -> Months:
    month = start.year * 12 + start.month - 1
    return _monthly(rule, _default_day(rule, start), month % rule.interval)


def _default_day(rule: Rule, start: date) -> int:
    """Return the start's day of the month, or 0 if a part of the rule names the days.

    Here and below, what does not matter is 0, so that many schedules share a cached table.
    """
    return 0 if rule.by_month_day or rule.by_day else start.day


@lru_cache(maxsize=8192)
def _monthly(rule: Rule, default_day: int, first_month: int) -> Months:
    positions = rule.by_set_pos if _one_time(rule) else ()
    mask_of = partial(_month_mask, rule, default_day, positions)
    return Months(mask_of, rule.by_month, rule.interval, first_month)


def _one_time(rule: Rule) -> bool:
    return (
        max(len(rule.by_hour), 1) * max(len(rule.by_minute), 1) * max(len(rule.by_second), 1) == 1
    )


@lru_cache(maxsize=65_536)
def _month_mask(
    rule: Rule, default_day: int, positions: tuple[int, ...], first_weekday: int, length: int
) -> int:
    mask = masks.month_mask(rule, first_weekday, length, default_day)
    return masks.select_positions(mask, positions) if positions else mask


def _years(rule: Rule, start: date) -> Periods:
    year = start.year % rule.interval
    by_year = rule.by_week_no or rule.by_year_day or rule.by_set_pos
    if by_year or (rule.has_ordinals and not rule.by_month):
        return _by_year(rule, _start(rule, start), year)
    default_day = _default_day(rule, start)
    months = rule.by_month or ((start.month,) if default_day else tuple(range(1, 13)))
    return _by_month(rule, months, default_day, year)


def _start(rule: Rule, start: date) -> Start:
    if rule.by_year_day or rule.by_month_day or rule.by_day:
        return Start(0, 0, 0)
    if rule.by_week_no:
        return Start(0, 0, start.weekday())
    return Start(start.month, start.day, 0)


@lru_cache(maxsize=8192)
def _by_month(rule: Rule, months: tuple[int, ...], default_day: int, first_year: int) -> Periods:
    return YearMonths(
        partial(_month_mask, rule, default_day, ()), months, rule.interval, first_year
    )


@lru_cache(maxsize=8192)
def _by_year(rule: Rule, start: Start, first_year: int) -> Periods:
    positions = rule.by_set_pos if _one_time(rule) else ()
    return Years(partial(_year_mask, rule, start, positions), rule.interval, first_year)


def _year_mask(rule: Rule, start: Start, positions: tuple[int, ...], year: YearShape) -> int:
    mask = masks.year_mask(rule, start, year)
    return masks.select_positions(mask, positions) if positions else mask


def _sub_daily(rule: Rule, start: int) -> Expansion:
    unit = HOUR if rule.freq is Freq.HOURLY else MINUTE
    template = _unit_template(rule, start % unit)
    limited = rule.by_hour or (rule.by_minute and unit == MINUTE)
    days: Periods | None = None
    if rule.by_year_day:
        days = _filtered_years(rule)
    elif rule.by_month or rule.by_month_day or rule.by_day:
        days = _filtered_months(rule)
    elif not limited:
        return Periodic(start // unit * unit, rule.interval * unit, template)
    return SubDaily(
        days=days,
        unit=unit,
        interval=rule.interval,
        anchor=start // unit,
        allowed=_allowed_units(rule, unit),
        template=template,
    )


@lru_cache(maxsize=MAX_TABLES)
def _unit_template(rule: Rule, second: int) -> tuple[int, ...]:
    """Return the seconds of the hour or minute that a rule names."""
    minutes: tuple[int, ...] = (second // MINUTE,)
    if rule.freq is Freq.HOURLY and rule.by_minute:
        minutes = rule.by_minute
    template = _seconds((0,), minutes, rule.by_second or (second % MINUTE,))
    return _apply_positions(template, rule.by_set_pos)


@lru_cache(maxsize=4096)
def _allowed_units(rule: Rule, unit: int) -> int:
    hours = rule.by_hour or range(24)
    if unit == HOUR:
        return sum(1 << hour for hour in hours)
    minutes = rule.by_minute or range(60)
    return sum(1 << hour * 60 + minute for hour in hours for minute in minutes)
