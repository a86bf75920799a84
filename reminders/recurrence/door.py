"""What is refused at the door: schedules that parse but can never, or hardly ever, be due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import RecurrenceError, SearchExhaustedError
from .expansion import Periodic
from .rrule import Freq, Rule
from .zone import FOREVER, seconds

if TYPE_CHECKING:
    from .schedule import Schedule
    from .timeline import Timeline

MAX_DATES = 1_000
# Where occurrences cannot be counted by dividing.
MAX_COUNTED = 5_000
MAX_YEARS = 1_000
# The gaps looked into before a rule is accepted; a later one may still turn out too wide.
_PROBES = 3


def check(schedule: Schedule, timeline: Timeline) -> None:
    _check_dates(schedule)
    _check_until(schedule, timeline)
    _check_count(timeline)
    _check_occurs(schedule, timeline)
    timeline.bound()


def _check_dates(schedule: Schedule) -> None:
    for field, dates in (("exdates", schedule.exdates), ("rdates", schedule.rdates)):
        if len(dates) > MAX_DATES:
            raise RecurrenceError(field, f"may hold {MAX_DATES} dates, not {len(dates)}")
    if schedule.rdates and schedule.rdates[0] < schedule.starts_at:
        raise RecurrenceError(
            "rdates", f"{schedule.rdates[0].isoformat()} is before starts_at, the lower bound"
        )


def _check_until(schedule: Schedule, timeline: Timeline) -> None:
    rule = timeline.recurrence
    if not isinstance(rule, Rule) or rule.until is None:
        return
    if rule.until.tzinfo is None:
        is_before = rule.until < schedule.starts_at
    else:
        start = timeline.clock.bound(seconds(schedule.starts_at))
        is_before = seconds(rule.until.replace(tzinfo=None)) < start
    if is_before:
        raise RecurrenceError(
            "recurrence", f"UNTIL={rule.until_text} is before the start; it must not be"
        )


def _check_count(timeline: Timeline) -> None:
    """Refuse counts that take long to count."""
    rule = timeline.recurrence
    if not isinstance(rule, Rule) or isinstance(timeline.expansion, Periodic):
        return
    most = MAX_YEARS if rule.freq is Freq.YEARLY else MAX_COUNTED
    if rule.count is not None and rule.count > most:
        raise RecurrenceError(
            "recurrence", f"COUNT={rule.count} must be 1 to {most} in such a rule; or use UNTIL"
        )


def _check_occurs(schedule: Schedule, timeline: Timeline) -> None:
    at: int | None = -FOREVER
    try:
        for _ in range(_PROBES):
            found = timeline.next(at)  # type: ignore[arg-type]
            if found is None:
                break
            at = found
    except SearchExhaustedError:
        raise _never() from None
    if at != -FOREVER:
        return
    if timeline.recurrence is not None:
        raise _never()
    if not schedule.rdates:
        raise RecurrenceError(
            "starts_at",
            f"{schedule.starts_at.isoformat()} is skipped by the clock of {schedule.timezone}, "
            "and gap is 'skip'; choose another time, or gap 'after' or 'before'",
        )


def _never() -> RecurrenceError:
    return RecurrenceError(
        "recurrence",
        "can never occur, or too rarely to be found: its days and times do not meet; "
        "change the interval, the days, the times or the end",
    )
