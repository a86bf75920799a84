"""The ledger: what was due, what became of it, and whether that adds up, down to each attempt.

It reads only; within `snapshot` no batch is committed between two of its queries. What FOAM sends
itself, by reminder 0, is counted nowhere.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import (
    Case,
    Count,
    DateTimeField,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Left

from notifications.models import Delivery
from notifications.operations import ledger as deliveries
from notifications.operations.ledger import REASON, Deliveries, Imbalance, Period, find_imbalance
from reminders.engine.tick import SET_ASIDE
from reminders.models import Occurrence, Reminder, Tally
from reminders.models.occurrence import ITS_OCCURRENCE, REFERENCE, reference_of

# Whatever was answered later has fired.
NOT_FIRED = ("skipped", "missed")
WHAT_BECAME = Case(When(status__in=NOT_FIRED, then=F("status")), default=Value("fired"))


@dataclass(frozen=True, slots=True)
class Occurrences:
    """What became of what was due; `pruned` of these are no longer there.

    `overdue` has not fired yet, and is no part of `due`: it is late, not lost.
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
    """Return what was recorded in `period`, what became of it, and what does not add up.

    The tally, and the sums of what was pruned, are kept by day and for all owners together. So a
    day of which `period` has a part counts its pruned rows whole, and for one `owner` only the
    rows that are still there are counted and checked.
    """
    deliveries.look_up(period)
    rows = deliveries.by_day(counted(owner), period, "recorded_at", WHAT_BECAME, REASON)
    tally = [] if owner else deliveries.tallied(Tally, period)
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
    """The occurrences that the ledger counts."""
    occurrences = Occurrence.objects.exclude_system()
    return occurrences.filter(reminder__owner=owner) if owner else occurrences


def overdue(period: Period, now: datetime, owner: Any = None) -> QuerySet[Reminder]:
    """Return the reminders that came due in `period` or before, and have not fired by `now`.

    The tick sets those aside that it could not fire, at most `SET_ASIDE` ahead. So the index of
    what is due has all of them.
    """
    until = min(now, period.until)
    came = Value(until, DateTimeField()) + F("next_lead")
    due = Reminder.objects.exclude_system().due(now + SET_ASIDE)
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
    # Not `startswith`, which the index of references would answer with those of all times.
    caused = (
        deliveries.counted(owner)
        .alias(begins=Left("reference", len(REFERENCE)))
        .filter(period.has("created_at"), begins=REFERENCE)
        .annotate(occurrence=ITS_OCCURRENCE)
    )
    causes = Occurrence.objects.filter(pk=OuterRef("occurrence"))
    yield from find_imbalance(
        "Deliveries whose occurrence is not there.", caused.filter(~Exists(causes))
    )


@dataclass(frozen=True, slots=True)
class Owned:
    """The figures of one owner, of the rows that are still there."""

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


def by_owner(period: Period) -> list[Owned]:
    """Return the figures of each owner of whom anything was recorded in `period`, by name."""
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
    for each in [*occurrences, *deliveries.by_owner(period)]:
        figures[each["owner"]].update(each)
    return [Owned(**figures[owner]) for owner in sorted(figures)]
