"""The wall times of a rule: the next one after any, from the period it lies in.

Wall times are seconds since 1970 on the wall clock. Nothing here walks from the start.
"""

from bisect import bisect_left, bisect_right
from functools import lru_cache
from typing import Protocol

from . import masks
from .days import Periods
from .errors import SearchExhaustedError
from .tzif import DAY

# As many days are looked into before a search within days is given up.
BUDGET = 4_000


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
        """Go to the end of the day, on by whole days, and one by one again."""
        times = self.times
        midnight = (wall // DAY + 1) * DAY
        steps, wall = super().advance(wall, min(count, len(times)), min(high, midnight))
        whole, left = divmod(count - steps, len(times))
        days, day = self.days.pass_days(midnight // DAY, whole, high // DAY - 1)
        if days:
            wall = day * DAY + times[-1]
        more, wall = super().advance(wall, left + (whole - days) * len(times), high)
        return steps + days * len(times) + more, wall


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
        for _ in range(self.periods.budget):
            first = self.periods.first_day(index)
            if first * DAY > last:
                return None
            walls = self._walls(index, first)
            found = bisect_right(walls, wall)
            if found < len(walls):
                return walls[found] if walls[found] <= last else None
            index = self.periods.following(index + 1)
        raise SearchExhaustedError("recurrence", "no occurrence found; the rule is too sparse")

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
        size = mask.bit_count() * len(self.times)
        places = {p - 1 if p > 0 else size + p for p in self.positions if abs(p) <= size}
        if not places:
            return []
        days = [first + bit for bit in range(mask.bit_length()) if mask >> bit & 1]
        found = []
        for place in sorted(places):
            day, time = divmod(place, len(self.times))
            found.append(days[day] * DAY + self.times[time])
        return found


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
