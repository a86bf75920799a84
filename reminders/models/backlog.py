"""The backlog: what an outage has left overdue, and what is decided about it.

At most one is open. It holds what was due at or before its `due_before`; the tick fires what came
due later as ever, and of the backlog what the decision and the rate allow.
"""

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from reminders.models.response import Response

# What has been due for longer is late; a tick that long ago means an outage. Longer than a tick of
# a burst takes, which leaves word when it ends.
LATE = timedelta(seconds=60)
# So much of what was allowed and not used can be made up for: one that ticks each second needs no
# more, and after a pause the receivers get no burst.
BURST = timedelta(seconds=1)


class BacklogQuerySet(models.QuerySet["Backlog"]):
    def open(self) -> Self:
        return self.filter(ended_at=None)

    def locked(self, *, skip: bool = False) -> "Backlog | None":
        """Return the open one, and let nobody change it until the transaction ends.

        With `skip` none where somebody else has it, instead of waiting for them.
        """
        return self.open().select_for_update(no_key=True, skip_locked=skip).first()


class Backlog(models.Model):
    """One outage's backlog, and the decision in force; `rate` is in reminders a second, 0 any."""

    class Decision(models.TextChoices):
        HOLD = "hold"  # they wait until somebody decides
        RELEASE = "release"  # each by its own misfire policy
        COALESCE = "coalesce"  # of what a reminder would say by its policy, the newest alone
        DROP = "drop"  # none says anything; they are recorded as missed

    opened_at = models.DateTimeField()
    due_before = models.DateTimeField()
    decision = models.CharField(max_length=16, choices=Decision)
    rate = models.PositiveIntegerField()
    decided_at = models.DateTimeField()
    # Through which face; empty where nobody has decided yet and FOAM goes by its settings.
    face = models.CharField(max_length=16, choices=Response.Source, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    # Up to when the rate is used up, and how many reminders have had their turn.
    paced_at = models.DateTimeField()
    taken = models.PositiveIntegerField(default=0, db_default=0)
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
            # By itself FOAM says what its users asked for, or waits.
            models.CheckConstraint(
                condition=Q(decision__in=["hold", "release"]) | ~Q(face=""),
                name="reminders_backlog_somebody_decided",
            ),
        ]

    def __str__(self) -> str:
        return f"backlog {self.pk}"

    @property
    def who(self) -> str:
        """Who has decided, in words."""
        if not self.face:
            return "FOAM itself"
        if self.face == Response.Source.COMMAND:
            return "a command"
        return f"{self.decided_by or 'somebody'} in the {self.face}"

    @property
    def text(self) -> str:
        """Say in a sentence what becomes of what is late."""
        rate = f"at most {self.rate:,} a second" if self.rate else "as fast as they can"
        return SAYS[self.Decision(self.decision)].format(rate=rate, who=self.who)

    @property
    def is_paced(self) -> bool:
        """Whether it sends anything, so that receivers are to be spared."""
        return self.decision in {self.Decision.RELEASE, self.Decision.COALESCE} and self.rate > 0

    @property
    def takes_more(self) -> bool:
        """Whether what becomes late later belongs to it; what is not kept was seen by somebody."""
        return self.decision in {self.Decision.HOLD, self.Decision.RELEASE}

    def share(self, now: datetime) -> tuple[int, datetime]:
        """Return how many may have their turn by `now`, and since when that has been counted."""
        since = max(self.paced_at, now - BURST)
        return max(0, int((now - since).total_seconds() * self.rate)), since

    def spend(self, count: int, since: datetime) -> None:
        """Note that so many have had their turn; who calls this has the row locked."""
        if self.is_paced:
            self.paced_at = since + timedelta(seconds=count / self.rate)
        self.taken += count
        self.save(update_fields=["paced_at", "taken"])

    def end(self, now: datetime) -> None:
        self.ended_at = now
        self.save(update_fields=["ended_at"])


SAYS = {
    Backlog.Decision.HOLD: "Late reminders wait until somebody decides: held by {who}.",
    Backlog.Decision.RELEASE: "Late reminders go out by their own policies, {rate}: by {who}.",
    Backlog.Decision.COALESCE: "Late reminders say the newest alone, {rate}: decided by {who}.",
    Backlog.Decision.DROP: "Late reminders are recorded as missed and say nothing: decided by "
    "{who}.",
}
