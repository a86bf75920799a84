"""The backlog: the reminders that are overdue after an outage, and the decision about them.

At most one is open. It contains the reminders due at or before its `due_before`. The tick fires
these by the decision and at the rate; later ones fire as always.
"""

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.audit.actor import Source
from reminders.models.response import SOURCE_CHOICES

# A reminder overdue by more than this is late; a gap of this length between two ticks is an outage.
# Must exceed the longest tick, as the heartbeat is written at its end.
LATE = timedelta(seconds=60)
# Unused rate carries over for this long at most: enough for a tick each second, and no burst after
# a gap.
BURST = timedelta(seconds=1)


class BacklogQuerySet(models.QuerySet["Backlog"]):
    def open(self) -> Self:
        return self.filter(ended_at=None)

    def locked(self, *, skip: bool = False) -> "Backlog | None":
        """Lock and return the open backlog, until the transaction ends.

        With `skip`: return None if another transaction has locked it, instead of waiting.
        """
        return self.open().select_for_update(no_key=True, skip_locked=skip).first()


class Backlog(models.Model):
    """The backlog of an outage, and its decision; `rate` is in reminders a second, or 0."""

    class Decision(models.TextChoices):
        HOLD = "hold"  # reminders wait until staff decide
        RELEASE = "release"  # each fires by its own misfire policy
        COALESCE = "coalesce"  # as released, but only the newest occurrence of each fires
        DROP = "drop"  # none fires; they are recorded as missed

    opened_at = models.DateTimeField()
    due_before = models.DateTimeField()
    decision = models.CharField(max_length=16, choices=Decision)
    rate = models.PositiveIntegerField()
    decided_at = models.DateTimeField()
    # The source of the decision; empty if FOAM has decided by its settings.
    face = models.CharField(max_length=16, choices=SOURCE_CHOICES, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    # The instant up to which the rate is used up, and the number of reminders fired or dropped.
    paced_at = models.DateTimeField()
    cleared_count = models.PositiveIntegerField("taken", default=0, db_default=0, db_column="taken")
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = BacklogQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [("decide_backlog", "Can decide what becomes of a backlog")]
        constraints = [
            # The tick reads it each second, by this index.
            models.UniqueConstraint(
                fields=["ended_at"],
                condition=Q(ended_at=None),
                nulls_distinct=False,
                name="reminders_backlog_one_open",
            ),
            models.CheckConstraint(
                condition=Q(decision__in=["hold", "release", "coalesce", "drop"]),
                name="reminders_backlog_decision_known",
            ),
            # FOAM by itself only fires reminders by their own policies, or waits.
            models.CheckConstraint(
                condition=Q(decision__in=["hold", "release"]) | ~Q(face=""),
                name="reminders_backlog_somebody_decided",
            ),
        ]

    def __str__(self) -> str:
        return f"backlog {self.pk}"

    @property
    def decider(self) -> str:
        """The source of the decision as text."""
        if not self.face:
            return "FOAM itself"
        if self.face == Source.COMMAND:
            return "a command"
        return f"{self.decided_by or 'somebody'} in the {self.face}"

    @property
    def text(self) -> str:
        """A sentence on what happens to late reminders."""
        rate = f"at most {self.rate:,} a second" if self.rate else "as fast as they can"
        return TEXTS[self.Decision(self.decision)].format(rate=rate, decider=self.decider)

    @property
    def is_paced(self) -> bool:
        """Whether its messages are limited to a rate, for the sake of the receivers."""
        return self.decision in {self.Decision.RELEASE, self.Decision.COALESCE} and self.rate > 0

    @property
    def takes_more(self) -> bool:
        """Whether reminders that become late later join it.

        Not after coalesce or drop: staff have decided about the reminders that they saw.
        """
        return self.decision in {self.Decision.HOLD, self.Decision.RELEASE}

    def share(self, now: datetime) -> tuple[int, datetime]:
        """Return how many reminders the rate allows by `now`, and the start of that period."""
        since = max(self.paced_at, now - BURST)
        return max(0, int((now - since).total_seconds() * self.rate)), since

    def spend(self, count: int, since: datetime) -> None:
        """Count `count` reminders against the rate; the caller has locked the row."""
        if self.is_paced:
            self.paced_at = since + timedelta(seconds=count / self.rate)
        self.cleared_count += count
        self.save(update_fields=["paced_at", "cleared_count"])

    def end(self, now: datetime) -> None:
        self.ended_at = now
        self.save(update_fields=["ended_at"])


TEXTS = {
    Backlog.Decision.HOLD: "Late reminders wait until somebody decides: held by {decider}.",
    Backlog.Decision.RELEASE: "Late reminders go out by their own policies, {rate}: by {decider}.",
    Backlog.Decision.COALESCE: "Late reminders say the newest alone, {rate}: decided by {decider}.",
    Backlog.Decision.DROP: "Late reminders are recorded as missed and say nothing: decided by "
    "{decider}.",
}
