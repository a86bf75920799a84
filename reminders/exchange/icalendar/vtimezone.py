"""VTIMEZONE: a zone's clock changes from 1970 on, as tzdata has them."""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from reminders.exchange.icalendar.tzid.definition import OffsetChange, definition_of_zone
from reminders.recurrence import Fold, Gap, zone
from reminders.recurrence.rrule import WEEKDAYS
from reminders.recurrence.wall_clock import EPOCH, zone_clock

BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
# From here on only rules are in force.
END = datetime(2100, 1, 1, tzinfo=UTC)
# Shorter runs are written out.
SHORTEST_RUN = 3
DAY = timedelta(days=1)


class YearlyRun(NamedTuple):
    """Changes of the same kind on the same day of the same month, in years that follow."""

    changes: list[OffsetChange]
    weeks: frozenset[int]


@lru_cache(maxsize=128)
def content_lines(name: str) -> tuple[str, ...]:
    """Return the content lines of a VTIMEZONE."""
    return (
        "BEGIN:VTIMEZONE",
        f"TZID:{name}",
        f"X-LIC-LOCATION:{name}",
        *(line for part in _parts(name) for line in part),
        "END:VTIMEZONE",
    )


def _parts(name: str) -> Iterator[list[str]]:
    first, changes = definition_of_zone(name).between(BEGIN, END)
    repeats = zone_clock(name, Gap.AFTER, Fold.FIRST).changes.repeats
    yield _part(name, OffsetChange(BEGIN - first, first, first), [])
    written_out: dict[tuple[timedelta, timedelta], list[OffsetChange]] = defaultdict(list)
    for run in _runs(changes):
        begin, end = run.changes[0], run.changes[-1]
        if len(run.changes) < SHORTEST_RUN:
            written_out[begin.before, begin.after] += run.changes
            continue
        week = -1 if -1 in run.weeks else max(run.weeks)
        weekday = WEEKDAYS[begin.wall.weekday()]
        rule = f"RRULE:FREQ=YEARLY;BYMONTH={begin.wall.month};BYDAY={week}{weekday}"
        if not (repeats and end.at.year == END.year - 1):
            # A day later: some read this as local time, and would lose the last one.
            rule += f";UNTIL={end.at + DAY:%Y%m%dT%H%M%SZ}"
        yield _part(name, begin, [rule])
    for first_change, *more in written_out.values():
        dates = [f"RDATE:{change.wall:%Y%m%dT%H%M%S}" for change in more]
        yield _part(name, first_change, dates)


def _runs(changes: Iterable[OffsetChange]) -> Iterator[YearlyRun]:
    open_runs: dict[object, YearlyRun] = {}
    for change in changes:
        wall = change.wall
        key = (change.before, change.after, wall.month, wall.weekday(), wall.time())
        weeks, run = _weeks(wall), open_runs.get(key)
        if run and run.weeks & weeks and run.changes[-1].wall.year == wall.year - 1:
            run.changes.append(change)
            open_runs[key] = YearlyRun(run.changes, run.weeks & weeks)
            continue
        if run:
            yield run
        open_runs[key] = YearlyRun([change], weeks)
    yield from open_runs.values()


def _weeks(wall: datetime) -> frozenset[int]:
    """Return the ordinals of a weekday within its month, counted from both ends."""
    length = monthrange(wall.year, wall.month)[1]
    return frozenset({(wall.day + 6) // 7, -((length - wall.day) // 7 + 1)})


def _part(name: str, change: OffsetChange, dates: list[str]) -> list[str]:
    local = (change.at + timedelta(seconds=1)).astimezone(zone(name))
    kind = "DAYLIGHT" if local.dst() and change.after > change.before else "STANDARD"
    return [
        f"BEGIN:{kind}",
        f"DTSTART:{change.wall:%Y%m%dT%H%M%S}",
        f"TZOFFSETFROM:{_offset(change.before)}",
        f"TZOFFSETTO:{_offset(change.after)}",
        f"TZNAME:{local.tzname()}",
        *dates,
        f"END:{kind}",
    ]


def _offset(length: timedelta) -> str:
    sign = "-" if length < timedelta(0) else "+"
    clock = EPOCH + abs(length)
    return f"{sign}{clock:%H%M}{clock:%S}" if clock.second else f"{sign}{clock:%H%M}"
