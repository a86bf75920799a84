"""A moment that someone asks about, and what a schedule has to say of it. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from django.core.exceptions import ValidationError

from accounts.instants import OutOfRange, parse_time
from accounts.timezones import format_instant
from reminders.recurrence import Fire, Fold, Gap, Lead, Schedule, local_time, to_utc
from reminders.recurrence.wall_clock import FOREVER, instant, instant_seconds

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
# No offset and no clock change is larger.
REACH = timedelta(days=2)

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HAS_SECONDS = re.compile(r".{11}[0-9]{2}:[0-9]{2}:")
# In a URL an unquoted plus arrives as a space.
_LOST_PLUS = re.compile(r"(?<=.{15}) (?=[0-9]{2}:?[0-9]{2}$)")


@dataclass(frozen=True, slots=True)
class ExplainedTime:
    """The time to explain, both ends aware in UTC; and as the wall clock shows it, naive."""

    begin: datetime
    end: datetime
    wall: datetime
    wall_end: datetime

    def __contains__(self, at: datetime) -> bool:
        return self.begin <= at < self.end

    def name(self, timezone: str) -> str:
        """Say which moment it is, in words."""
        if self.wall_end - self.wall < DAY:
            return format_instant(self.begin, timezone)
        return f"{self.wall:%A} {self.wall.day} {self.wall:%B %Y} ({timezone})"

    def later(self, lead: Lead) -> tuple[datetime, datetime]:
        """Return within what everything is due that `lead` announces in this span."""
        reach = REACH if lead.days else timedelta(0)
        return self.begin + lead.nominal - reach, self.end + lead.nominal + reach


def read(text: str, timezone: str, gap: str) -> list[ExplainedTime]:
    """Return what `text` means: a second, a minute or a whole day, as precise as it is given.

    Without an offset it is wall-clock time in `timezone`: twice there where the clock goes back,
    and where `gap` says when it is skipped. Raises ValidationError on `at`.
    """
    text = text.strip()
    is_day = _DAY.fullmatch(text) is not None
    length = DAY if is_day else SECOND if _HAS_SECONDS.match(text) else MINUTE
    try:
        moment = parse_time(f"{text}T00:00" if is_day else _LOST_PLUS.sub("+", text))
    except OutOfRange as error:
        _refuse(str(error))
    except ValueError:
        _refuse(
            "Give a moment such as 2026-11-23T18:00 (in the time zone of the reminder), "
            "2026-11-23T18:00:00+01:00, or 2026-11-23 for the whole day."
        )
    moment = moment.replace(microsecond=0)
    if moment.tzinfo is None:
        return _on_the_wall(moment, length, timezone, gap)
    wall = local_time(moment, timezone)
    return [ExplainedTime(moment, moment + length, wall, wall + length)]


def _on_the_wall(wall: datetime, length: timedelta, timezone: str, gap: str) -> list[ExplainedTime]:
    if length == DAY:
        begin, end = (to_utc(midnight, timezone)[0] for midnight in (wall, wall + DAY))
        return [ExplainedTime(begin, end, wall, wall + DAY)]
    instants = to_utc(wall, timezone, gap, Fold.BOTH) or to_utc(wall, timezone)
    return [ExplainedTime(at, at + length, wall, wall + length) for at in sorted(instants)]


def due_in(schedule: Schedule, begin: datetime, end: datetime, limit: int) -> list[datetime]:
    """Return up to `limit` due instants in [begin, end)."""
    return [at for at in schedule.upcoming(begin - SECOND, limit) if at < end]


def fires_in(schedule: Schedule, span: ExplainedTime, limit: int) -> set[Fire]:
    """Return the fires due or announced in a span, of at most `limit` due instants."""
    fires = set()
    for due_at in due_in(schedule, span.begin, span.end, limit):
        fires |= {schedule.fire(due_at, lead) for lead in schedule.leads}
    for lead in filter(None, schedule.leads):
        fires |= announced_in(schedule, span, lead, limit)
    return fires


def announced_in(schedule: Schedule, span: ExplainedTime, lead: Lead, limit: int) -> set[Fire]:
    """Return up to `limit` fires of one lead in a span."""
    fires: set[Fire] = set()
    begin, last = instant_seconds(span.begin) - 1, FOREVER
    while len(fires) < limit:
        pair = schedule.first_of(lead, (begin, last))
        if pair is None or instant(pair[0]) >= span.end:
            break
        begin, last = pair
        fires.add(Fire(instant(pair[0]), instant(pair[1]), lead))
    return fires


def why_not(schedule: Schedule, span: ExplainedTime) -> str:
    """Say why nothing is due in a span."""
    if span.wall_end <= schedule.starts_at:
        return f"it starts only on {schedule.starts_at:%Y-%m-%d at %H:%M:%S}"
    if any(span.wall <= wall < span.wall_end for wall in schedule.exdates):
        return "this time is among those left out (exdates)"
    skipped = [
        change
        for change in schedule.clock_changes(span.begin - REACH, span.end + REACH)
        if change.due_at is None and span.wall <= change.wall < span.wall_end
    ]
    if skipped:
        return skipped[0].text
    if reason := _other_of_two(schedule, span):
        return reason
    last = schedule.before(span.begin)
    if schedule.after(span.end - SECOND) is None and last is not None:
        return f"the schedule has ended: the last was on {_local(schedule, last)}"
    return "the schedule has nothing then"


def _other_of_two(schedule: Schedule, span: ExplainedTime) -> str:
    """Say that the clock shows a time twice, and that the reminder is due at the other of both."""
    for at in to_utc(span.wall, schedule.timezone, Gap.SKIP, Fold.BOTH):
        due = due_in(schedule, at, at + (span.end - span.begin), 1)
        if due and due[0] not in span:
            change = schedule.clock_change(due[0])
            return f"{change.text}, and only that one is due" if change else ""
    return ""


def nearest(schedule: Schedule, span: ExplainedTime) -> str:
    """Say when the schedule is due before and after a span."""
    before, after = schedule.before(span.begin), schedule.after(span.end - SECOND)
    texts = [
        f"{word}: {_local(schedule, at)}"
        for word, at in (("the last before", before), ("the next after", after))
        if at is not None
    ]
    return "; ".join(texts) or "it is never due"


def _local(schedule: Schedule, at: datetime) -> str:
    return f"{local_time(at, schedule.timezone):%A %Y-%m-%d at %H:%M:%S}"


def _refuse(message: str) -> NoReturn:
    raise ValidationError({"at": message})
