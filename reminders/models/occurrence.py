"""Each time that something was due, what became of it, and what deliveries call it."""

from typing import Any, Self

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import BigIntegerField, Case, CharField, Func, Q, Value, When
from django.db.models.functions import Cast, Concat, Length
from django.db.models.lookups import Exact, Range

from accounts.models import SYSTEM_USER_ID
from reminders.models.fields import LeadField
from reminders.recurrence import ON_TIME, Lead

# Why what was skipped did not fire. By whom and when it was is in its `responses`.
SKIPPED = "Skipped before it was due."
# Begins what deliveries call their occurrence.
REFERENCE = "occurrence:"
# An id has at most so many, and so it fits into a bigint.
DIGITS = 18
# The occurrence that a delivery tells of, by its firing or by what followed; none where that is no
# number. By its length and its digits: a regular expression would be half of what the whole ledger
# costs.
NUMBER = Func("reference", Value(":"), Value(2), function="split_part", output_field=CharField())
ITS_OCCURRENCE = Case(
    When(
        Exact(Func(NUMBER, Value("0123456789"), function="rtrim", output_field=CharField()), "")
        & Range(Length(NUMBER), (1, DIGITS)),
        then=Cast(NUMBER, BigIntegerField()),
    )
)


def no_lead() -> Lead:
    return ON_TIME


class OccurrenceQuerySet(models.QuerySet["Occurrence"]):
    def exclude_system(self) -> Self:
        """All but the canary's."""
        return self.exclude(reminder=SYSTEM_USER_ID)

    def owned_by(self, user: Any) -> Self:
        return self.filter(reminder__owner=user, reminder__deleted_at=None)

    def unanswered(self) -> Self:
        return self.filter(status__in=[Occurrence.Status.PENDING, Occurrence.Status.SNOOZED])

    def followed(self) -> Self:
        """Those of which something more may have been said after they fired."""
        return self.filter(Q(nags__gt=0) | Q(snoozes__gt=0) | Q(escalated_at__isnull=False))

    def rest(self) -> int:
        """Say nothing more of these."""
        return self.filter(follow_up_at__isnull=False).update(follow_up_at=None)


class Occurrence(models.Model):
    """One due instant of one reminder, at one lead, recorded once."""

    class Status(models.TextChoices):
        PENDING = "pending"  # fired, and waits for an answer
        ACKNOWLEDGED = "acknowledged"  # fired, and somebody said that it is done
        SNOOZED = "snoozed"  # fired, and is to speak again at `speaks_again_at`
        SKIPPED = "skipped"  # not fired, for somebody did not want it; `reason` says so
        MISSED = "missed"  # not fired; `reason` says why

    # Without a foreign key in the database: to check it costs a fifth of what firing does.
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
    # When it is next to be looked at: to nag, to escalate or to speak after a snooze.
    follow_up_at = models.DateTimeField(null=True, editable=False)
    # When it speaks again after the last snooze, or did: from then on all counts anew.
    speaks_again_at = models.DateTimeField(null=True, editable=False)
    snoozes = models.IntegerField(default=0, db_default=0, editable=False)
    # Since it last spoke.
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
            # The ledger and prune, by period. Rows come in the order of time: this costs nothing.
            BrinIndex(fields=["recorded_at"], name="reminders_occurrence_period"),
            # follow_up.CLAIM: the due ones, oldest first. Nearly all rows are not in it.
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
        """Whether something more may have been said after it fired."""
        return bool(self.nags or self.snoozes or self.escalated_at)

    @property
    def reference(self) -> str:
        """What its deliveries call it."""
        return reference(self.pk)


def reference(occurrence_id: int) -> str:
    return f"{REFERENCE}{occurrence_id}"


def occurrence_id(reference: str) -> int | None:
    """Return the occurrence that a delivery tells of: by its firing, or by what followed."""
    prefix, _, rest = reference.partition(":")
    number = rest.partition(":")[0]
    is_one = f"{prefix}:" == REFERENCE and number.isascii() and number.isdigit()
    return int(number) if is_one and len(number) <= DIGITS else None


def reference_of(pk: Any) -> Concat:
    """The same in a query."""
    return Concat(Value(REFERENCE), pk, output_field=models.CharField())
