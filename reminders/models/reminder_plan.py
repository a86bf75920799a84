"""The next fire of a reminder: read it, compute it, and find what is due."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from reminders.models.plan import Plan
from reminders.recurrence import ON_TIME, Fire, Lead, RecurrenceError, Schedule
from reminders.schedule.imported_state import ImportedState
from reminders.schedule.misfire import due_until
from reminders.schedule.numbering import Count
from reminders.schedule.wall_times import ResumedSchedule, due_wall_times, planned_fire
from reminders.schedule.words import schedule_words

# A week of a rule by the minute. Older occurrences that were missed at once are not recorded.
MAX_MISSED_AT_ONCE = 10_000


class ReminderPlan(models.Model):
    """The part of `Reminder` that reads and sets its plan.

    The columns of the plan are attributes of the reminder, too; `Reminder.save` stores both rows.
    """

    Status = Plan.Status

    status = Plan.column("status")
    paused_until = Plan.column("paused_until")
    next_fire_at = Plan.column("next_fire_at")
    next_due_at = Plan.column("next_due_at")
    next_lead = Plan.column("next_lead")
    next_walls = Plan.column("next_walls")
    missed_count = Plan.column("missed_count")
    fired_count = Plan.column("fired_count")
    fired_due_at = Plan.column("fired_due_at")
    error = Plan.column("error")

    class Meta:
        abstract = True

    @property
    def schedule(self) -> Schedule:
        return Schedule.of(self)

    @property
    def planned(self: Any) -> Fire | None:
        """The next fire; None if the reminder is paused or finished."""
        if self.next_due_at is None:
            return None
        try:
            return planned_fire(self.schedule, self)
        except RecurrenceError:
            return self.fire_of(self.next_due_at, self.next_lead)

    def fire_of(self: Any, due_at: datetime, lead: Lead) -> Fire:
        """Return the fire of a lead; by days of 24 hours if the schedule cannot be read."""
        try:
            return self.schedule.fire(due_at, lead)
        except RecurrenceError:
            return Fire(due_at - lead.nominal, due_at, lead)

    def fires_of(self, due_at: datetime) -> list[Fire]:
        """Return the fires of one due instant, the shortest lead first."""
        schedule = self.schedule
        return [schedule.fire(due_at, lead) for lead in schedule.leads]

    @property
    def count(self: Any) -> Count:
        return Count(self.fired_count, self.fired_due_at)

    @property
    def schedule_text(self) -> str:
        """The schedule as English text, or the error of a schedule that cannot be read."""
        return schedule_words(**Schedule.fields_of(self))

    def plan_after(self: Any, now: datetime) -> None:
        """Set the next fire strictly after `now`; a reminder without one is finished."""
        schedule = self.schedule
        fire = schedule.next_fire(now)
        self.set_next(fire)
        self.next_walls = due_wall_times(schedule, fire) if fire else None

    def plan_or_refuse(self: Any, now: datetime) -> None:
        """Plan, or raise ValidationError if the schedule has no occurrence after `now`."""
        self.plan_after(now)
        if self.status == self.Status.FINISHED:
            field = "recurrence" if self.recurrence else "starts_at"
            raise ValidationError({field: "This has no occurrence in the future."})

    def set_next(self: Any, fire: Fire | None) -> None:
        """Set the next fire, and the status active; finished without a fire."""
        self.status = self.Status.ACTIVE if fire else self.Status.FINISHED
        self.next_fire_at = fire.fire_at if fire else None
        self.next_due_at = fire.due_at if fire else None
        self.next_lead = fire.lead if fire else ON_TIME
        self.next_walls = None
        self.paused_until = None
        self.error = ""

    def _apply_imported_state(self: Any, state: ImportedState, now: datetime) -> None:
        self.fired_count, self.fired_due_at = state.fired
        is_over = state.paused_until is not None and state.paused_until <= now
        if state.status == self.Status.ACTIVE or is_over:
            self.plan_after(now)
        else:
            self.set_next(None)
            self.status = self.Status(state.status)
            self.paused_until = state.paused_until

    def fires_due(self: Any, now: datetime) -> list[Fire]:
        """Return the next fire and those after it that are due."""
        # Not by next_fire_at: that lies ahead while the tick has set the reminder aside.
        first = self.planned
        if first is None or first.fire_at > now:
            return []
        try:
            resumed = ResumedSchedule(self.schedule, first, self.next_walls)
            return due_until(resumed, first, now, MAX_MISSED_AT_ONCE)[0]
        except RecurrenceError:
            return [first]
