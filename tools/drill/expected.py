"""Computes what must become of a reminder, without the code that fires it. Pure."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from zoneinfo import ZoneInfo

from reminders.recurrence import Fire, Lead, Schedule
from reminders.schedule.misfire import Misfire

# Faults may keep every worker from ticking for this long while FOAM is up.
STALL = timedelta(seconds=60)
MOST_DUES = 100_000


class Fate(StrEnum):
    FIRES = "fires"
    MISSED = "missed"
    # Fired or recorded as missed: that depends on the second of a tick.
    EITHER = "either"


def fires_of(schedule: Schedule, stored_at: datetime) -> list[Fire]:
    """Return all firings of a reminder that is stored at `stored_at`, in the order of time."""
    longest = max(schedule.leads).nominal
    dues = schedule.upcoming(stored_at, MOST_DUES)
    assert len(dues) < MOST_DUES, "the drill's reminders come to an end"
    assert all(due > stored_at + longest for due in dues), "no lead lies before the reminder"
    fires = [fire_of(schedule, due, lead) for due in dues for lead in schedule.leads]
    return sorted(fires, key=lambda fire: fire.order)


def fire_of(schedule: Schedule, due: datetime, lead: Lead) -> Fire:
    """Return the firing of a lead, computed by zoneinfo: days on the calendar, then exact time."""
    wall = due.astimezone(ZoneInfo(schedule.timezone)) - timedelta(days=lead.days)
    return Fire(wall.astimezone(UTC) - timedelta(seconds=lead.seconds), due, lead)


@dataclass(frozen=True)
class Oracle:
    """Decides the fates of firings; the first tick came between `up_from` and `up_by`."""

    up_from: datetime
    up_by: datetime

    def fates(self, fires: Sequence[Fire], misfire: str, grace: timedelta) -> list[Fate]:
        """Return the fate of each of a reminder's firings."""
        if misfire == Misfire.ALL:
            return [Fate.FIRES for _ in fires]
        if misfire == Misfire.NONE:
            return [self._within(fire, grace) for fire in fires]
        return [self._unless(fire, fires) for fire in fires]

    def _within(self, fire: Fire, grace: timedelta) -> Fate:
        if fire.fire_at + grace < self.up_from:
            return Fate.MISSED
        return Fate.FIRES if self._fired_by(fire) <= fire.fire_at + grace else Fate.EITHER

    def _unless(self, fire: Fire, fires: Sequence[Fire]) -> Fate:
        """Return the fate under misfire "latest": only firings of the latest instant survive."""
        place = bisect_right(fires, fire.fire_at, key=attrgetter("fire_at"))
        if place == len(fires):
            return Fate.FIRES
        newer = fires[place]
        if newer.fire_at <= self.up_from:
            return Fate.MISSED
        return Fate.FIRES if self._fired_by(fire) < newer.fire_at else Fate.EITHER

    def _fired_by(self, fire: Fire) -> datetime:
        return max(fire.fire_at, self.up_by) + STALL
