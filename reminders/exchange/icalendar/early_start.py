"""Moves the start of a series that began before the first year of the engine."""

import re
from datetime import UTC, datetime, timedelta

from reminders.exchange.icalendar.rrule_reading import rule_text
from reminders.exchange.icalendar.syntax.values import BadValue
from reminders.exchange.limits import check_time
from reminders.recurrence import Schedule

FIRST_YEAR = 1900
# The Gregorian calendar repeats, weekdays included; a cycle begins in 2001.
CYCLE_YEARS = 400
CYCLE_BEGIN = datetime(2001, 1, 1)
# The engine is asked for dates up to this year; it knows some hundred years more.
LAST_TARGET_YEAR = CYCLE_BEGIN.year + 2 * CYCLE_YEARS
_EARLIEST = datetime(FIRST_YEAR - 1, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
# The engine refuses any other, a longer one too.
_COUNT = re.compile("[0-9]{1,9}")


def later_start(start: datetime, parts: dict[str, str]) -> datetime:
    """Return the first date of a series from 2001 on, and set COUNT to the number from there on.

    The engine runs the rule some cycles of 400 years later, where any rule has the same dates.
    Raises BadValue for a series without such a date, and RecurrenceError.
    """
    endless = {name: value for name, value in parts.items() if name not in {"COUNT", "UNTIL"}}
    count = int(parts["COUNT"]) if _COUNT.fullmatch(parts.get("COUNT", "")) else None
    is_first = True
    while start < CYCLE_BEGIN:
        cycles = max(-((start.year - FIRST_YEAR) // CYCLE_YEARS), 0)
        target = CYCLE_BEGIN.year + cycles * CYCLE_YEARS
        if target > LAST_TARGET_YEAR:
            target = CYCLE_BEGIN.year + CYCLE_YEARS
        shifted = start.replace(year=start.year + cycles * CYCLE_YEARS)
        rule = Schedule(starts_at=shifted, timezone="UTC", recurrence=rule_text(endless))
        if count is not None and is_first:
            # COUNT counts a start that the rule does not give.
            count -= rule.after(_EARLIEST) != shifted.replace(tzinfo=UTC)
        occurrence, passed = _first_from(rule, target, count)
        count = None if count is None else count - passed
        if occurrence is None or count == 0:
            raise BadValue(f"its rule gives no date from {CYCLE_BEGIN.year} on")
        start = occurrence.replace(year=occurrence.year - cycles * CYCLE_YEARS)
        is_first = False
    if count is not None:
        parts["COUNT"] = str(count)
    return start


def _first_from(rule: Schedule, year: int, most: int | None) -> tuple[datetime | None, int]:
    """Return the first wall time in or after a year, and the number before it, up to `most`."""
    begin = datetime(year, 1, 1, tzinfo=UTC)
    if most is None:
        occurrence, passed = rule.after(begin - _SECOND), 0
    else:
        occurrence, passed = rule.after(_EARLIEST), 0
        while occurrence is not None and occurrence < begin and passed < most:
            check_time()
            occurrence, passed = rule.after(occurrence), passed + 1
    return occurrence.replace(tzinfo=None) if occurrence else None, passed
