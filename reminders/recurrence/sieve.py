"""Days that meet two conditions, by long bit masks: exact, and quicker than a long walk."""

import re
from calendar import isleap
from collections.abc import Collection
from functools import lru_cache
from math import gcd

from .periods import LAST_DAY, Months, Periods, weekday

# The Gregorian calendar, weekdays included, repeats after 400 years.
CYCLE_DAYS = 146_097
# The year of day 0.
_FIRST_YEAR = 1970
# In days, and whole bytes.
_WINDOW = 1 << 17
_FULL_WINDOW = (1 << _WINDOW) - 1
_ANY_BIT = re.compile(rb"[^\0]")


class Sieve:
    """Days that match both periods and residues, in windows of about 350 years."""

    def __init__(
        self, days: Periods | None, residues: Collection[int], period: int, first: int
    ) -> None:
        self.days = days
        self.residues = residues
        self.period = period
        self._sift(first)

    def next_day(self, day: int, last: int) -> int | None:
        """Return the first matching day from `day` to `last`."""
        while day <= last:
            if not self.first <= day < self.first + _WINDOW:
                self._sift(day)
            bit = self._next_bit(day - self.first)
            if bit is not None:
                return self.first + bit if self.first + bit <= last else None
            day = self.first + _WINDOW
        return None

    def _sift(self, first: int) -> None:
        common = _tile(_marks(self.residues, self.period, first), self.period)
        if self.days is not None:
            common &= _tile(_rotate(four_centuries(self.days), first), CYCLE_DAYS)
        self.first = first
        # Beyond the window the tiles are not complete.
        self.bits = (common & _FULL_WINDOW).to_bytes(_WINDOW // 8, "little")

    def _next_bit(self, bit: int) -> int | None:
        place, shift = divmod(bit, 8)
        byte = self.bits[place] >> shift << shift if place < len(self.bits) else 0
        if not byte:
            match = _ANY_BIT.search(self.bits, place + 1)
            if match is None:
                return None
            place = match.start()
            byte = self.bits[place]
        return 8 * place + (byte & -byte).bit_length() - 1


class Strided(Periods):
    """Days of months that are also a multiple of `stride` days after `start_day`."""

    # months to walk before the sieve is quicker
    budget = 12

    def __init__(self, months: Months, stride: int, start_day: int) -> None:
        super().__init__(months.anchor, months.cycle, months.residues)
        self.months = months
        self.stride = stride
        self.start_day = start_day
        self.pattern = sum(1 << bit for bit in range(0, 31, stride))
        self._sieve: Sieve | None = None

    def following(self, index: int) -> int:
        """Return the first month in the sequence that has a day of the stride."""
        while True:
            index = super().following(index)
            first = self.first_day(index)
            if first > LAST_DAY:
                return index
            counted = self.index(min(first + (self.start_day - first) % self.stride, LAST_DAY + 1))
            if counted == index:
                return index
            index = counted

    def index(self, day: int) -> int:
        return self.months.index(day)

    def first_day(self, index: int) -> int:
        return self.months.first_day(index)

    def mask(self, index: int, first_day: int) -> int:
        phase = (self.start_day - first_day) % self.stride
        return self.months.mask(index, first_day) & (self.pattern << phase if phase < 31 else 0)

    def next_day(self, day: int, last: int) -> int | None:
        if self._sieve is None:
            matching = super().next_day(day, last)
            if matching is not None or not self.residues or last - day < 28 * self.budget:
                return matching
            self._sieve = self._make_sieve()
        return self._sieve.next_day(day, last)

    def pass_days(self, day: int, count: int, last: int) -> tuple[int, int]:
        """Pass days one by one, as many months of the sequence hold no day of the stride."""
        if self._sieve is None and count > self.budget:
            self._sieve = self._make_sieve()
        count_passed, newest = 0, day - 1
        while count_passed < count and (following := self.next_day(newest + 1, last)) is not None:
            count_passed, newest = count_passed + 1, following
        return count_passed, newest

    def _make_sieve(self) -> Sieve:
        return Sieve(self.months, (self.start_day,), self.stride, self.start_day)


@lru_cache(maxsize=256)
def four_centuries(days: Periods) -> int:
    """Return the mask of days in 400 years from day 0 on, for periods that are all in sequence."""
    shapes: dict[tuple[int, bool], str] = {}
    years = []
    first = 0
    for year in range(_FIRST_YEAR, _FIRST_YEAR + 400):
        shape = weekday(first), isleap(year)
        length = 365 + shape[1]
        if shape not in shapes:
            shapes[shape] = f"{_year(days, first, length):0{length}b}"
        years.append(shapes[shape])
        first += length
    return int("".join(reversed(years)), 2)


def day_residues(units: int, size: int, anchor: int, interval: int) -> tuple[set[int], int]:
    """Return the days that hold a unit that counts, as residues and their period.

    A day has `size` units; the mask `units` allows some of them. Every `interval` units from
    `anchor` counts.
    """
    common = gcd(size, interval)
    period = interval // common
    inverse = pow(size // common, -1, period)
    return {
        (anchor - unit) // common * inverse % period
        for unit in range(size)
        if units >> unit & 1 and (anchor - unit) % common == 0
    }, period


def _year(days: Periods, first: int, length: int) -> int:
    mask = 0
    if not days.residues:
        return mask
    index = days.following(days.index(first))
    while (begin := days.first_day(index)) < first + length:
        mask |= days.mask(index, begin) << begin - first
        index = days.following(index + 1)
    return mask


def _rotate(cycle: int, day: int) -> int:
    """Return the cycle rotated to begin with `day`."""
    turn = day % CYCLE_DAYS
    return cycle >> turn | (cycle & (1 << turn) - 1) << CYCLE_DAYS - turn


def _marks(residues: Collection[int], period: int, day: int) -> int:
    """Return the bits, from `day` on, of the first period, or of as much as fits the window."""
    length = min(period, _WINDOW)
    marks = bytearray(length // 8 + 1)
    for residue in residues:
        bit = (residue - day) % period
        if bit < length:
            marks[bit >> 3] |= 1 << (bit & 7)
    return int.from_bytes(marks, "little")


def _tile(mask: int, period: int) -> int:
    """Repeat a mask throughout the window."""
    while period < _WINDOW:
        mask |= mask << period
        period *= 2
    return mask
