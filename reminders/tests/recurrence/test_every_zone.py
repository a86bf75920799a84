"""Every zone, every clock change of five years, every choice: against a walk over the minutes."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product

import pytest

from accounts.timezones import names
from reminders.recurrence import Schedule, zone
from reminders.recurrence.wall_clock import UTC_EPOCH, Fold, Gap, zone_clock

YEARS = range(2025, 2030)
MINUTE = timedelta(minutes=1)
# How far around a change instants are compared; the walk goes farther by the largest change.
WINDOW = timedelta(hours=3)
REACH = 330
CHOICES = list(product(Gap, Fold))
RULES = {
    "daily": ("FREQ=DAILY", timedelta(days=2)),
    "hourly": ("FREQ=HOURLY", timedelta(hours=30)),
    "monthly": ("FREQ=MONTHLY", timedelta(0)),
}


class Walk:
    """What the clock shows, minute by minute, around one change."""

    def __init__(self, name, change):
        tz = zone(name)
        self.change = change
        self.shown = defaultdict(list)
        for minute in range(-REACH, REACH):
            instant = change + minute * MINUTE
            self.shown[instant.astimezone(tz).replace(tzinfo=None, fold=0)].append(instant)
        first, last = min(self.shown), max(self.shown)
        walls = [first + n * MINUTE for n in range((last - first) // MINUTE + 1)]
        skipped = [wall for wall in walls if wall not in self.shown]
        self.size = len(skipped) * MINUTE
        self.special = skipped or [wall for wall in walls if len(self.shown[wall]) == 2]
        self.by_minute = defaultdict(list)
        for wall in walls:
            self.by_minute[wall.minute].append(wall)

    def starts(self):
        """Wall times at both edges and in the middle of what is skipped or repeated."""
        first, last = self.special[0], self.special[-1]
        middle = self.special[len(self.special) // 2]
        return [first - MINUTE, first, middle, last, last + MINUTE]

    def expected(self, shape, start, gap, fold):
        walls = self.by_minute[start.minute]
        if shape != "hourly":
            walls = [wall for wall in walls if wall.time() == start.time()]
        if shape == "monthly":
            walls = [wall for wall in walls if wall.day == start.day]
        due = {instant for wall in walls for instant in self.meant(wall, gap, fold)}
        return sorted(at for at in due if abs(at - self.change) <= WINDOW)

    def meant(self, wall, gap, fold):
        instants = self.shown.get(wall)
        if instants is None:
            moved = {Gap.AFTER: self.size, Gap.BEFORE: -self.size}.get(gap)
            return [] if moved is None else self.shown.get(wall + moved, [])
        if len(instants) == 1 or fold is Fold.BOTH:
            return instants
        return instants[:1] if fold is Fold.FIRST else instants[1:]


def changes(name):
    instants = zone_clock(name, Gap.AFTER, Fold.FIRST).changes.at
    years = (datetime(YEARS[0], 1, 1, tzinfo=UTC), datetime(YEARS[-1] + 1, 1, 1, tzinfo=UTC))
    begin, end = ((year - UTC_EPOCH).total_seconds() for year in years)
    return [UTC_EPOCH + timedelta(seconds=at) for at in instants if begin <= at < end]


def different_zones():
    """Return the first zone by name of those whose clocks change alike in these years."""
    zones = {}
    for name in sorted(names()):
        tz = zone(name)
        alike = (
            (
                change,
                (change - MINUTE).astimezone(tz).utcoffset(),
                change.astimezone(tz).utcoffset(),
            )
            for change in changes(name)
        )
        zones.setdefault(tuple(alike), name)
    return list(zones.values())


def test_the_changes_are_those_that_the_standard_library_shows():
    for name in names():
        tz = zone(name)
        hours = [datetime(2027, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(0, 8760, 6)]
        offsets = [hour.astimezone(tz).utcoffset() for hour in hours]
        moves = sum(a != b for a, b in pairwise(offsets))
        assert moves == len([at for at in changes(name) if at.year == 2027]), name


@pytest.mark.parametrize("shape", RULES)
@pytest.mark.parametrize("part", range(4))
def test_every_zone_meets_every_change_as_chosen(shape, part):
    rule, ahead = RULES[shape]
    for name in different_zones()[part::4]:
        for change in changes(name):
            walk = Walk(name, change)
            for start, (gap, fold) in product(walk.starts(), CHOICES):
                expected = walk.expected(shape, start, gap, fold)
                schedule = Schedule(
                    starts_at=start - ahead, timezone=name, recurrence=rule, gap=gap, fold=fold
                )
                begin = change - WINDOW - timedelta(seconds=1)
                found = schedule.upcoming(begin, len(expected) + 1)
                found = [at for at in found if at <= change + WINDOW]
                assert found == expected, (name, change, start, gap, fold)
