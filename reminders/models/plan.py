"""The plan of a reminder: when it fires next, and what has fired. A tick writes nothing else."""

from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models import SYSTEM_USER_ID
from reminders.models.fields import LeadField, WallClockField, no_lead


class PlanQuerySet(models.QuerySet["Plan"]):
    def exclude_system(self) -> Self:
        """All but the canary's."""
        return self.exclude(pk=SYSTEM_USER_ID)

    def due(self, now: datetime) -> Self:
        """Plans to fire, however late they are: a tick that was missed loses nothing."""
        return self.filter(status=Plan.Status.ACTIVE, next_fire_at__lte=now)


class Plan(models.Model):
    """The next instant of a reminder, and its counters: one narrow row for each reminder.

    The tick writes this table alone, so that the indexes of reminders, which their lists need, cost
    a firing nothing. PostgreSQL holds the pair together: a reminder without a plan, or a
    plan with another owner, is refused.
    """

    class Status(models.TextChoices):
        ACTIVE = "active"  # has a next fire
        PAUSED = "paused"  # fires nothing until it is resumed
        FINISHED = "finished"  # has no further occurrence, or its reminder is deleted

    # The foreign key in the database is that of (owner, reminder): see sql/plan.sql.
    reminder = models.OneToOneField(
        "reminders.Reminder",
        models.CASCADE,
        primary_key=True,
        related_name="plan",
        db_constraint=False,
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    # When the tick resumes a paused reminder; null if the owner or staff have to resume it.
    paused_until = models.DateTimeField(null=True)
    # `next_due_at` less `next_lead`, or the next retry if the tick has set the reminder aside.
    next_fire_at = models.DateTimeField(null=True)
    next_due_at = models.DateTimeField(null=True)
    next_lead = LeadField(default=no_lead)
    # Local times of the next fire, which relocate it when tz rules change: see wall_times.py.
    next_walls = ArrayField(WallClockField(), null=True)
    # Occurrences missed since the last firing. The next message mentions them.
    missed_count = models.PositiveIntegerField(default=0)
    # Due instants that have fired, and the newest of them: see numbering.py.
    fired_count = models.IntegerField(default=0)
    fired_due_at = models.DateTimeField(null=True)
    # The error for which the tick set this aside; else empty.
    error = models.TextField(blank=True)

    objects = PlanQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status="active", next_fire_at__isnull=False, next_due_at__isnull=False)
                | Q(
                    status__in=["paused", "finished"],
                    next_fire_at__isnull=True,
                    next_due_at__isnull=True,
                ),
                name="reminders_plan_active_has_next",
            ),
        ]
        indexes = [
            # firing.CLAIM: due plans, oldest first. The only index that the tick reads.
            models.Index(
                fields=["next_fire_at"],
                condition=Q(status="active"),
                name="reminders_plan_due",
            ),
            # The list of an owner, soonest first.
            models.Index(fields=["owner", "next_due_at", "reminder"], name="reminders_plan_next"),
            # tick.TICK_STATE: empty most of the time.
            models.Index(
                fields=["paused_until"],
                condition=Q(status="paused", paused_until__isnull=False),
                name="reminders_plan_resume",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reminder_id} {self.status}"

    @classmethod
    def column(cls, name: str) -> Any:
        """Return a property of `Reminder` that reads and writes this column of its plan."""

        def read(reminder: Any) -> Any:
            return getattr(own_plan(reminder), name)

        def write(reminder: Any, value: Any) -> None:
            setattr(own_plan(reminder), name, value)

        return property(read, write)


def own_plan(reminder: Any) -> Plan:
    """Return the plan of a reminder; that of a new reminder is made here."""
    if reminder._state.adding and not type(reminder).plan.is_cached(reminder):
        reminder.plan = Plan()
    plan: Plan = reminder.plan
    return plan
