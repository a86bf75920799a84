"""The wall times of a rule: the next wall time after any other, from the period that holds it.

Wall times are seconds since 1970 on the wall clock. Nothing here walks from the start.
"""

from bisect import bisect_left, bisect_right
from functools import lru_cache
from typing import Protocol

from . import masks
from .periods import Periods
from .sieve import Sieve, day_residues
from .tzif import DAY

# After this number of days the sieve is quicker than a walk from day to day.
WALKED_DAYS = 24


class Expansion(Protocol):
    def next(self, wall: int, last: int) -> int | None:
        """Return the first wall time after `wall`, or None if it is later than `last`."""

    def advance(self, wall: int, count: int, high: int) -> tuple[int, int]:
        """Pass up to `count` wall times after `wall` and below `high`.

        Return their number, and the last of them.
        """


class Periodic:
    """The same template of seconds in every period: the cheapest expansion."""

    __slots__ = ("anchor", "period", "template")

    def __init__(self, anchor: int, period: int, template: tuple[int, ...]) -> None:
        self.anchor = anchor
        self.period = period
        self.template = template

    def next(self, wall: int, last: int) -> int | None:
        template = self.template
        second = (wall - self.anchor) % self.period
        begin = wall - second
        if second < template[-1]:
            following = begin + template[bisect_right(template, second)]
        else:
            following = begin + self.period + template[0]
        return following if following <= last else None

    def advance(self, wall: int, count: int, high: int) -> tuple[int, int]:
        available = self._passed(high - 1) - self._passed(wall)
        steps = min(count, available)
        if steps <= 0:
            return 0, wall
        periods, index = divmod(self._passed(wall) + steps - 1, len(self.template))
        return steps, self.anchor + periods * self.period + self.template[index]

    def _passed(self, wall: int) -> int:
        """Return the number of wall times from the anchor to `wall`, both included."""
        periods, second = divmod(wall - self.anchor, self.period)
        return periods * len(self.template) + bisect_right(self.template, second)


