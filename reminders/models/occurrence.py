"""Occurrences: the due instants of reminders, their status, and the references of deliveries."""

from typing import Any, Self

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import BigIntegerField, Case, CharField, Func, Q, Value, When
from django.db.models.functions import Cast, Concat, Length
from django.db.models.lookups import Exact, Range

from accounts.models import SYSTEM_USER_ID
from reminders.models.fields import LeadField, no_lead

# The reason of a skipped occurrence. The actor and the time are in its `responses`.
SKIPPED = "Skipped before it was due."
# The prefix of a delivery's reference to its occurrence.
REFERENCE = "occurrence:"
# Numbers of at most this many digits fit into a bigint.
MAX_DIGITS = 18
# The occurrence in a delivery's reference, NULL if that is no number. It checks length and digits:
# a regular expression would take half of the time of the whole ledger.
NUMBER = Func("reference", Value(":"), Value(2), function="split_part", output_field=CharField())
ITS_OCCURRENCE = Case(
    When(
        Exact(Func(NUMBER, Value("0123456789"), function="rtrim", output_field=CharField()), "")
        & Range(Length(NUMBER), (1, MAX_DIGITS)),
        then=Cast(NUMBER, BigIntegerField()),
    )
)


class OccurrenceQuerySet(models.QuerySet["Occurrence"]):
    def exclude_system(self) -> Self:
        """All but those of the canary."""
        return self.exclude(reminder=SYSTEM_USER_ID)

    def owned_by(self, user: Any) -> Self:
        return self.filter(reminder__owner=user, reminder__deleted_at=None)

    def unanswered(self) -> Self:
        return self.filter(status__in=[Occurrence.Status.PENDING, Occurrence.Status.SNOOZED])

    def followed(self) -> Self:
        """Occurrences that may have follow-up messages."""
        return self.filter(Q(nags__gt=0) | Q(snoozes__gt=0) | Q(escalated_at__isnull=False))

    def stop_follow_ups(self) -> int:
        return self.filter(follow_up_at__isnull=False).update(follow_up_at=None)


class Occurrence(models.Model):
    """One due instant of one reminder, at one lead, recorded once."""

    class Status(models.TextChoices):
        PENDING = "pending"  # fired, and waits for an answer
        ACKNOWLEDGED = "acknowledged"  # fired, and the recipient has acknowledged it
        SNOOZED = "snoozed"  # fired, and will be sent again at `speaks_again_at`
        SKIPPED = "skipped"  # not fired: the owner or staff skipped it
        MISSED = "missed"  # not fired, for the reason in `reason`

    # Without a foreign key in the database: its check would take a fifth of the time of firing.
    reminder = models.ForeignKey(
        "reminders.Reminder",
        models.PROTECT,
        related_name="occurrences",
        db_constraint=False,
        db_index=False,
    )
    due_at = models.DateTimeField()
    lead = LeadField(default=no_lead)
    status = models.CharField(max_length=16, choices=Status)
    reason = models.TextField(blank=True)
    recorded_at = models.DateTimeField()
    # When the tick looks at it next: for a nag, the escalation or the end of a snooze.
    follow_up_at = models.DateTimeField(null=True, editable=False)
    # The end of the last snooze. Nags and the escalation count from there.
    speaks_again_at = models.DateTimeField(null=True, editable=False)
    snoozes = models.IntegerField(default=0, db_default=0, editable=False)
    # Nags since then.
    nags = models.SmallIntegerField(default=0, db_default=0, editable=False)
    escalated_at = models.DateTimeField(null=True, editable=False)

    objects = OccurrenceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["reminder", "due_at", "lead"], name="reminders_occurrence_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "acknowledged", "snoozed"], reason="")
                | (Q(status__in=["missed", "skipped"]) & ~Q(reason="")),
                name="reminders_occurrence_missed_has_reason",
            ),
            models.CheckConstraint(
                condition=Q(follow_up_at=None) | Q(status__in=["pending", "snoozed"]),
                name="reminders_occurrence_answered_is_quiet",
            ),
        ]
        indexes = [
            # The ledger and prune, by period. Rows are inserted in the order of time, which suits a
            # BRIN index.
            BrinIndex(fields=["recorded_at"], name="reminders_occurrence_period"),
            # follow_ups.CLAIM: due follow-ups, oldest first. Nearly all rows have none.
            models.Index(
                fields=["follow_up_at"],
                condition=Q(follow_up_at__isnull=False),
                name="reminders_occurrence_follow_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reminder_id} due {self.due_at:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def is_followed(self) -> bool:
        """Whether it may have follow-up messages."""
        return bool(self.nags or self.snoozes or self.escalated_at)

    @property
    def reference(self) -> str:
        """The reference of its first deliveries."""
        return reference(self.pk)


def reference(occurrence_id: int) -> str:
    return f"{REFERENCE}{occurrence_id}"


def occurrence_id(reference: str) -> int | None:
    """Return the id of the occurrence in a delivery's reference; None for other causes."""
    prefix, _, suffix = reference.partition(":")
    number = suffix.partition(":")[0]
    is_one = f"{prefix}:" == REFERENCE and number.isascii() and number.isdigit()
    return int(number) if is_one and len(number) <= MAX_DIGITS else None


def reference_of(pk: Any) -> Concat:
    """As `reference`, for a query."""
    return Concat(Value(REFERENCE), pk, output_field=models.CharField())
