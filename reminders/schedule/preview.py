"""Preview of a schedule: its next occurrences and messages, without database and clock.

For the API, the command and the admin alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reminders.recurrence import ClockChange, Gap, Lead, Schedule, local_time, to_utc, zone
from reminders.schedule.message import MessageFields, first_message
from reminders.schedule.numbering import Count

DEFAULT_COUNT = 10
# Before the first occurrence of any schedule.
BEGINNING = datetime.min.replace(tzinfo=UTC)

# A local time is at most this far from its instant: no offset and no clock change is larger.
_MAX_OFFSET = timedelta(days=2)
# A rule by the minute has this many occurrences in a gap of an hour.
_MAX_SKIPPED_AT_END = 60


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """One line of a preview: an occurrence, or a local time that the clock skips.

    `due_at` is aware, in UTC; `offset` is the local time's from UTC, such as +01:00. Both are None
    for a skipped time, whose `local` is the time in the rule.
    """

    due_at: datetime | None
    local: datetime
    offset: str | None
    clock_change: ClockChange | None


@dataclass(frozen=True, slots=True)
class PreviewMessage:
    """A future message: title and body, and when it will be sent, `lead` before it is due."""

    fire_at: datetime
    lead: Lead
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A schedule as English text and in canonical form, with its next occurrences in order.

    `exhausted` is true if the schedule has no occurrence after the last of them. `messages` are
    the next messages, if the reminder has a title.
    """

    text: str
    recurrence: str
    timezone: str
    occurrences: list[PreviewLine]
    exhausted: bool
    messages: Sequence[PreviewMessage] = ()


def preview_schedule(schedule: Schedule, after: datetime, count: int) -> Preview:
    """Return up to `count` occurrences strictly after an aware instant.

    Local times that the clock skips are listed between them and do not count. Raises
    RecurrenceError if the search for the next occurrence takes too long.
    """
    instants, exhausted = next_due_instants(schedule, after, count)
    lines = [(at, 1, _occurrence_line(schedule, at)) for at in instants]
    for wall, change in _skipping_changes(schedule, after, instants, exhausted).items():
        (at,) = to_utc(wall, schedule.timezone, Gap.AFTER)
        lines.append((at, 0, PreviewLine(None, wall, None, change)))
    return Preview(
        text=schedule.text,
        recurrence=schedule.recurrence,
        timezone=schedule.timezone,
        occurrences=[line for _, _, line in sorted(lines, key=lambda row: row[:2])],
        exhausted=exhausted,
    )


def messages(reminder: MessageFields, after: datetime, count: Count) -> list[PreviewMessage]:
    """Return the next messages after an aware instant, one for each lead.

    `count` has fired before.
    """
    messages: list[PreviewMessage] = []
    schedule = reminder.schedule
    fire = schedule.next_fire(after)
    while fire is not None and len(messages) < len(schedule.leads):
        count = count.including(fire.due_at)
        text = first_message(reminder, fire, fire.fire_at, 0, count)
        messages.append(PreviewMessage(fire.fire_at, fire.lead, text.title, text.body))
        fire = schedule.next_fire(*fire.order)
    return messages


def next_due_instants(
    schedule: Schedule, after: datetime, count: int
) -> tuple[list[datetime], bool]:
    """Return up to `count` due instants after an aware instant, and whether there are no more."""
    instants = schedule.upcoming(after, count + 1)
    return instants[:count], len(instants) <= count


def _occurrence_line(schedule: Schedule, at: datetime) -> PreviewLine:
    local = local_time(at, schedule.timezone)
    offset = at.astimezone(zone(schedule.timezone)).isoformat()[19:]
    return PreviewLine(at, local, offset, schedule.clock_change(at))


def _skipping_changes(
    schedule: Schedule, after: datetime, instants: list[datetime], exhausted: bool
) -> dict[datetime, ClockChange]:
    """Return the clock changes that skip an occurrence, by its local time.

    From `after` to the last of `instants`.
    """
    if schedule.gap is not Gap.SKIP:
        return {}
    last = instants[-1] if instants else after
    begin = max(after, schedule.starts_at.replace(tzinfo=UTC) - _MAX_OFFSET)
    changes = schedule.clock_changes(begin, last)
    if exhausted:
        changes += _skipping_changes_at_end(schedule, last)
    return {change.wall: change for change in changes if change.due_at is None}


def _skipping_changes_at_end(schedule: Schedule, last: datetime) -> list[ClockChange]:
    """Return the clock changes that skip an occurrence after the last one.

    With Gap.AFTER the clock would move these occurrences, so that they can be listed.
    """
    moving = Schedule(**{**Schedule.fields_of(schedule), "gap": Gap.AFTER})
    instants = moving.upcoming(last, _MAX_SKIPPED_AT_END)
    changes = [change for change in map(moving.clock_change, instants) if change is not None]
    if not changes:
        return []
    walls = {change.wall for change in changes}
    return [change for change in schedule.clock_changes(last, instants[-1]) if change.wall in walls]
