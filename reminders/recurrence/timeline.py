"""The instants of a recurrence: its wall times through a zone's clock. Seconds since 1970, UTC."""

from datetime import datetime
from functools import lru_cache

from .build import of_cron, of_rule
from .expansion import Expansion
from .grammar import Recurrence
from .periods import LAST_DAY
from .rrule import ENDLESS_YEAR, Rule
from .tzif import DAY, MAX_SHIFT
from .wall_clock import FOREVER, Fold, Gap, Stretch, WallClock, seconds, zone_clock

_LAST_WALL = LAST_DAY * DAY
# The limit of stretches without a due instant: with gap skip, more than all gaps of a zone's cycle.
_MAX_STRETCHES = 2_000
# A count above this that is not reached in 500 years means no end.
_SURELY_COUNTED = 100
_COUNTED = 182_625 * DAY


class Once:
    """One wall time."""

    __slots__ = ("wall",)

    def __init__(self, wall: int) -> None:
        self.wall = wall

    def next(self, wall: int, last: int) -> int | None:
        return self.wall if wall < self.wall <= last else None

    def advance(self, wall: int, count: int, high: int) -> tuple[int, int]:
        return (1, self.wall) if count and wall < self.wall < high else (0, wall)


class Timeline:
    """The due instants of a recurrence, before EXDATE and RDATE.

    `until` is the last instant that may be due, None as long as COUNT has not been resolved.
    """

    __slots__ = ("clock", "expansion", "first", "floor", "key", "last_wall", "recurrence", "until")

    def __init__(self, recurrence: Recurrence, start: int, name: str, gap: Gap, fold: Fold) -> None:
        self.recurrence = recurrence
        self.key = (recurrence, start, name, gap, fold)
        self.floor = start - 1
        self.first = start - MAX_SHIFT
        self.last_wall = _LAST_WALL
        self.until: int | None = FOREVER
        self.clock: WallClock
        self.expansion: Expansion
        if isinstance(recurrence, Rule):
            self.clock = zone_clock(name, gap, fold)
            self.expansion = of_rule(recurrence, start)
            if recurrence.until is not None:
                self._end_by(recurrence.until)
            elif recurrence.count is not None:
                self.until = None
        elif recurrence is None:
            self.clock = zone_clock(name, gap, fold)
            self.expansion = Once(start)
            self.last_wall = start
        else:
            self.clock = zone_clock(name, gap, fold, recurrence.real_pace)
            self.expansion = of_cron(recurrence)
            if recurrence.real_pace:
                # After the start the clock may show earlier times once more.
                self.floor -= MAX_SHIFT
                self.first = zone_clock(name, gap, fold).bound(start)

    def _end_by(self, until: datetime) -> None:
        if until.year == ENDLESS_YEAR:
            return
        bound = seconds(until.replace(tzinfo=None))
        if until.tzinfo is None:
            self.last_wall = min(bound, _LAST_WALL)
        else:
            self.until = bound
            self.last_wall = min(bound + MAX_SHIFT, _LAST_WALL)

    @property
    def is_endless(self) -> bool:
        return self.until == FOREVER and self.last_wall == _LAST_WALL

    def next(self, instant: int) -> int | None:
        """Return the first due instant after `instant`."""
        expansion, floor, last = self.expansion, self.floor, self.last_wall
        at = max(instant + 1, self.first)
        for _ in range(_MAX_STRETCHES):
            if at > last + MAX_SHIFT:
                break
            stretch = self.clock.stretch(at)
            _, _, offset, low, high, gap_low, gap_high, gap_offset = stretch
            begin = at - 1 + offset
            if begin < low or begin < floor:
                begin = max(begin, low - 1, floor)
            wall = expansion.next(begin, last)
            due = wall - offset if wall is not None and wall < high else None
            if gap_high and at < gap_high - gap_offset:
                begin = max(at - 1 + gap_offset, gap_low - 1, floor)
                moved = expansion.next(begin, min(gap_high - 1, last))
                if moved is not None and (due is None or moved - gap_offset < due):
                    due = moved - gap_offset
            if due is not None:
                return due if due <= self._until() else None
            at = self._search_on(stretch, at, wall)
        return None

    def _search_on(self, stretch: Stretch, at: int, wall: int | None) -> int:
        """Return the instant at which the search continues after a stretch without a due instant.

        `wall` is the next wall time.
        """
        end = stretch.end
        if end == FOREVER:
            return FOREVER
        if at - 1 + stretch.offset >= end + self.clock.stretch(end).offset:
            # The clock goes back at the end, over wall times already passed.
            return end
        return FOREVER if wall is None else max(end, wall - MAX_SHIFT)

    def _until(self) -> int:
        if self.until is None:
            self.until = _end_of_count(*self.key)
        return self.until

    def bound(self) -> int:
        """Return an instant after which nothing is due, FOREVER if endless."""
        return min(self._until(), self.last_wall + MAX_SHIFT)

    def walls(self, low: int, high: int) -> list[int]:
        """Return the wall times in [low, high) that a gap may skip."""
        walls: list[int] = []
        wall: int | None = max(low - 1, self.floor)
        while not self.clock.real_pace:
            wall = self.expansion.next(wall, min(high - 1, self.last_wall))  # type: ignore[arg-type]
            if wall is None:
                break
            walls.append(wall)
        return walls

    def nth(self, count: int) -> int:
        """Return the instant at which the rule has been due `count` times."""
        remaining, newest = count, self.first - 1
        end = FOREVER if count <= _SURELY_COUNTED else self.first + _COUNTED
        while remaining and newest < end:
            following = self.next(newest)
            if following is None:
                return FOREVER
            stretch = self.clock.stretch(following)
            limit, one_by_one = self._countable(stretch, following)
            walk = self._walk if one_by_one else self._advance
            steps, passed = walk(stretch, following, remaining, min(limit, end))
            if not steps:
                break
            remaining, newest = remaining - steps, passed
        return FOREVER if remaining else newest

    def _countable(self, stretch: Stretch, at: int) -> tuple[int, bool]:
        """Return the end of one way of counting from `at` on, and whether it goes one by one."""
        begin, end = stretch.gap_low - stretch.gap_offset, stretch.gap_high - stretch.gap_offset
        if not stretch.gap_high or at >= end or not self._meets_gap(stretch):
            return stretch.end, False
        return (begin, False) if at < begin else (end, True)

    def _meets_gap(self, stretch: Stretch) -> bool:
        begin = max(stretch.gap_low - 1, self.floor)
        return self.expansion.next(begin, min(stretch.gap_high - 1, self.last_wall)) is not None

    def _advance(self, stretch: Stretch, at: int, count: int, limit: int) -> tuple[int, int]:
        """Pass up to `count` instants in [at, limit), if no gap is in the way."""
        offset = stretch.offset
        high = min(stretch.high, limit + offset, self.last_wall + 1)
        begin = max(at - 1 + offset, stretch.low - 1, self.floor)
        steps, wall = self.expansion.advance(begin, count, high)
        return steps, wall - offset

    def _walk(self, stretch: Stretch, at: int, count: int, limit: int) -> tuple[int, int]:
        """Pass up to `count` instants in [at, limit) one by one, as two moved ones may coincide."""
        instant = at - 1
        for step in range(count):
            following = self.next(instant)
            if following is None or following >= limit:
                return step, instant
            instant = following
        return count, instant


@lru_cache(maxsize=16_384)
def _end_of_count(recurrence: Rule, start: int, name: str, gap: Gap, fold: Fold) -> int:
    timeline = Timeline(recurrence, start, name, gap, fold)
    timeline.until = FOREVER
    return timeline.nth(recurrence.count)  # type: ignore[arg-type]
