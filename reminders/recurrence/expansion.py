"""The wall times of a rule: the next one after any, from the period it lies in.

Wall times are seconds since 1970 on the wall clock. Nothing here walks from the start.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import date
from functools import lru_cache, partial
from itertools import product
from typing import Protocol

from . import masks
from .cron import Cron
from .days import (
    BUDGET,
    LAST_DAY,
    Months,
    Periods,
    StridedMonths,
    Weeks,
    YearMonths,
    Years,
    weekday,
)
from .errors import RecurrenceError, SearchExhaustedError
from .rrule import MAX_TIMES, Freq, Rule
from .tzif import DAY, EPOCH_ORDINAL

MINUTE, HOUR, WEEK = 60, 3600, 7 * DAY
MONDAY = -3 * DAY


class Expansion(Protocol):
    def next(self, wall: int, last: int) -> int | None:
        """Return the first wall time after `wall`, or None if that is beyond `last`."""

    def advance(self, wall: int, count: int, high: int) -> tuple[int, int]:
        """Go on from `wall` by up to `count` wall times below `high`: how many, and to which."""


class Periodic:
    """The same template of seconds in every period; also the cheapest."""

    __slots__ = ("anchor", "period", "template")

    def __init__(self, anchor: int, period: int, template: tuple[int, ...]) -> None:
        self.anchor = anchor
        self.period = period
        self.template = template

    def next(self, wall: int, last: int) -> int | None:
        template = self.template
        rest = (wall - self.anchor) % self.period
        begin = wall - rest
        if rest < template[-1]:
            found = begin + template[bisect_right(template, rest)]
        else:
            found = begin + self.period + template[0]
        return found if found <= last else None

    def advance(self, wall: int, count: int, high: int) -> tuple[int, int]:
        available = self._passed(high - 1) - self._passed(wall)
        steps = min(count, available)
        if steps <= 0:
            return 0, wall
        periods, index = divmod(self._passed(wall) + steps - 1, len(self.template))
        return steps, self.anchor + periods * self.period + self.template[index]

    def _passed(self, wall: int) -> int:
        """Wall times since the anchor up to and with `wall`."""
        periods, rest = divmod(wall - self.anchor, self.period)
        return periods * len(self.template) + bisect_right(self.template, rest)


class Stepping:
    """Shared by expansions that count one by one."""

    def next(self, wall: int, last: int) -> int | None:
        raise NotImplementedError

    def advance(self, wall: int, count: int, high: int) -> tuple[int, int]:
        for step in range(count):
            following = self.next(wall, high - 1)
            if following is None:
                return step, wall
            wall = following
        return count, wall


class DayTimes(Stepping):
    """The same times on each matching day."""

    def __init__(self, days: Periods, times: tuple[int, ...]) -> None:
        self.days = days
        self.times = times

    def next(self, wall: int, last: int) -> int | None:
        day, second = divmod(wall, DAY)
        times = self.times
        if second >= times[-1]:
            day += 1
            second = -1
        found = self.days.next_day(day, last // DAY)
        if found is None:
            return None
        following = found * DAY + times[bisect_right(times, second) if found == day else 0]
        return following if following <= last else None

    def advance(self, wall: int, count: int, high: int) -> tuple[int, int]:
        """Go day by day."""
        steps, times = 0, self.times
        while steps < count:
            following = self.next(wall, high - 1)
            if following is None:
                break
            midnight = following - following % DAY
            index = bisect_right(times, following - midnight) - 1
            end = min(index + count - steps, bisect_left(times, high - midnight))
            steps += end - index
            wall = midnight + times[end - 1]
        return steps, wall


class Positions(Stepping):
    """BYSETPOS over several times on the days of a period."""

    def __init__(
        self, periods: Periods, times: tuple[int, ...], positions: tuple[int, ...]
    ) -> None:
        self.periods = periods
        self.times = times
        self.positions = positions

    def next(self, wall: int, last: int) -> int | None:
        if not self.periods.residues:
            return None
        index = self.periods.following(self.periods.index(wall // DAY))
        for _ in range(BUDGET):
            first = self.periods.first_day(index)
            if first * DAY > last:
                return None
            walls = self._walls(index, first)
            found = bisect_right(walls, wall)
            if found < len(walls):
                return walls[found] if walls[found] <= last else None
            index = self.periods.following(index + 1)
        raise SearchExhaustedError("recurrence", "no occurrence found; the rule is too sparse")

    def _walls(self, index: int, first: int) -> list[int]:
        mask = self.periods.mask(index, first)
        days = [first + bit for bit in range(mask.bit_length()) if mask >> bit & 1]
        size = len(days) * len(self.times)
        places = {p - 1 if p > 0 else size + p for p in self.positions if abs(p) <= size}
        found = []
        for place in sorted(places):
            day, time = divmod(place, len(self.times))
            found.append(days[day] * DAY + self.times[time])
        return found


class SubDaily(Stepping):
    """Every `interval` units (hours or minutes) where the unit of the day and the day match."""

    def __init__(
        self,
        days: Periods | None,
        unit: int,
        interval: int,
        anchor: int,
        allowed: int,
        template: tuple[int, ...],
    ) -> None:
        """`anchor` is a unit since 1970 that counts, `allowed` the mask of units of a day."""
        self.days = days
        self.unit = unit
        self.interval = interval
        self.anchor = anchor
        self.allowed = allowed
        self.template = template
        self.units_a_day = DAY // unit
        self.pattern = _every(interval, self.units_a_day)

    def next(self, wall: int, last: int) -> int | None:
        unit, second = divmod(wall, self.unit)
        if second >= self.template[-1]:
            unit += 1
            second = -1
        found = self._next_unit(unit, last // DAY)
        if found is None:
            return None
        place = bisect_right(self.template, second) if found == unit else 0
        following = found * self.unit + self.template[place]
        return following if following <= last else None

    def _next_unit(self, unit: int, last_day: int) -> int | None:
        size = self.units_a_day
        for _ in range(BUDGET):
            # to a counted unit, to a matching day, and again until both agree
            phase = (self.anchor - unit) % self.interval
            day = (unit + phase) // size
            if self.days is not None:
                matching = self.days.next_day(day, last_day)
                if matching is None:
                    return None
                if matching != day:
                    unit = matching * size
                    continue
            elif day > last_day:
                return None
            first = day * size
            begin = max(unit - first, 0)
            shift = (self.anchor - first) % self.interval
            rest = (self.allowed & self.pattern << shift) >> begin if shift < size else 0
            if rest:
                return first + begin + (rest & -rest).bit_length() - 1
            unit = first + size
        raise SearchExhaustedError("recurrence", "no occurrence found; the rule is too sparse")


@lru_cache(maxsize=4096)
def _every(step: int, length: int) -> int:
    return masks.every(step, 0, length)


@lru_cache(maxsize=4096)
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
    """Return the wall times of a rule anchored at `start`; earlier ones are not cut off.

    Raises RecurrenceError where BYSETPOS chooses nothing.
    """
    if rule.freq <= Freq.HOURLY:
        return _sub_daily(rule, start)
    times = _times(rule, start % DAY)
    if rule.freq is Freq.DAILY:
        return _daily(rule, start // DAY, times)
    if rule.freq is Freq.WEEKLY:
        return _weekly(rule, start // DAY, times)
    found = date.fromordinal(start // DAY + EPOCH_ORDINAL)
    periods: Periods
    if rule.freq is Freq.MONTHLY:
        periods = _months(rule, found)
    else:
        periods = _years(rule, found)
    if rule.by_set_pos and len(times) > 1:
        return Positions(periods, times, rule.by_set_pos)
    return DayTimes(periods, times)


def _seconds(
    hours: Iterable[int], minutes: Iterable[int], seconds: Iterable[int]
) -> tuple[int, ...]:
    every = product(hours, minutes, seconds)
    return tuple(sorted(hour * HOUR + minute * MINUTE + second for hour, minute, second in every))


def _picked(template: tuple[int, ...], positions: tuple[int, ...]) -> tuple[int, ...]:
    """The seconds of a period that BYSETPOS chooses."""
    size = len(template)
    if not positions:
        return template
    picked = {template[p - 1 if p > 0 else p] for p in positions if abs(p) <= size}
    if not picked:
        raise RecurrenceError(
            "recurrence", f"BYSETPOS never occurs: a period has {size} times to choose from"
        )
    return tuple(sorted(picked))


@lru_cache(maxsize=8192)
def _times(rule: Rule, second: int) -> tuple[int, ...]:
    """Times of day by BYHOUR, BYMINUTE and BYSECOND, else those of the start."""
    if not (rule.by_hour or rule.by_minute or rule.by_second):
        times: tuple[int, ...] = (second,)
    else:
        times = _seconds(
            rule.by_hour or (second // HOUR,),
            rule.by_minute or (second // MINUTE % 60,),
            rule.by_second or (second % 60,),
        )
    return _picked(times, rule.by_set_pos) if rule.freq is Freq.DAILY else times


def _daily(rule: Rule, start_day: int, times: tuple[int, ...]) -> Expansion:
    if not (rule.by_month or rule.by_month_day):
        if not rule.by_day:
            return Periodic(start_day * DAY, rule.interval * DAY, times)
        if rule.interval == 1:
            return _by_week(rule, start_day, times)
    if rule.interval == 1:
        return DayTimes(_filtered_days(rule), times)
    mask_of = partial(masks.month_mask, rule, default_day=0)
    return DayTimes(StridedMonths(mask_of, rule.by_month, rule.interval, start_day), times)


@lru_cache(maxsize=4096)
def _filtered_days(rule: Rule) -> Periods:
    """Days by the limiting parts of a rule, from MINUTELY to DAILY."""
    if rule.by_year_day:
        return Years(partial(masks.year_mask, rule, start=0), 1, 0)
    return Months(partial(masks.month_mask, rule, default_day=0), rule.by_month)


def _by_week(rule: Rule, start_day: int, times: tuple[int, ...]) -> Expansion:
    offset = (weekday(start_day) - rule.week_start) % 7
    template = _week_template(rule, offset, times)
    return Periodic((start_day - offset) * DAY, rule.interval * WEEK, template)


def _weekly(rule: Rule, start_day: int, times: tuple[int, ...]) -> Expansion:
    if not rule.by_month:
        return _by_week(rule, start_day, times)
    offset = (weekday(start_day) - rule.week_start) % 7
    first_week = start_day - offset
    mask = sum(1 << day for day in _week_offsets(rule, offset))
    weeks = Weeks(first_week, rule.interval, mask, rule.by_month)
    if rule.by_set_pos:
        return Positions(weeks, times, rule.by_set_pos)
    return DayTimes(weeks, times)


def _week_offsets(rule: Rule, offset: int) -> tuple[int, ...]:
    if not rule.by_day:
        return (offset,)
    return tuple(sorted((day - rule.week_start) % 7 for day, _ in rule.by_day))


@lru_cache(maxsize=8192)
def _week_template(rule: Rule, offset: int, times: tuple[int, ...]) -> tuple[int, ...]:
    days = _week_offsets(rule, offset)
    template = tuple(day * DAY + time for day in days for time in times)
    return _picked(template, rule.by_set_pos if rule.freq is Freq.WEEKLY else ())


def _months(rule: Rule, start: date) -> Months:
    return _monthly(rule, start.day, start.year * 12 + start.month - 1)


@lru_cache(maxsize=8192)
def _monthly(rule: Rule, start_day: int, start_month: int) -> Months:
    mask_of = partial(_month_mask, rule, start_day, rule.by_set_pos if _one_time(rule) else ())
    return Months(mask_of, rule.by_month, rule.interval, start_month)


def _one_time(rule: Rule) -> bool:
    return (
        max(len(rule.by_hour), 1) * max(len(rule.by_minute), 1) * max(len(rule.by_second), 1) == 1
    )


def _month_mask(
    rule: Rule, start_day: int, positions: tuple[int, ...], first_weekday: int, length: int
) -> int:
    mask = masks.month_mask(rule, first_weekday, length, default_day=start_day)
    return masks.chosen(mask, positions) if positions else mask


def _years(rule: Rule, start: date) -> Periods:
    by_year = rule.by_week_no or rule.by_year_day or rule.by_set_pos
    if by_year or (rule.has_ordinals and not rule.by_month):
        return _by_year(rule, start.month, start.day, start.weekday(), start.year)
    return _by_month(rule, start.month, start.day, start.year)


@lru_cache(maxsize=8192)
def _by_month(rule: Rule, month: int, day: int, year: int) -> Periods:
    by_day = rule.by_month_day or rule.by_day
    months = rule.by_month or (range(1, 13) if by_day else (month,))
    return YearMonths(partial(_month_mask, rule, day, ()), tuple(months), rule.interval, year)


@lru_cache(maxsize=8192)
def _by_year(rule: Rule, month: int, day: int, start_weekday: int, year: int) -> Periods:
    start = month * 10000 + day * 100 + start_weekday
    positions = rule.by_set_pos if _one_time(rule) else ()
    return Years(partial(_year_mask, rule, start, positions), rule.interval, year)


def _year_mask(
    rule: Rule,
    start: int,
    positions: tuple[int, ...],
    first_weekday: int,
    leap: bool,
    leap_before: bool,
    leap_after: bool,
) -> int:
    mask = masks.year_mask(rule, first_weekday, leap, leap_before, leap_after, start)
    return masks.chosen(mask, positions) if positions else mask


def _sub_daily(rule: Rule, start: int) -> Expansion:
    unit = HOUR if rule.freq is Freq.HOURLY else MINUTE
    template = _unit_template(rule, start % unit)
    limited = rule.by_hour or (rule.by_minute and unit == MINUTE)
    filtered = rule.by_month or rule.by_year_day or rule.by_month_day or rule.by_day
    if not limited and not filtered:
        return Periodic(start // unit * unit, rule.interval * unit, template)
    return SubDaily(
        days=_filtered_days(rule) if filtered else None,
        unit=unit,
        interval=rule.interval,
        anchor=start // unit,
        allowed=_allowed_units(rule, unit),
        template=template,
    )


@lru_cache(maxsize=8192)
def _unit_template(rule: Rule, second: int) -> tuple[int, ...]:
    """Seconds of the hour or minute."""
    minutes: tuple[int, ...] = (second // MINUTE,)
    if rule.freq is Freq.HOURLY and rule.by_minute:
        minutes = rule.by_minute
    template = _seconds((0,), minutes, rule.by_second or (second % MINUTE,))
    return _picked(template, rule.by_set_pos)


@lru_cache(maxsize=4096)
def _allowed_units(rule: Rule, unit: int) -> int:
    hours = rule.by_hour or range(24)
    if unit == HOUR:
        return sum(1 << hour for hour in hours)
    minutes = rule.by_minute or range(60)
    return sum(1 << hour * 60 + minute for hour in hours for minute in minutes)
