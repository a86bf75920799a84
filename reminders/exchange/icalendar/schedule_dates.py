"""How a schedule is shown in a calendar: DTSTART, RRULE, EXDATE and RDATE with its very instants.

RFC 5545 counts DTSTART as an occurrence, and knows one reading of skipped and repeated times. So
DTSTART is the first real occurrence, and where a rule alone would say something else at a clock
change, that is put right by dates, for HORIZON ahead. What no rule can say is written out, instant
by instant, for as long.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from reminders.exchange.icalendar.rrule_text import ends_at, keeps_real_pace, rule_text
from reminders.recurrence import Fold, Gap, Schedule, local_time, to_utc
from reminders.recurrence.wall_clock import EPOCH, UTC_EPOCH, wall_clock

HORIZON = timedelta(days=731)
MAX_WRITTEN_OUT = 500
BEGINNING = datetime(1800, 1, 1, tzinfo=UTC)
AROUND = timedelta(days=1)
SECOND = timedelta(seconds=1)


class Shown(NamedTuple):
    """Naive times are of the schedule's zone; where its clock cannot tell them, they are in UTC."""

    start: datetime
    rule: str = ""
    exdates: tuple[datetime, ...] = ()
    rdates: tuple[datetime, ...] = ()


def shown(schedule: Schedule, now: datetime, skipped: Collection[datetime] = ()) -> Shown | None:
    """Return what a calendar is to show from `now` on, and before it where that is as simple.

    `skipped` are due instants that are left out. None when nothing is left.
    """
    rule = rule_text(schedule.recurrence, schedule.starts_at, schedule.timezone)
    if rule is None:
        return _written_out(schedule, now, skipped)
    return _by_rule(schedule, rule, now, skipped) or _written_out(schedule, now, skipped)


def _written_out(schedule: Schedule, now: datetime, skipped: Collection[datetime]) -> Shown | None:
    found = schedule.upcoming(now if schedule.recurrence else BEGINNING, MAX_WRITTEN_OUT)
    if not found:
        found = list(filter(None, [schedule.before(now)]))
    kept = [due for due in found if due not in skipped and due - found[0] <= HORIZON]
    if not schedule.recurrence:
        kept = [due for due in found if due not in skipped]
    if not kept:
        return None
    start, *more = (_told(due, schedule.timezone) for due in kept)
    return Shown(start, rdates=tuple(more))


def _by_rule(
    schedule: Schedule, rule: str, now: datetime, skipped: Collection[datetime]
) -> Shown | None:
    """Return the rule with its dates; None where a date comes before all that the rule gives."""
    zone = schedule.timezone
    base = Schedule(
        starts_at=schedule.starts_at,
        timezone=zone,
        recurrence=schedule.recurrence,
        gap=schedule.gap,
        fold=schedule.fold,
    )
    left_out = {*_instants(schedule, schedule.exdates), *skipped}
    opening = first = base.after(BEGINNING)
    while first is not None and first in left_out:
        first = base.after(first)
    if first is None or opening is None:
        return None
    is_usual = (schedule.gap, schedule.fold) == (Gap.AFTER, Fold.FIRST)
    is_usual = is_usual and not keeps_real_pace(schedule.recurrence)
    if "COUNT=" in rule and not (is_usual and first == opening):
        last = base.last()
        assert last is not None  # noqa: S101  for the type checker
        rule = ends_at(rule, last)
    dates = [due for due in _instants(schedule, schedule.rdates) if due not in left_out]
    if any(now <= due < first for due in dates):
        return None
    start = _asked(base, first)
    # What a gap has moved is left out by what was asked for as well as by what the clock shows.
    walls = {*schedule.exdates}
    for due in left_out:
        walls |= {_asked(base, due), local_time(due, zone)}
    found = Shown(
        start,
        rule,
        tuple(sorted(wall for wall in walls if wall > start)),
        tuple(_told(due, zone) for due in sorted(set(dates)) if due > first),
    )
    return found if is_usual else _put_right(found, schedule, now, skipped)


def _put_right(
    found: Shown, schedule: Schedule, now: datetime, skipped: Collection[datetime]
) -> Shown:
    """Add the dates that make what others read the same as what is meant, at each clock change."""
    zone = schedule.timezone
    others = Schedule(
        starts_at=found.start, timezone=zone, recurrence=found.rule, exdates=found.exdates
    )
    extra: set[datetime] = set()
    missing: set[datetime] = set()
    for change in _changes(zone, now):
        meant = _around(schedule, change) - set(skipped)
        read = _around(others, change)
        extra.update(_asked(others, due) for due in read - meant)
        missing.update(_told(due, zone) for due in meant - read)
    return found._replace(
        exdates=tuple(sorted({*found.exdates, *extra})),
        rdates=tuple(sorted({*found.rdates, *missing}, key=_order)),
    )


def _around(schedule: Schedule, change: datetime) -> set[datetime]:
    found, due = set(), schedule.after(change - AROUND)
    while due is not None and due <= change + AROUND:
        found.add(due)
        due = schedule.after(due)
    return found


def _changes(zone: str, now: datetime) -> Iterator[datetime]:
    for at in wall_clock(zone, Gap.AFTER, Fold.FIRST).changes.at:
        change = UTC_EPOCH + timedelta(seconds=at)
        if change > now + HORIZON:
            return
        if change > now - AROUND:
            yield change


def _instants(schedule: Schedule, walls: Iterable[datetime]) -> list[datetime]:
    found = (wall for wall in walls if wall >= schedule.starts_at)
    return [
        due
        for wall in found
        for due in to_utc(wall, schedule.timezone, schedule.gap, schedule.fold)
    ]


def _asked(schedule: Schedule, due: datetime) -> datetime:
    """Return the wall time that the rule asked for, where a gap has moved it."""
    return EPOCH + timedelta(seconds=schedule.asked_wall((due - UTC_EPOCH) // SECOND))


def _told(due: datetime, zone: str) -> datetime:
    """Return the wall time of an instant; the instant itself where the clock shows it twice."""
    wall = local_time(due, zone)
    return wall if to_utc(wall, zone) == [due] else due


def _order(told: datetime) -> str:
    return told.replace(tzinfo=None).isoformat()
