"""Where a plan stands on the wall clock, so that it is found again when tz rules change. Pure.

A plan is an instant, computed by the rules of its day. What it means is a wall time: that is kept
beside it, for each lead the time up to which due instants have been spoken of. When the rules
change, the wall times say what has fired and what has not; the instants follow from them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from reminders.recurrence import Fire, Fold, Lead, Schedule, local_time
from reminders.recurrence.grammar import parse
from reminders.recurrence.wall_clock import (
    FOREVER,
    instant,
    instant_seconds,
    seconds,
    wall_clock,
    wall_time,
)

# Offsets from UTC are multiples of this, and with the largest gap no greater than that (Samoa in
# 2011: a day). Wall times that are off by anything else were kept for another plan.
QUARTER = 900
REACH = 40 * 3600

Walls = Sequence[datetime] | None
# For each lead the instant, in seconds UTC, up to and with which it has spoken of what is due.
Starts = list[tuple[Lead, int]]


class Row(Protocol):
    """A reminder that has a plan."""

    @property
    def next_due_at(self) -> datetime | None: ...
    @property
    def next_fire_at(self) -> datetime | None: ...
    @property
    def next_lead(self) -> Lead: ...
    @property
    def error(self) -> str: ...


def planned(schedule: Schedule, row: Row) -> Fire:
    """Return what a reminder has planned, with the instant at which it was to fire.

    By today's rules a lead of days may fire at another one; where an error has set the reminder
    aside, the stored instant is that of the next try.
    """
    assert row.next_due_at is not None
    fire = schedule.fire(row.next_due_at, row.next_lead)
    if row.error or row.next_fire_at is None or not fire.lead.days:
        return fire
    return fire._replace(fire_at=row.next_fire_at)


def walls(schedule: Schedule, fire: Fire) -> list[datetime]:
    """Return for each lead the local time of the due instants that it speaks of at `fire_at`.

    For the lead of `fire` itself: the local time asked for, also where a gap moved it.
    """
    due = instant_seconds(fire.due_at)
    if schedule.leads == (fire.lead,):
        return [wall_time(schedule.asked_wall(due))]
    fires = instant_seconds(fire.fire_at)
    return [
        wall_time(
            schedule.asked_wall(due) if lead == fire.lead else schedule.wall_ahead(fires, lead)
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
    due = instant_seconds(planned.due_at)
    is_due = schedule.next_due(due - 1) == due
    # A lead of days may fire at another instant than it was to.
    is_same = is_due and schedule.fire(planned.due_at, planned.lead) == planned
    if stored == shown and is_same and schedule.fold is not Fold.BOTH:
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

    def next_fire(
        self, fire_at: datetime, lead: Lead | None = None, due_at: datetime | None = None
    ) -> Fire | None:
        """As Schedule.next_fire, for `fired` and what comes after it."""
        if lead is None or not (self.starts or lead.days):
            return self.schedule.next_fire(fire_at, lead, due_at)
        is_first = (fire_at, lead, due_at or self.fired.due_at) == self.fired.order
        if not self.starts:
            if is_first:
                return self._after_fired()
            return self.schedule.next_fire(fire_at, lead, due_at)
        if is_first:
            found = _first(self.schedule, self.starts)
            if not self._is_fired(found):
                return found
        return _first(self.schedule, self.starts, (fire_at, lead, due_at))

    def _after_fired(self) -> Fire | None:
        """Return what comes after `fired`, which is not fired again where new rules move it."""
        by_new_rules = self.schedule.fire(self.fired.due_at, self.fired.lead)
        found = self.schedule.next_fire(*min(self.fired.order, by_new_rules.order))
        if found is not None and self._is_fired(found):
            return self.schedule.next_fire(*found.order)
        return found

    def _is_fired(self, fire: Fire | None) -> bool:
        return fire is not None and fire[1:] == self.fired[1:]

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


def _belong(stored: list[datetime], plan: Fire, leads: tuple[Lead, ...]) -> bool:
    if len(stored) != len(leads) or plan.lead not in leads:
        return False
    offset = seconds(stored[leads.index(plan.lead)]) - instant_seconds(plan.due_at)
    return offset % QUARTER == 0 and abs(offset) <= REACH


def _instant_of(
    schedule: Schedule, plan: Fire, lead: Lead, wall: datetime, now: datetime | None
) -> tuple[int, bool]:
    """Return where a wall time kept with a plan is now, and False where it is skipped."""
    at = _due_ahead(schedule, plan, lead)
    instants = wall_clock(schedule.timezone, schedule.gap, schedule.fold).instants(seconds(wall))
    if lead == plan.lead and now is not None:
        # Of both times that a new fold has, the first if it is still to come.
        ahead = [at for at in instants if schedule.fire(instant(at), lead).fire_at > now]
        if ahead:
            return min(ahead), True
    if _shows(schedule, at, wall) and (lead != plan.lead or schedule.next_due(at - 1) == at):
        return at, True
    if instants:
        return min(instants, key=lambda each: abs(each - at)), True
    clock = wall_clock(schedule.timezone, schedule.gap, schedule.fold)
    return clock.bound(seconds(wall)), False


def _first(
    schedule: Schedule,
    starts: Starts,
    after: tuple[datetime, Lead, datetime | None] | None = None,
) -> Fire | None:
    """Return the first Fire over all leads, of those after (fire_at, lead, due_at)."""
    fires = []
    for lead, start in starts:
        found = schedule.first_of(lead, _order(lead, after), start)
        if found is not None:
            fires.append(Fire(instant(found[0]), instant(found[1]), lead))
    return min(fires, key=lambda fire: fire.order, default=None)


def _order(lead: Lead, after: tuple[datetime, Lead, datetime | None] | None) -> tuple[int, int]:
    """Return where the fires of one lead go on, as (fire, due)."""
    if after is None:
        return -FOREVER, -FOREVER
    fire_at, last, due_at = after
    if lead == last and due_at is not None:
        return instant_seconds(fire_at), instant_seconds(due_at)
    return instant_seconds(fire_at), FOREVER if lead <= last else -FOREVER


def _walls_from(schedule: Schedule, fire: Fire, starts: Starts) -> list[datetime]:
    """Return the wall times of a plan; a lead that has spoken of later ones already stays there."""
    kept = walls(schedule, fire)
    for i, (lead, start) in enumerate(starts):
        is_past = lead < fire.lead
        begin = start if is_past else start + 1
        if lead != fire.lead and begin > _due_ahead(schedule, fire, lead):
            kept[i] = local_time(instant(begin), schedule.timezone)
    return kept


def _due_ahead(schedule: Schedule, fire: Fire, lead: Lead) -> int:
    """Return about what due instant a lead announces when `fire` fires: its own for its lead."""
    if lead == fire.lead:
        return instant_seconds(fire.due_at)
    fires = instant_seconds(fire.fire_at)
    if not lead.days:
        return fires + lead.seconds
    clock = wall_clock(schedule.timezone, schedule.gap, schedule.fold)
    return clock.bound(schedule.wall_ahead(fires, lead))


def _shows(schedule: Schedule, at: int, wall: datetime) -> bool:
    return local_time(instant(at), schedule.timezone) == wall


def _keeps_real_pace(schedule: Schedule) -> bool:
    return bool(getattr(parse(schedule.recurrence), "real_pace", False))
