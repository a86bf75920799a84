"""Forecast of a backlog: what each decision would send and miss, worked out on a sample.

Only reads. For the admin's page and the command.
"""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import BigIntegerField, Func, QuerySet, Value
from django.db.models.functions import Mod

from reminders.engine.firing import plan_of
from reminders.models import Backlog, Plan, Reminder
from reminders.models.backlog import LATE
from reminders.recurrence import Fire, RecurrenceError
from reminders.schedule.message import format_duration

# Counting stops here: a larger backlog is shown as "more than".
MAX_COUNT = 1_000_000
# Of a larger backlog this many reminders are planned, for at most MAX_SECONDS.
SAMPLE = 2_000
MAX_SECONDS = 3.0

# The meaning of each decision, for the page on which staff decide.
DECISION_TEXTS: dict[str, str] = {
    Backlog.Decision.HOLD: "They wait until somebody decides.",
    Backlog.Decision.RELEASE: "Each says what its own misfire policy has for it.",
    Backlog.Decision.COALESCE: "Each says one message, the newest that its policy has for it; "
    "older ones are recorded as missed.",
    Backlog.Decision.DROP: "None says anything; all are recorded as missed, and go on with their "
    "next.",
}
RELEASE, COALESCE, DROP = (
    Backlog.Decision.RELEASE,
    Backlog.Decision.COALESCE,
    Backlog.Decision.DROP,
)


@dataclass(frozen=True, slots=True)
class DecisionForecast:
    """Effects of a decision: messages to channels, and occurrences recorded as missed.

    `seconds` is how long the backlog takes at its rate; None without a rate.
    """

    decision: str
    messages: int
    missed: int
    seconds: float | None

    @property
    def text(self) -> str:
        return DECISION_TEXTS[self.decision]

    @property
    def duration(self) -> str:
        if self.seconds is None:
            return "as fast as they can"
        return f"at least {format_duration(timedelta(seconds=max(1, round(self.seconds))))}"


@dataclass(frozen=True, slots=True)
class BacklogForecast:
    """The state of the backlog, and what each decision would do.

    `backlog` is None while none is open: the figures are then those of the reminders that are late
    now. `overdue` is at most MAX_COUNT + 1. The figures come from `looked_at` of them, scaled if
    these are not all.
    """

    backlog: Backlog | None
    due_before: datetime
    rate: int
    overdue: int
    oldest_due_at: datetime | None
    by_misfire: dict[str, int]
    looked_at: int
    unreadable: int
    outcomes: tuple[DecisionForecast, ...]

    @property
    def count(self) -> str:
        """The number of overdue reminders as text."""
        return f"more than {MAX_COUNT:,}" if self.overdue > MAX_COUNT else f"{self.overdue:,}"

    @property
    def basis(self) -> str:
        """A sentence on how exact the figures are."""
        if self.is_exact:
            return "Counted exactly."
        return f"About, from a sample of {self.looked_at:,}."

    @property
    def is_exact(self) -> bool:
        return self.looked_at == self.overdue


def forecast(now: datetime, rate: int | None = None) -> BacklogForecast:
    """Return the forecast of the open backlog, or of what is late; at `rate`, if that is given."""
    backlog = Backlog.objects.open().select_related("decided_by").first()
    due_before = backlog.due_before if backlog else now - LATE
    late = Plan.objects.due(due_before).exclude_system()
    overdue = late.order_by("next_fire_at")[: MAX_COUNT + 1].count()
    oldest = late.order_by("next_fire_at").values_list("next_fire_at", flat=True).first()
    if rate is None:
        rate = backlog.rate if backlog else settings.FOAM_BACKLOG_RATE
    sums = _plan_sample(late, overdue, due_before, now)
    scale = overdue / sums.looked_at if sums.looked_at else 0
    seconds = overdue / rate if rate else None
    return BacklogForecast(
        backlog=backlog,
        due_before=due_before,
        rate=rate,
        overdue=overdue,
        oldest_due_at=oldest,
        by_misfire={name: round(count * scale) for name, count in sorted(sums.misfires.items())},
        looked_at=sums.looked_at,
        unreadable=round(sums.unreadable * scale),
        outcomes=tuple(
            DecisionForecast(
                decision,
                round(sums.messages[decision] * scale),
                round(sums.missed[decision] * scale),
                None if decision == DROP else seconds,
            )
            for decision in (RELEASE, COALESCE, DROP)
        ),
    )


class _SampleSums:
    """Sums over the reminders of the sample."""

    def __init__(self) -> None:
        self.looked_at = 0
        self.unreadable = 0
        self.misfires: Counter[str] = Counter()
        self.messages: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()

    def add(self, reminder: Reminder, channels: int, due_before: datetime, now: datetime) -> None:
        self.looked_at += 1
        self.misfires[reminder.misfire] += 1
        try:
            fires, missed = _plan_by_policy(reminder, now)
        except (RecurrenceError, ValueError, OverflowError):
            self.unreadable += 1
            return
        newest = [fire for fire in fires if fire.fire_at == fires[-1].fire_at]
        self.messages[RELEASE] += channels * len(fires)
        self.missed[RELEASE] += len(missed)
        self.messages[COALESCE] += channels * len(newest)
        self.missed[COALESCE] += len(missed) + len(fires) - len(newest)
        self.missed[DROP] += sum(fire.fire_at <= due_before for fire in (*fires, *missed))


def _plan_sample(
    late: QuerySet[Plan], overdue: int, due_before: datetime, now: datetime
) -> _SampleSums:
    """Plan all late reminders, or an even sample of about SAMPLE, for at most MAX_SECONDS."""
    mixed = Func("pk", Value(0), function="hashint8extended", output_field=BigIntegerField())
    sample = late.alias(remainder=Mod(mixed, -(-overdue // SAMPLE) or 1)).filter(remainder=0)
    ids = list(sample.values_list("pk", flat=True)[: 2 * SAMPLE])
    reminders = list(Reminder.objects.filter(pk__in=ids))
    of_channels = Reminder.channels.through.objects.filter(reminder__in=ids)
    channels = Counter(of_channels.values_list("reminder_id", flat=True))
    sums, end = _SampleSums(), time.monotonic() + MAX_SECONDS
    for reminder in reminders:
        if time.monotonic() >= end:
            break
        sums.add(reminder, channels[reminder.pk], due_before, now)
    return sums


def _plan_by_policy(reminder: Reminder, now: datetime) -> tuple[list[Fire], list[Fire]]:
    """Return the fires and missed fires of a reminder until `now`; changes `reminder` in memory."""
    fires: list[Fire] = []
    missed: list[Fire] = []
    is_due = True
    while is_due:
        _, plan, wall_times = plan_of(reminder, now)
        fires += plan.fires
        missed += [fire for fire, _ in plan.missed]
        if is_due := plan.next is not None and plan.next.fire_at <= now:
            assert plan.next is not None  # noqa: S101  for the type checker
            reminder.next_due_at, reminder.next_lead = plan.next.due_at, plan.next.lead
            reminder.next_fire_at = plan.next.fire_at
            reminder.next_walls = list(wall_times) if wall_times is not None else None
    return fires, missed
