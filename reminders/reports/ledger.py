"""The ledger: counts all occurrences, deliveries and attempts, and checks that the sums match.

Only reads. Within `snapshot` all its queries see the same committed batches. The canary is not
counted.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import (
    Case,
    CharField,
    Count,
    DateTimeField,
    Exists,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Left
from django.db.models.lookups import Exact

from notifications.models import Delivery
from notifications.operations import ledger as deliveries
from notifications.operations.ledger import REASON, Deliveries, Imbalance, Period, find_imbalance
from reminders.engine.tick import SET_ASIDE
from reminders.models import Occurrence, OccurrenceTally, Plan, Reminder
from reminders.models.occurrence import ITS_OCCURRENCE, REFERENCE, reference_of

# All other statuses have fired: a response does not change that.
NOT_FIRED = ("skipped", "missed")
RESULT = Case(When(status__in=NOT_FIRED, then=F("status")), default=Value("fired"))
# What follows the occurrence in a delivery's reference; empty for the first message.
FOLLOW_UP = Func("reference", Value(":"), Value(3), function="split_part", output_field=CharField())


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Numbers of occurrences by their result; the rows of `pruned` ones are deleted.

    `overdue` reminders have not fired yet and are no part of `due`: they are late, not lost.
    """

    fired: int
    skipped: dict[str, int]
    missed: dict[str, int]
    overdue: int
    pruned: int

    @property
    def due(self) -> int:
        return self.fired + sum(self.skipped.values()) + sum(self.missed.values())


@dataclass(frozen=True, slots=True)
class Ledger:
    occurrences: Occurrences
    deliveries: Deliveries
    imbalances: tuple[Imbalance, ...]

    @property
    def balances(self) -> bool:
        return not self.imbalances


def read(period: Period, now: datetime, owner: Any = None) -> Ledger:
    """Return the ledger of the occurrences recorded in `period`.

    1. Count occurrences by result, pruned ones included.
    2. Compare the counts with the tally of the triggers.
    3. Count deliveries and attempts.
    4. Look for rows that have lost their counterpart.

    Tallies and pruned sums are by day and for all owners. So a day at the edge of `period` counts
    its pruned rows as a whole. For one `owner` only the rows that still exist are counted.
    """
    deliveries.look_up(period)
    rows = deliveries.by_day(counted(owner), period, "recorded_at", RESULT, REASON)
    tally = [] if owner else deliveries.tallied(OccurrenceTally, period)
    sums = deliveries.sums_of(rows, tally)
    occurrences = Occurrences(
        fired=sums["fired"].total(),
        skipped=dict(+sums["skipped"]),
        missed=dict(+sums["missed"]),
        overdue=overdue(period, now, owner).count(),
        pruned=sum(pruned for *_, pruned in tally),
    )
    missing = [] if owner else deliveries.untallied(rows, tally, "occurrences were recorded")
    posted, wrong = deliveries.read(period, owner)
    return Ledger(occurrences, posted, (*missing, *_wrong(period, owner), *wrong))


def counted(owner: Any = None) -> QuerySet[Occurrence]:
    """Return the occurrences that the ledger counts."""
    occurrences = Occurrence.objects.exclude_system()
    return occurrences.filter(reminder__owner=owner) if owner else occurrences


def overdue(period: Period, now: datetime, owner: Any = None) -> QuerySet[Plan]:
    """Return the plans that were due in `period` or before, and have not fired by `now`.

    The tick sets failing reminders aside by at most `SET_ASIDE`, so the index of due reminders
    contains all of them up to then.
    """
    until = min(now, period.until)
    came = Value(until, DateTimeField()) + F("next_lead")
    due = Plan.objects.exclude_system().due(now + SET_ASIDE)
    due = due.filter(Q(next_fire_at__lte=until) | Q(error__gt="", next_due_at__lte=came))
    return due.filter(owner=owner) if owner else due


def _wrong(period: Period, owner: Any) -> Iterator[Imbalance]:
    recorded = counted(owner).filter(period.has("recorded_at"))
    fired = recorded.exclude(status__in=NOT_FIRED)
    reminders = Reminder.objects.filter(pk=OuterRef("reminder_id"))
    posted = Delivery.objects.filter(reference=reference_of(OuterRef("pk")))
    yield from find_imbalance(
        "Occurrences that fired without a delivery.", fired.filter(~Exists(posted))
    )
    yield from find_imbalance(
        "Occurrences whose reminder is not there.", recorded.filter(~Exists(reminders))
    )
    # Not `startswith`: PostgreSQL would read the references of all time from their index.
    caused = (
        deliveries.counted(owner)
        .alias(begins=Left("reference", len(REFERENCE)))
        .filter(period.has("created_at"), begins=REFERENCE)
        .annotate(occurrence=ITS_OCCURRENCE, follow_up=FOLLOW_UP)
    )
    causes = Occurrence.objects.filter(pk=OuterRef("occurrence"))
    # The due instant of a first message is its occurrence's, and tells the partition: one index is
    # searched, not those of all. A CASE, as PostgreSQL would join a plain condition its own way.
    has_cause = Case(
        When(follow_up="", then=Exists(causes.filter(due_at=OuterRef("due_at")))),
        default=Exists(causes),
    )
    yield from find_imbalance(
        "Deliveries whose occurrence is not there.", caused.filter(Exact(has_cause, False))
    )


@dataclass(frozen=True, slots=True)
class OwnerFigures:
    """The figures of one owner, from the rows that still exist."""

    owner: str
    fired: int = 0
    skipped: int = 0
    missed: int = 0
    sent: int = 0
    dead: int = 0
    cancelled: int = 0
    collected: int = 0
    pending: int = 0

    @property
    def due(self) -> int:
        return self.fired + self.skipped + self.missed

    @property
    def posted(self) -> int:
        return self.sent + self.dead + self.cancelled + self.collected + self.pending


def by_owner(period: Period) -> list[OwnerFigures]:
    """Return the figures of all owners with rows recorded in `period`, by name."""
    occurrences = (
        counted()
        .filter(period.has("recorded_at"))
        .values(owner=F("reminder__owner__username"))
        .annotate(
            missed=Count("pk", Q(status="missed")),
            skipped=Count("pk", Q(status="skipped")),
            fired=Count("pk", ~Q(status__in=NOT_FIRED)),
        )
    )
    figures: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in [*occurrences, *deliveries.by_owner(period)]:
        figures[row["owner"]].update(row)
    return [OwnerFigures(**figures[owner]) for owner in sorted(figures)]
