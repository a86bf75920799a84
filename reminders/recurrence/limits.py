"""Limits for new schedules: refuse a schedule that parses but can never, or hardly ever, be due."""

from collections.abc import Sequence
from datetime import datetime

from .errors import RecurrenceError
from .expansion import Periodic
from .rrule import Rule
from .timeline import Timeline
from .wall_clock import FOREVER, seconds

MAX_DATES = 1_000
# The largest COUNT of a rule whose occurrences division cannot count.
MAX_COUNTED = 5_000


def check(
    timeline: Timeline,
    starts_at: datetime,
    timezone: str,
    exdates: Sequence[datetime],
    rdates: Sequence[datetime],
) -> None:
    _check_dates("exdates", exdates)
    _check_dates("rdates", rdates)
    _check_until(timeline, starts_at)
    _check_count(timeline)
    if timeline.next(-FOREVER) is None:
        _refuse_never(timeline, starts_at, timezone, rdates)
    timeline.bound()


def _check_dates(field: str, dates: Sequence[datetime]) -> None:
    if len(dates) > MAX_DATES:
        raise RecurrenceError(field, f"may hold {MAX_DATES} dates, not {len(dates)}")


def _check_until(timeline: Timeline, starts_at: datetime) -> None:
    rule = timeline.recurrence
    if not isinstance(rule, Rule) or rule.until is None:
        return
    if rule.until.tzinfo is None:
        is_before = rule.until < starts_at
    else:
        start = timeline.clock.bound(seconds(starts_at))
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
    if rule.count is not None and rule.count > MAX_COUNTED:
        raise RecurrenceError(
            "recurrence",
            f"COUNT={rule.count} must be 1 to {MAX_COUNTED} in such a rule; or use UNTIL",
        )


def _refuse_never(
    timeline: Timeline, starts_at: datetime, timezone: str, rdates: Sequence[datetime]
) -> None:
    if timeline.recurrence is not None:
        raise RecurrenceError(
            "recurrence",
            "can never occur: its days and times do not meet; "
            "change the interval, the days, the times or the end",
        )
    if not any(wall >= starts_at for wall in rdates):
        raise RecurrenceError(
            "starts_at",
            f"{starts_at.isoformat()} is skipped by the clock of {timezone}, "
            "and gap is 'skip'; choose another time, or gap 'after' or 'before'",
        )
