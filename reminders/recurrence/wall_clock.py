"""Zones from the tzdata package, and the wall clock with its gaps and folds."""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from accounts import timezones

from .errors import RecurrenceError
from .tzif import CYCLE, DAY, MAX_SHIFT, RULES_FROM, Changes, read

EPOCH = datetime(1970, 1, 1)
UTC_EPOCH = EPOCH.replace(tzinfo=UTC)
FOREVER = 1 << 60


class Gap(StrEnum):
    """The policy for a local time that the clock skips."""

    AFTER = "after"
    BEFORE = "before"
    SKIP = "skip"


class Fold(StrEnum):
    """The policy for a local time that the clock repeats: which of its two instants counts."""

    FIRST = "first"
    SECOND = "second"
    BOTH = "both"


class Stretch(NamedTuple):
    """A stretch of UTC with one offset, and the wall times whose instants lie in it.

    An instant in [begin, end) shows the wall time `instant + offset`. Wall times in [low, high)
    have their instants here; skipped wall times in [gap_low, gap_high) move here by `gap_offset`.
    All in seconds since 1970, UTC or wall clock.
    """

    begin: int
    end: int
    offset: int
    low: int
    high: int
    gap_low: int = 0
    gap_high: int = 0
    gap_offset: int = 0


@cache
def _changes(name: str) -> Changes:
    try:
        return read(timezones.file_of(name).read_bytes())
    except ValueError as error:
        raise RecurrenceError("timezone", str(error)) from error


def zone(name: str) -> ZoneInfo:
    """Return a zone. Raises RecurrenceError on `timezone`."""
    try:
        return timezones.zone(name)
    except ValueError as error:
        raise RecurrenceError("timezone", str(error)) from error


class WallClock:
    """A zone's clock under one choice of gap and fold.

    With `real_pace` every instant shows its own wall time and neither choice applies.
    """

    __slots__ = ("_repeats_from", "_stretches", "changes", "fold", "gap", "real_pace")

    def __init__(self, changes: Changes, gap: Gap, fold: Fold, real_pace: bool) -> None:
        self.changes = changes
        self.gap = gap
        self.fold = fold
        self.real_pace = real_pace
        self._repeats_from = RULES_FROM + CYCLE if changes.repeats else FOREVER
        self._stretches: dict[int, Stretch] = {}

    def stretch(self, instant: int) -> Stretch:
        """Return the stretch that holds the instant."""
        if instant >= self._repeats_from:
            return self._cycles_later(instant)
        index = bisect_right(self.changes.at, instant)
        stretch = self._stretches.get(index)
        if stretch is None:
            stretch = self._stretches[index] = self._make(index)
        return stretch

    def _cycles_later(self, instant: int) -> Stretch:
        shift = (instant - RULES_FROM) // CYCLE * CYCLE
        near = self.stretch(instant - shift)
        moved = [value + shift for value in near]
        return Stretch(*moved)._replace(offset=near.offset, gap_offset=near.gap_offset)

    def _make(self, index: int) -> Stretch:
        at, offsets = self.changes.at, self.changes.offsets
        begin = at[index - 1] if index else -FOREVER
        end = at[index] if index < len(at) else FOREVER
        offset = offsets[index]
        before = offsets[index - 1] if index else offset
        after = offsets[index + 1] if index < len(at) else offset
        low, high = begin + offset, end + offset
        if self.real_pace:
            return Stretch(begin, end, offset, low, high)
        if before > offset and self.fold == Fold.FIRST:
            low = begin + before
        if after < offset and self.fold == Fold.SECOND:
            high = end + after
        window = (0, 0, 0)
        if before < offset and self.gap == Gap.AFTER:
            window = (begin + before, begin + offset, before)
        elif after > offset and self.gap == Gap.BEFORE:
            window = (end + offset, end + after, after)
        return Stretch(begin, end, offset, low, high, *window)

    def instants(self, wall: int) -> list[int]:
        """Return the instants that a wall time means: none, one or two."""
        instants = []
        stretch = self.stretch(wall - MAX_SHIFT)
        while stretch.begin <= wall + MAX_SHIFT:
            if stretch.low <= wall < stretch.high:
                instants.append(wall - stretch.offset)
            if stretch.gap_low <= wall < stretch.gap_high:
                instants.append(wall - stretch.gap_offset)
            if stretch.end == FOREVER:
                break
            stretch = self.stretch(stretch.end)
        return instants

    def bound(self, wall: int) -> int:
        """Return the first instant at which the clock has reached the wall time."""
        reached = self.instants(wall)
        if reached:
            return min(reached)
        stretch = self.stretch(wall - MAX_SHIFT)
        while stretch.end + self.stretch(stretch.end).offset <= wall:
            stretch = self.stretch(stretch.end)
        return stretch.end


@lru_cache(maxsize=4096)
def zone_clock(name: str, gap: Gap, fold: Fold, real_pace: bool = False) -> WallClock:
    """Return the clock of a zone. Raises RecurrenceError on `timezone`."""
    return WallClock(_changes(name), gap, fold, real_pace)


def seconds(wall: datetime) -> int:
    """Return the seconds since 1970 on the wall clock."""
    since = wall - EPOCH
    return since.days * DAY + since.seconds


def instant_seconds(moment: datetime) -> int:
    """Return whole seconds since 1970, UTC, of an aware instant."""
    since = moment - UTC_EPOCH
    return since.days * DAY + since.seconds


def wall_time(count: int) -> datetime:
    return EPOCH + timedelta(0, count)


def instant(count: int) -> datetime:
    return UTC_EPOCH + timedelta(0, count)


def to_utc(
    wall: datetime, timezone: str, gap: str = Gap.AFTER, fold: str = Fold.FIRST
) -> list[datetime]:
    """Return the instants (aware, UTC) that a naive wall time means in a zone: none, one or two.

    Raises RecurrenceError on `timezone`.
    """
    clock = zone_clock(timezone, Gap(gap), Fold(fold))
    return [instant(count) for count in clock.instants(seconds(wall))]


def local_time(moment: datetime, timezone: str) -> datetime:
    """Return the naive wall time that an aware datetime, of any offset, shows in a zone.

    Raises RecurrenceError on `timezone`.
    """
    return moment.astimezone(zone(timezone)).replace(tzinfo=None, fold=0)
