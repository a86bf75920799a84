"""The local times of a planned fire, which relocate it after a tzdata update. Pure.

A reminder stores its next fire as an instant, computed by the tz rules of that day. Beside it the
reminder stores local times: for each lead the due time up to which it has announced occurrences.
After a change of the rules these say what has fired and what has not, and give the new instants.
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
    wall_time,
    zone_clock,
)

# Offsets from UTC are multiples of this many seconds, and at most MAX_OFFSET with the largest gap
# (Samoa in 2011: a day). Local times that are off by anything else belong to another plan.
OFFSET_UNIT = 900
MAX_OFFSET = 40 * 3600

StoredTimes = Sequence[datetime] | None
# For each lead the latest due second, in UTC, that it has announced.
Starts = list[tuple[Lead, int]]


class NextFireColumns(Protocol):
    """The columns of a reminder that hold its next fire."""

    @property
    def next_due_at(self) -> datetime | None: ...
    @property
    def next_fire_at(self) -> datetime | None: ...
    @property
    def next_lead(self) -> Lead: ...
    @property
    def error(self) -> str: ...


def planned_fire(schedule: Schedule, row: NextFireColumns) -> Fire:
    """Return the next fire of a reminder, with the instant at which it was to fire.

    That is the stored instant for a lead of days, which today's tz rules may fire at another one.
    For a reminder that the tick has set aside the stored instant is that of the next retry.
    """
    assert row.next_due_at is not None  # noqa: S101  for the type checker
    fire = schedule.fire(row.next_due_at, row.next_lead)
    if row.error or row.next_fire_at is None or not fire.lead.days:
        return fire
    return fire._replace(fire_at=row.next_fire_at)


def due_wall_times(schedule: Schedule, fire: Fire) -> list[datetime]:
    """Return for each lead the local due time that it announces when `fire` fires.

    For the lead that fires now this is the local time in the rule (02:30), even if a DST gap moved
    the firing to 03:00.
    """
    due = instant_seconds(fire.due_at)
    if schedule.leads == (fire.lead,):
        return [wall_time(schedule.rule_wall(due))]
    fires = instant_seconds(fire.fire_at)
    return [
        wall_time(
            schedule.rule_wall(due) if lead == fire.lead else schedule.wall_ahead(fires, lead)
        )
        for lead in schedule.leads
    ]


def relocate(
    schedule: Schedule, planned: Fire, stored: StoredTimes, now: datetime
) -> tuple[Fire | None, list[datetime]]:
    """Return the next fire by today's tz rules, and its local times.

    `planned` has not fired and is later than `now`; `stored` are the local times stored with it.
    The new fire may be in the past, or None if the schedule has no further one.
    """
    current = due_wall_times(schedule, planned)
    stored = current if stored is None else list(stored)
    due = instant_seconds(planned.due_at)
    is_due = schedule.next_due(due - 1) == due
    # New rules may move the instant of a lead of days, even if the due instant stays.
    is_same = is_due and schedule.fire(planned.due_at, planned.lead) == planned
    if stored == current and is_same and schedule.fold is not Fold.BOTH:
        return planned, stored
    if stored != current and _keeps_real_pace(schedule):
        fire = schedule.next_fire(now)
        return fire, due_wall_times(schedule, fire) if fire else []
    starts = _starts(schedule, planned, stored, now)
    fire = _first(schedule, starts)
    return fire, _wall_times_from(schedule, fire, starts) if fire else []


class ResumedSchedule:
    """A schedule that continues after `fired` in local time, from its `stored` local times."""

    def __init__(self, schedule: Schedule, fired: Fire, stored: StoredTimes) -> None:
        self.schedule = schedule
        self.fired = fired
        self.starts: Starts = []
        is_moved = stored is not None and list(stored) != due_wall_times(schedule, fired)
        if stored is not None and is_moved and not _keeps_real_pace(schedule):
            self.starts = _starts(schedule, fired, list(stored))

    def next_fire(
        self, fire_at: datetime, lead: Lead | None = None, due_at: datetime | None = None
    ) -> Fire | None:
        """As Schedule.next_fire, for `fired` and later fires."""
        if lead is None or not (self.starts or lead.days):
            return self.schedule.next_fire(fire_at, lead, due_at)
        is_first = (fire_at, lead, due_at or self.fired.due_at) == self.fired.order
        if not self.starts:
            if is_first:
                return self._after_fired()
            return self.schedule.next_fire(fire_at, lead, due_at)
        if is_first:
            fire = _first(self.schedule, self.starts)
            if not self._is_fired(fire):
                return fire
        return _first(self.schedule, self.starts, (fire_at, lead, due_at))

    def _after_fired(self) -> Fire | None:
        """Return the fire after `fired`, which must not fire twice if new rules move it."""
        by_new_rules = self.schedule.fire(self.fired.due_at, self.fired.lead)
        fire = self.schedule.next_fire(*min(self.fired.order, by_new_rules.order))
        if fire is not None and self._is_fired(fire):
            return self.schedule.next_fire(*fire.order)
        return fire

    def _is_fired(self, fire: Fire | None) -> bool:
        return fire is not None and fire[1:] == self.fired[1:]

    def wall_times(self, following: Fire) -> list[datetime]:
        """Return the local times of a fire that comes after `fired`."""
        return _wall_times_from(self.schedule, following, self.starts)


def _starts(
    schedule: Schedule, plan: Fire, stored: list[datetime], now: datetime | None = None
) -> Starts:
    """Convert local times to instants by today's rules. Without `now` the plan has fired."""
    if not _belong(stored, plan, schedule.leads):
        stored = due_wall_times(schedule, plan)
    starts = []
    for lead, wall in zip(schedule.leads, stored, strict=True):
        at, exists = _instant_of(schedule, plan, lead, wall, now)
        is_past = lead < plan.lead or (now is None and lead == plan.lead)
        starts.append((lead, at if is_past and exists else at - 1))
    return starts