class Stepping:
    """The base of expansions that count one by one."""

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
        matching = self.days.next_day(day, last // DAY)
        if matching is None:
            return None
        following = matching * DAY + times[bisect_right(times, second) if matching == day else 0]
        return following if following <= last else None

    def advance(self, wall: int, count: int, high: int) -> tuple[int, int]:
        """Go to the end of the day, on by whole days, and one by one again."""
        times = self.times
        midnight = (wall // DAY + 1) * DAY
        steps, wall = super().advance(wall, min(count, len(times)), min(high, midnight))
        whole, remaining = divmod(count - steps, len(times))
        days, day = self.days.pass_days(midnight // DAY, whole, high // DAY - 1)
        if days:
            wall = day * DAY + times[-1]
        more, wall = super().advance(wall, remaining + (whole - days) * len(times), high)
        return steps + days * len(times) + more, wall


class Positions(Stepping):
    """BYSETPOS over several times on the days of a period."""

    def __init__(
        self, periods: Periods, times: tuple[int, ...], positions: tuple[int, ...]
    ) -> None:
        self.periods = periods
        self.times = times
        self.positions = positions
        self._chosen: dict[int, list[int]] = {}

    def next(self, wall: int, last: int) -> int | None:
        if not self.periods.residues:
            return None
        index = self.periods.following(self.periods.index(wall // DAY))
        for _ in range(self.periods.budget):
            first = self.periods.first_day(index)
            if first * DAY > last:
                return None
            walls = self._walls(index, first)
            place = bisect_right(walls, wall)
            if place < len(walls):
                return walls[place] if walls[place] <= last else None
            index = self.periods.following(index + 1)
        return None

    def advance(self, wall: int, count: int, high: int) -> tuple[int, int]:
        """Go period by period."""
        steps = 0
        while steps < count:
            following = self.next(wall, high - 1)
            if following is None:
                break
            index = self.periods.index(following // DAY)
            walls = self._walls(index, self.periods.first_day(index))
            begin = bisect_right(walls, wall)
            end = min(begin + count - steps, bisect_left(walls, high))
            steps += end - begin
            wall = walls[end - 1]
        return steps, wall

    def _walls(self, index: int, first: int) -> list[int]:
        mask = self.periods.mask(index, first)
        if mask not in self._chosen:
            self._chosen[mask] = self._choose(mask)
        midnight = first * DAY
        return [midnight + second for second in self._chosen[mask]]

    def _choose(self, mask: int) -> list[int]:
        """Return the seconds, since a period's first midnight, that BYSETPOS chooses."""
        size = mask.bit_count() * len(self.times)
        places = {p - 1 if p > 0 else size + p for p in self.positions if abs(p) <= size}
        days = [bit for bit in range(mask.bit_length()) if mask >> bit & 1]
        seconds = []
        for place in sorted(places):
            day, time = divmod(place, len(self.times))
            seconds.append(days[day] * DAY + self.times[time])
        return seconds


class SubDaily(Stepping):
    """Every `interval` units (hours or minutes) where the unit of the day and the day match."""

    def __init__(
        self,
        *,
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
        self._sieve: Sieve | None = None

    def next(self, wall: int, last: int) -> int | None:
        unit, second = divmod(wall, self.unit)
        if second >= self.template[-1]:
            unit += 1
            second = -1
        matching = self._next_unit(unit, last // DAY)
        if matching is None:
            return None
        place = bisect_right(self.template, second) if matching == unit else 0
        following = matching * self.unit + self.template[place]
        return following if following <= last else None

    def advance(self, wall: int, count: int, high: int) -> tuple[int, int]:
        if count > WALKED_DAYS and self._sieve is None:
            self._sieve = self._make_sieve()
        return super().advance(wall, count, high)

    def _next_unit(self, unit: int, last_day: int) -> int | None:
        if self._sieve is None:
            matching_unit, unit = self._walk(unit, last_day)
            if matching_unit is not None or unit // self.units_a_day > last_day:
                return matching_unit
            self._sieve = self._make_sieve()
        day, begin = divmod(unit, self.units_a_day)
        matching = self._sieve.next_day(day, last_day)
        if matching == day:
            matching_unit = self._unit_of_day(day, begin)
            if matching_unit is not None:
                return matching_unit
            matching = self._sieve.next_day(day + 1, last_day)
        return None if matching is None else self._unit_of_day(matching, 0)

    def _walk(self, unit: int, last_day: int) -> tuple[int | None, int]:
        """Go to a counted unit, to a matching day, and again until both agree."""
        size = self.units_a_day
        for _ in range(WALKED_DAYS):
            day = (unit + (self.anchor - unit) % self.interval) // size
            matching = day
            if self.days is not None and day <= last_day:
                after = self.days.next_day(day, last_day)
                matching = last_day + 1 if after is None else after
            if matching > last_day:
                return None, matching * size
            if matching == day:
                matching_unit = self._unit_of_day(day, max(unit - day * size, 0))
                if matching_unit is not None:
                    return matching_unit, unit
                matching += 1
            unit = matching * size
        return None, unit

    def _unit_of_day(self, day: int, begin: int) -> int | None:
        first = day * self.units_a_day
        units = self._units(first) >> begin
        return first + begin + (units & -units).bit_length() - 1 if units else None

    def _units(self, first: int) -> int:
        """Return the mask of units that count on the day that begins with unit `first`."""
        shift = (self.anchor - first) % self.interval
        return self.allowed & self.pattern << shift if shift < self.units_a_day else 0

    def _make_sieve(self) -> Sieve:
        residues, period = day_residues(self.allowed, self.units_a_day, self.anchor, self.interval)
        return Sieve(self.days, residues, period, self.anchor // self.units_a_day)


@lru_cache(maxsize=4096)
def _every(step: int, length: int) -> int:
    return masks.every(step, 0, length)
