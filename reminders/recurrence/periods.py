"""Sequences of periods (weeks, months, years) and their matching days."""

from bisect import bisect_left
from calendar import isleap
from collections.abc import Callable
from datetime import date
from math import lcm

from .masks import YearShape
from .tzif import EPOCH_ORDINAL

# Days are counted from 1970-01-01, a Thursday.
LAST_DAY = date(9999, 12, 20).toordinal() - EPOCH_ORDINAL
# Every month, or every year, of the 400-year cycle once.
MONTHS_BUDGET = 4_801
YEARS_BUDGET = 401

_LENGTHS = (
    (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31),
    (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31),
)


def weekday(day: int) -> int:
    """Return the weekday of a day; Monday is 0."""
    return (day + 3) % 7


class Periods:
    """Numbered periods of days, some of which form a sequence.

    The periods of the sequence are `anchor + residue + n * cycle`, for each residue. After `budget`
    periods all has repeated: a search that has found no day by then ends.
    """

    budget = MONTHS_BUDGET

    def __init__(self, anchor: int, cycle: int, residues: tuple[int, ...]) -> None:
        self.anchor = anchor
        self.cycle = cycle
        self.residues = residues

    def following(self, index: int) -> int:
        """Return the first period of the sequence at or after `index`."""
        turns, residue = divmod(index - self.anchor, self.cycle)
        place = bisect_left(self.residues, residue)
        if place < len(self.residues):
            return self.anchor + turns * self.cycle + self.residues[place]
        return self.anchor + (turns + 1) * self.cycle + self.residues[0]

    def index(self, day: int) -> int:
        raise NotImplementedError

    def first_day(self, index: int) -> int:
        raise NotImplementedError

    def mask(self, index: int, first_day: int) -> int:
        raise NotImplementedError

    def next_day(self, day: int, last: int) -> int | None:
        """Return the first matching day from `day` to `last`."""
        if not self.residues:
            return None
        first_index = self.index(day)
        index = self.following(first_index)
        for _ in range(self.budget):
            first = self.first_day(index)
            if first > last:
                return None
            mask = self.mask(index, first)
            if index == first_index:
                mask = mask >> day - first << day - first
            if mask:
                matching = first + (mask & -mask).bit_length() - 1
                return matching if matching <= last else None
            index = self.following(index + 1)
        return None

    def pass_days(self, day: int, count: int, last: int) -> tuple[int, int]:
        """Pass up to `count` matching days from `day` to `last`; return (number, last passed)."""
        if not self.residues:
            return 0, day
        passed, newest, first_index = 0, day - 1, self.index(day)
        index = self.following(first_index)
        while passed < count and (first := self.first_day(index)) <= last:
            mask = self.mask(index, first)
            if index == first_index:
                mask = mask >> day - first << day - first
            if last - first < 366:
                mask &= (1 << last - first + 1) - 1
            while mask and passed < count:
                low = mask & -mask
                mask ^= low
                newest = first + low.bit_length() - 1
                passed += 1
            index = self.following(index + 1)
        return passed, newest


class Weeks(Periods):
    """Every `interval` weeks from `first_week` (its first day), limited to `months`."""

    def __init__(self, first_week: int, interval: int, days: int, months: tuple[int, ...]) -> None:
        super().__init__(0, interval, (0,))
        self.first_week = first_week
        self.days = days
        self.months = months

    def index(self, day: int) -> int:
        return (day - self.first_week) // 7

    def first_day(self, index: int) -> int:
        return min(self.first_week + 7 * index, LAST_DAY + 1)

    def mask(self, index: int, first_day: int) -> int:
        begin = date.fromordinal(first_day + EPOCH_ORDINAL)
        end = date.fromordinal(first_day + 6 + EPOCH_ORDINAL)
        if begin.month == end.month:
            return self.days if begin.month in self.months else 0
        mask = 0
        if begin.month in self.months:
            mask |= (1 << 7 - end.day) - 1
        if end.month in self.months:
            mask |= 127 >> 7 - end.day << 7 - end.day
        return mask & self.days


class Months(Periods):
    """Months in the sequence, their days by `mask_of(weekday of the first, length)`."""

    def __init__(
        self,
        mask_of: Callable[[int, int], int],
        months: tuple[int, ...] = (),
        interval: int = 1,
        start: int = 0,
    ) -> None:
        """Every `interval` months from `start` (year * 12 + month - 1), limited to `months`."""
        cycle = interval
        residues: tuple[int, ...] = (0,)
        if months:
            cycle = lcm(12, interval)
            residues = tuple(
                residue
                for residue in range(0, cycle, interval)
                if (start + residue) % 12 + 1 in months
            )
        super().__init__(start, cycle, residues)
        self.mask_of = mask_of
        self._masks: dict[int, int] = {}

    def index(self, day: int) -> int:
        first = date.fromordinal(day + EPOCH_ORDINAL)
        return first.year * 12 + first.month - 1

    def first_day(self, index: int) -> int:
        year, month = divmod(index, 12)
        if year > 9999:
            return LAST_DAY + 1
        return date(year, month + 1, 1).toordinal() - EPOCH_ORDINAL

    def mask(self, index: int, first_day: int) -> int:
        year, month = divmod(index, 12)
        key = (first_day + 3) % 7 * 32 + _LENGTHS[isleap(year)][month + 1]
        mask = self._masks.get(key)
        if mask is None:
            mask = self._masks[key] = self.mask_of(*divmod(key, 32))
        return mask


class YearMonths(Months):
    """Months of every `interval` years from `start_year`."""

    def __init__(
        self,
        mask_of: Callable[[int, int], int],
        months: tuple[int, ...],
        interval: int,
        start_year: int,
    ) -> None:
        super().__init__(mask_of)
        self.anchor = start_year * 12
        self.cycle = interval * 12
        self.residues = tuple(month - 1 for month in months)


class Years(Periods):
    """Every `interval` years from `start_year`, days by `mask_of` of the shape of the year."""

    budget = YEARS_BUDGET

    def __init__(self, mask_of: Callable[[YearShape], int], interval: int, start_year: int) -> None:
        super().__init__(start_year, interval, (0,))
        self.mask_of = mask_of
        self._masks: dict[YearShape, int] = {}

    def index(self, day: int) -> int:
        return date.fromordinal(day + EPOCH_ORDINAL).year

    def first_day(self, index: int) -> int:
        if index > 9999:
            return LAST_DAY + 1
        return date(index, 1, 1).toordinal() - EPOCH_ORDINAL

    def mask(self, index: int, first_day: int) -> int:
        leaps = isleap(index), isleap(index - 1), isleap(index + 1)
        shape = YearShape(weekday(first_day), *leaps)
        mask = self._masks.get(shape)
        if mask is None:
            mask = self._masks[shape] = self.mask_of(shape)
        return mask