def _belong(stored: list[datetime], plan: Fire, leads: tuple[Lead, ...]) -> bool:
    """Whether the local times can be those of this plan: one for each lead, off by an offset."""
    if len(stored) != len(leads) or plan.lead not in leads:
        return False
    offset = seconds(stored[leads.index(plan.lead)]) - instant_seconds(plan.due_at)
    return offset % OFFSET_UNIT == 0 and abs(offset) <= MAX_OFFSET


def _instant_of(
    schedule: Schedule, plan: Fire, lead: Lead, wall: datetime, now: datetime | None
) -> tuple[int, bool]:
    """Return the instant of a stored local time, and False if the clock skips that time now."""
    at = _due_ahead(schedule, plan, lead)
    instants = zone_clock(schedule.timezone, schedule.gap, schedule.fold).instants(seconds(wall))
    if lead == plan.lead and now is not None:
        # A local time in a new DST fold has two instants: the first that is still to come counts.
        ahead = [at for at in instants if schedule.fire(instant(at), lead).fire_at > now]
        if ahead:
            return min(ahead), True
    if _shows(schedule, at, wall) and (lead != plan.lead or schedule.next_due(at - 1) == at):
        return at, True
    if instants:
        return min(instants, key=lambda candidate: abs(candidate - at)), True
    clock = zone_clock(schedule.timezone, schedule.gap, schedule.fold)
    return clock.bound(seconds(wall)), False


def _first(
    schedule: Schedule,
    starts: Starts,
    after: tuple[datetime, Lead, datetime | None] | None = None,
) -> Fire | None:
    """Return the earliest fire over all leads, later than `after`: (fire_at, lead, due_at)."""
    fires = []
    for lead, start in starts:
        pair = schedule.first_of(lead, _order(lead, after), start)
        if pair is not None:
            fires.append(Fire(instant(pair[0]), instant(pair[1]), lead))
    return min(fires, key=lambda fire: fire.order, default=None)


def _order(lead: Lead, after: tuple[datetime, Lead, datetime | None] | None) -> tuple[int, int]:
    """Return the latest due second that a lead has announced when `after` is done: (fire, due).

    Firings are ordered by (fire_at, lead, due_at).
    """
    if after is None:
        return -FOREVER, -FOREVER
    fire_at, last, due_at = after
    if lead == last and due_at is not None:
        return instant_seconds(fire_at), instant_seconds(due_at)
    return instant_seconds(fire_at), FOREVER if lead <= last else -FOREVER


def _wall_times_from(schedule: Schedule, fire: Fire, starts: Starts) -> list[datetime]:
    """Return the local times of a fire; a lead that has announced later ones keeps its own."""
    times = due_wall_times(schedule, fire)
    for i, (lead, start) in enumerate(starts):
        is_past = lead < fire.lead
        begin = start if is_past else start + 1
        if lead != fire.lead and begin > _due_ahead(schedule, fire, lead):
            times[i] = local_time(instant(begin), schedule.timezone)
    return times


def _due_ahead(schedule: Schedule, fire: Fire, lead: Lead) -> int:
    """Return the due second that a lead announces when `fire` fires; exact for its own lead."""
    if lead == fire.lead:
        return instant_seconds(fire.due_at)
    fires = instant_seconds(fire.fire_at)
    if not lead.days:
        return fires + lead.seconds
    clock = zone_clock(schedule.timezone, schedule.gap, schedule.fold)
    return clock.bound(schedule.wall_ahead(fires, lead))


def _shows(schedule: Schedule, at: int, wall: datetime) -> bool:
    return local_time(instant(at), schedule.timezone) == wall


def _keeps_real_pace(schedule: Schedule) -> bool:
    return bool(getattr(parse(schedule.recurrence), "real_pace", False))
