"""DTSTART, RRULE, EXDATE and RDATE with the very instants of a schedule.

RFC 5545 counts DTSTART as an occurrence, and has one reading of wall times in gaps and folds. So
DTSTART is the first real occurrence, and dates correct the rule at clock changes, up to HORIZON.
A schedule without an equal rule is written out, instant by instant, for the same time.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from reminders.exchange.icalendar.rrule_text import ends_at, keeps_real_pace, rule_text
from reminders.recurrence import Fold, Gap, Schedule, local_time, to_utc
from reminders.recurrence.wall_clock import EPOCH, UTC_EPOCH, zone_clock

HORIZON = timedelta(days=731)
MAX_WRITTEN_OUT = 500
BEGINNING = datetime(1800, 1, 1, tzinfo=UTC)
AROUND = timedelta(days=1)
SECOND = timedelta(seconds=1)


class CalendarDates(NamedTuple):
    """Times in the schedule's zone, naive; in a fold, where those are ambiguous, in UTC."""

    start: datetime
    rule: str = ""
    exdates: tuple[datetime, ...] = ()
    rdates: tuple[datetime, ...] = ()


def calendar_dates(
    schedule: Schedule, now: datetime, skipped: Collection[datetime] = ()
) -> CalendarDates | None:
    """Return the dates of a schedule from `now` on, and past ones if a rule gives them anyway.

    `skipped` are due instants to leave out. Returns None if no date is left.
    """
    rule = rule_text(schedule.recurrence, schedule.starts_at, schedule.timezone)
    if rule is None:
        return _written_out(schedule, now, skipped)
    return _by_rule(schedule, rule, now, skipped) or _written_out(schedule, now, skipped)


def _written_out(
    schedule: Schedule, now: datetime, skipped: Collection[datetime]
) -> CalendarDates | None:
    instants = schedule.upcoming(now if schedule.recurrence else BEGINNING, MAX_WRITTEN_OUT)
    if not instants:
        instants = list(filter(None, [schedule.before(now)]))
    if schedule.recurrence:
        instants = [due for due in instants if due - instants[0] <= HORIZON]
    dates = [_unambiguous(due, schedule.timezone) for due in instants if due not in skipped]
    return CalendarDates(dates[0], rdates=tuple(dates[1:])) if dates else None


def _by_rule(
    schedule: Schedule, rule: str, now: datetime, skipped: Collection[datetime]
) -> CalendarDates | None:
    """Return the rule with its dates; None if a date comes before all dates of the rule."""
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
    start = _wall_in_rule(base, first)
    # A time that a gap has moved is left out by its wall time in the rule and by the real one.
    walls = {*schedule.exdates}
    for due in left_out:
        walls |= {_wall_in_rule(base, due), local_time(due, zone)}
    dates_of_rule = CalendarDates(
        start,
        rule,
        tuple(sorted(wall for wall in walls if wall > start)),
        tuple(_unambiguous(due, zone) for due in sorted(set(dates)) if due > first),
    )
    if is_usual:
        return dates_of_rule
    return _corrected(dates_of_rule, schedule, now, skipped)


def _corrected(
    dates: CalendarDates, schedule: Schedule, now: datetime, skipped: Collection[datetime]
) -> CalendarDates:
    """Add dates, so that other programs read the instants of the schedule at clock changes."""
    zone = schedule.timezone
    as_read = Schedule(
        starts_at=dates.start, timezone=zone, recurrence=dates.rule, exdates=dates.exdates
    )
    extra: set[datetime] = set()
    missing: set[datetime] = set()
    for change in _changes(zone, now):
        right = _around(schedule, change) - set(skipped)
        read = _around(as_read, change)
        extra.update(_wall_in_rule(as_read, due) for due in read - right)
        missing.update(_unambiguous(due, zone) for due in right - read)
    return dates._replace(
        exdates=tuple(sorted({*dates.exdates, *extra})),
        rdates=tuple(sorted({*dates.rdates, *missing}, key=_order)),
    )


def _around(schedule: Schedule, change: datetime) -> set[datetime]:
    instants, due = set(), schedule.after(change - AROUND)
    while due is not None and due <= change + AROUND:
        instants.add(due)
        due = schedule.after(due)
    return instants


def _changes(zone: str, now: datetime) -> Iterator[datetime]:
    for at in zone_clock(zone, Gap.AFTER, Fold.FIRST).changes.at:
        change = UTC_EPOCH + timedelta(seconds=at)
        if change > now + HORIZON:
            return
        if change > now - AROUND:
            yield change


def _instants(schedule: Schedule, walls: Iterable[datetime]) -> list[datetime]:
    return [
        due
        for wall in walls
        if wall >= schedule.starts_at
        for due in to_utc(wall, schedule.timezone, schedule.gap, schedule.fold)
    ]


def _wall_in_rule(schedule: Schedule, due: datetime) -> datetime:
    """Return the wall time of an instant in the rule, even if a gap has moved the instant."""
    return EPOCH + timedelta(seconds=schedule.rule_wall((due - UTC_EPOCH) // SECOND))


def _unambiguous(due: datetime, zone: str) -> datetime:
    """Return the wall time of an instant; in a fold, the instant itself."""
    wall = local_time(due, zone)
    return wall if to_utc(wall, zone) == [due] else due


def _order(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat()
