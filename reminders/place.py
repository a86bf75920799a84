"""Where a plan stands on the wall clock, so that it is found again when tz rules change. Pure.

A plan is an instant, computed by the rules of its day. What it means is a wall time: that is kept
beside it, for each lead the time up to which due instants have been spoken of. When the rules
change, the wall times say what has fired and what has not; the instants follow from them.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from reminders.recurrence import Fire, Fold, Schedule, local_time
from reminders.recurrence.grammar import parse
from reminders.recurrence.tzif import DAY
from reminders.recurrence.zone import UTC_EPOCH, instant, seconds, wall_clock, wall_time

# Offsets from UTC are multiples of this, and with the largest gap no greater than that (Samoa in
# 2011: a day). Wall times that are off by anything else were kept for another plan.
QUARTER = 900
REACH = 40 * 3600
SECOND = timedelta(seconds=1)

Walls = Sequence[datetime] | None
# For each lead the instant, in seconds UTC, up to and with which it has spoken of what is due.
Starts = list[tuple[timedelta, int]]


def walls(schedule: Schedule, fire: Fire) -> list[datetime]:
    """Return for each lead the local time of the due instants that it speaks of at `fire_at`.

    For the lead of `fire` itself: the local time asked for, also where a gap moved it.
    """
    due = _seconds(fire.due_at)
    if schedule.leads == (fire.lead,):
        return [wall_time(schedule.asked_wall(due))]
    fires = _seconds(fire.fire_at)
    return [
        wall_time(
            schedule.asked_wall(due)
            if lead == fire.lead
            else schedule.wall(fires + lead.days * DAY + lead.seconds)
        )
        for lead in schedule.leads
    ]


def find(
    schedule: Schedule, planned: Fire, stored: Walls, now: datetime
) -> tuple[Fire | None, list[datetime]]:
    """Return what is planned, by the rules of today, and its wall times.

    `planned` has not fired and is later than `now`; `stored` are the wall times kept with it. What
    comes out may be due already, or None when nothing is left.
    """
    shown = walls(schedule, planned)
    stored = shown if stored is None else list(stored)
    due = _seconds(planned.due_at)
    is_due = schedule.next_due(due - 1) == due
    if stored == shown and is_due and schedule.fold is not Fold.BOTH:
        return planned, stored
    if stored != shown and _keeps_real_pace(schedule):
        fire = schedule.next_fire(now)
        return fire, walls(schedule, fire) if fire else []
    starts = _starts(schedule, planned, stored, now)
    found = _first(schedule, starts)
    return found, _walls_from(schedule, found, starts) if found else []


class GoesOn:
    """A schedule that goes on after `fired` on the wall clock, as its `stored` wall times say."""

    def __init__(self, schedule: Schedule, fired: Fire, stored: Walls) -> None:
        self.schedule = schedule
        self.fired = fired
        self.starts: Starts = []
        is_moved = stored is not None and list(stored) != walls(schedule, fired)
        if stored is not None and is_moved and not _keeps_real_pace(schedule):
            self.starts = _starts(schedule, fired, list(stored))

    def next_fire(self, fire_at: datetime, lead: timedelta | None = None) -> Fire | None:
        """As Schedule.next_fire, for `fired` and what comes after it."""
        if not self.starts or lead is None:
            return self.schedule.next_fire(fire_at, lead)
        if (fire_at, lead) == (self.fired.fire_at, self.fired.lead):
            found = _first(self.schedule, self.starts)
            if found != self.fired:
                return found
        starts = [(each, max(at, _start(fire_at, lead, each))) for each, at in self.starts]
        return _first(self.schedule, starts)

    def walls(self, following: Fire) -> list[datetime]:
        """Return the wall times of a fire that comes after `fired`."""
        return _walls_from(self.schedule, following, self.starts)


def _starts(
    schedule: Schedule, plan: Fire, stored: list[datetime], now: datetime | None = None
) -> Starts:
    """Translate wall times by the rules of today. Without `now` the plan itself has fired."""
    if not _belong(stored, plan, schedule.leads):
        stored = walls(schedule, plan)
    starts = []
    for lead, wall in zip(schedule.leads, stored, strict=True):
        at, is_there = _instant_of(schedule, plan, lead, wall, now)
        is_past = lead < plan.lead or (now is None and lead == plan.lead)
        starts.append((lead, at if is_past and is_there else at - 1))
    return starts


def _belong(stored: list[datetime], plan: Fire, leads: tuple[timedelta, ...]) -> bool:
    if len(stored) != len(leads) or plan.lead not in leads:
        return False
    offset = seconds(stored[leads.index(plan.lead)]) - _seconds(plan.due_at)
    return offset % QUARTER == 0 and abs(offset) <= REACH


def _instant_of(
    schedule: Schedule, plan: Fire, lead: timedelta, wall: datetime, now: datetime | None
) -> tuple[int, bool]:
    """Return where a wall time kept with a plan is now, and False where it is skipped."""
    at = _seconds(plan.fire_at + lead)
    instants = wall_clock(schedule.timezone, schedule.gap, schedule.fold).instants(seconds(wall))
    if lead == plan.lead and now is not None:
        # Of both times that a new fold has, the first if it is still to come.
        ahead = [each for each in instants if instant(each) - lead > now]
        if ahead:
            return min(ahead), True
    if _shows(schedule, at, wall) and (lead != plan.lead or schedule.next_due(at - 1) == at):
        return at, True
    if instants:
        return min(instants, key=lambda each: abs(each - at)), True
    clock = wall_clock(schedule.timezone, schedule.gap, schedule.fold)
    return clock.bound(seconds(wall)), False


def _first(schedule: Schedule, starts: Starts) -> Fire | None:
    """Return the first Fire over all leads."""
    found = []
    for lead, start in starts:
        due = schedule.next_due(start)
        if due is not None:
            due_at = instant(due)
            found.append(Fire(due_at - lead, due_at, lead))
    return min(found, key=lambda fire: (fire.fire_at, fire.lead), default=None)


def _walls_from(schedule: Schedule, fire: Fire, starts: Starts) -> list[datetime]:
    """Return the wall times of a plan; a lead that has spoken of later ones already stays there."""
    kept = walls(schedule, fire)
    for i, (lead, start) in enumerate(starts):
        is_past = lead < fire.lead
        begin = start if is_past else start + 1
        if lead != fire.lead and begin > _seconds(fire.fire_at + lead):
            kept[i] = local_time(instant(begin), schedule.timezone)
    return kept


def _start(fire_at: datetime, lead: timedelta, each: timedelta) -> int:
    """Up to where the lead `each` has spoken once (fire_at, lead) has fired."""
    at = _seconds(fire_at + each)
    return at if each <= lead else at - 1


def _shows(schedule: Schedule, at: int, wall: datetime) -> bool:
    return local_time(instant(at), schedule.timezone) == wall


def _keeps_real_pace(schedule: Schedule) -> bool:
    return bool(getattr(parse(schedule.recurrence), "real_pace", False))


def _seconds(moment: datetime) -> int:
    return (moment - UTC_EPOCH) // SECOND
