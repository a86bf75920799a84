"""Facts about one reminder that an explanation rests on: its past, its pauses, its backlogs."""

from collections.abc import Callable
from datetime import datetime
from functools import cache, cached_property
from typing import Any

from django.db.models import F

from accounts.models import Pause
from accounts.timezones import format_instant
from notifications.explain.delivery import Step
from reminders.explain.moment import SECOND
from reminders.models import Backlog, Change, Occurrence, Reminder
from reminders.models import change as history
from reminders.recurrence import Fire, RecurrenceError, Schedule
from reminders.schedule.message import format_lead

# An occurrence that waited in an older backlog is explained without it.
BACKLOGS = 20


def readable(reminder: Reminder) -> Schedule | None:
    try:
        return reminder.schedule
    except RecurrenceError:
        return None


def expects(reminder: Reminder, fire: Fire) -> bool:
    """Return whether a fire is one by the schedule of a reminder."""
    schedule = readable(reminder)
    if schedule is None or fire.lead not in schedule.leads:
        return False
    return schedule.after(fire.due_at - SECOND) == fire.due_at


class Evidence:
    """Facts about one reminder, for one question at `now`."""

    def __init__(self, reminder: Reminder, now: datetime) -> None:
        self.reminder = reminder
        self.now = now
        # The reminder as it stood at a moment, read once for each.
        self._reminder_at: Callable[[datetime], Any] = cache(lambda at: history.as_of(reminder, at))
        schedule = readable(reminder)
        # A reminder that cannot be read has to be explained as well.
        self.timezone = schedule.timezone if schedule else "UTC"
        self.gap = schedule.gap if schedule else "after"

    def _fire_of(self, occurrence: Occurrence) -> Fire:
        """Return when an occurrence was to fire, by the schedule that was in force then."""
        due_at, lead = occurrence.due_at, occurrence.lead
        about = due_at - lead.nominal
        schedule = readable(self._reminder_at(about)) if lead.days else None
        return schedule.fire(due_at, lead) if schedule else Fire(about, due_at, lead)

    def _due_step(self, fire: Fire, occurrence: Occurrence | None = None) -> Step:
        past = self._reminder_at(fire.fire_at)
        schedule = readable(past)
        if schedule is not None and expects(past, fire):
            change = schedule.clock_change(fire.due_at)
            text = f"due; {change.text}" if change else "due"
            text += f"; it speaks {format_lead(fire.lead)} before" if fire.lead else ""
        elif occurrence is None:
            is_planned = fire == self.reminder.planned
            text = "due as planned" if is_planned else "due by a schedule not in force then"
        elif occurrence.recorded_at == fire.due_at:
            return Step("triggered", 1, "fired by hand, beside the schedule", fire.due_at)
        else:
            text = "due by the schedule as it was planned that day"
        return Step("due", 1, text, fire.due_at)

    def _delay_text(self, fire: Fire, occurrence: Occurrence) -> str:
        """Say what kept a tick from recording an occurrence for long."""
        if backlog := self._backlog_around(fire, occurrence.recorded_at):
            opened = f"{backlog.opened_at:%Y-%m-%d %H:%M:%S} UTC"
            decided = f"{backlog.decided_at:%Y-%m-%d %H:%M:%S} UTC"
            return (
                "nothing was dispatched when it was due, and from then on it waited for its turn "
                f"in {backlog}, open since {opened}: {backlog.decision}, decided by "
                f"{backlog.decider} at {decided}"
            )
        if change := self._change_that_set_aside(occurrence):
            return f"it was set aside until then: {change.detail}"
        return "nothing was dispatched when it was due: no tick ran, or it had a backlog"

    def _change_that_set_aside(self, occurrence: Occurrence) -> Change | None:
        """Return the change that kept an occurrence from being recorded earlier, if one did."""
        change = self.reminder.changes.filter(
            verb=Change.Verb.SET_ASIDE, at__lt=occurrence.recorded_at
        ).last()
        if change is None:
            return None
        # An edit or a pause that ends it records what was planned, as does the tick that succeeds.
        since = self.reminder.occurrences.filter(
            recorded_at__gt=change.at, recorded_at__lt=occurrence.recorded_at
        ).exclude(recorded_at=F("due_at"))
        return None if since.exists() else change

    @cached_property
    def _backlogs(self) -> list[Backlog]:
        """The last ones, the newest first."""
        return list(Backlog.objects.select_related("decided_by")[:BACKLOGS])

    def _backlog_around(self, fire: Fire, at: datetime) -> Backlog | None:
        """Return the backlog in which a fire waited for its turn at a moment, if in one."""
        for backlog in self._backlogs:
            is_open = backlog.opened_at <= at <= (backlog.ended_at or at)
            if is_open and fire.fire_at <= backlog.due_before:
                return backlog
        return None

    def _own_pause_text(self, at: datetime) -> str:
        changes = self.reminder.changes
        began = changes.filter(verb=Change.Verb.PAUSED, at__lt=at).last()
        ended = changes.filter(verb=Change.Verb.RESUMED, at__gte=at).first()
        since = f" since {self._format(began.at)}" if began else ""
        end = ended.at if ended else self.reminder.paused_until
        return f"{since}, until {self._format(end)}" if end else since

    def _pause_step(self, pause: Pause) -> Step:
        data = {"id": pause.pk, "scope": pause.scope, "tag": pause.tag}
        return Step("paused", 3, pause.sentence(self.timezone), pause.created_at, data)

    def _name_of(self, fire: Fire) -> str:
        name = self._format(fire.due_at)
        return f"{name}, {format_lead(fire.lead)} before" if fire.lead else name

    def _format(self, at: datetime) -> str:
        return format_instant(at, self.timezone)
