"""What becomes of a backlog by each decision: counted, and worked out on a sample of it.

It reads only. Both the admin's page and the command tell this.
"""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import BigIntegerField, Func, Value
from django.db.models.functions import Abs, Mod

from reminders.engine.firing import plan_of
from reminders.models import Backlog, Reminder
from reminders.models.backlog import LATE
from reminders.recurrence import Fire, RecurrenceError
from reminders.schedule.message import span

# More are not counted, and told as "more than".
COUNTED = 1_000_000
# Of more than so many a sample is looked at, and for no longer than this, in seconds.
SAMPLE = 2_000
WITHIN = 3.0

# What each decision means, to whoever is to choose.
SAYS: dict[str, str] = {
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
class Outcome:
    """What a decision comes to: messages to channels, and what is recorded as missed.

    `seconds` is how long it takes at the rate; None where no rate holds it up.
    """

    decision: str
    messages: int
    missed: int
    seconds: float | None

    @property
    def text(self) -> str:
        return SAYS[self.decision]

    @property
    def duration(self) -> str:
        if self.seconds is None:
            return "as fast as they can"
        return f"at least {span(timedelta(seconds=max(1, round(self.seconds))))}"


@dataclass(frozen=True, slots=True)
class Outlook:
    """How a backlog stands at a moment, and what each decision would do.

    `backlog` is None while none is open: then it is about what is late now. `overdue` has at most
    COUNTED; `looked_at` of them are what the figures come from, scaled where that is not all.
    """

    backlog: Backlog | None
    due_before: datetime
    rate: int
    overdue: int
    oldest_due_at: datetime | None
    by_misfire: dict[str, int]
    looked_at: int
    unreadable: int
    outcomes: tuple[Outcome, ...]

    @property
    def count(self) -> str:
        """How many are overdue, in words."""
        return f"more than {COUNTED:,}" if self.overdue > COUNTED else f"{self.overdue:,}"

    @property
    def basis(self) -> str:
        """What the figures come from, in words."""
        if self.is_exact:
            return "Counted exactly."
        return f"About, from a sample of {self.looked_at:,}."

    @property
    def is_exact(self) -> bool:
        return self.looked_at == self.overdue

    @property
    def left_seconds(self) -> float | None:
        """How long it takes yet by the decision in force; None where nothing holds it up."""
        rate = self.backlog.rate if self.backlog and self.backlog.is_paced else 0
        return self.overdue / rate if rate else None


def look(now: datetime, rate: int | None = None) -> Outlook:
    """Look at the open backlog, or at what is late; `rate` instead of the one it has."""
    backlog = Backlog.objects.open().select_related("decided_by").first()
    due_before = backlog.due_before if backlog else now - LATE
    late = Reminder.objects.due(due_before).exclude_system()
    overdue = late.order_by("next_fire_at")[: COUNTED + 1].count()
    oldest = late.order_by("next_fire_at").values_list("next_fire_at", flat=True).first()
    if rate is None:
        rate = backlog.rate if backlog else settings.FOAM_BACKLOG_RATE
    tried = _try(late, overdue, due_before, now)
    scale = overdue / tried.looked_at if tried.looked_at else 0
    seconds = overdue / rate if rate else None
    return Outlook(
        backlog=backlog,
        due_before=due_before,
        rate=rate,
        overdue=overdue,
        oldest_due_at=oldest,
        by_misfire={name: round(count * scale) for name, count in sorted(tried.misfires.items())},
        looked_at=tried.looked_at,
        unreadable=round(tried.unreadable * scale),
        outcomes=tuple(
            Outcome(
                decision,
                round(tried.messages[decision] * scale),
                round(tried.missed[decision] * scale),
                None if decision == DROP else seconds,
            )
            for decision in (RELEASE, COALESCE, DROP)
        ),
    )


class _Tried:
    """Sums over the reminders that were looked at."""

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
            fires, missed = _by_its_policy(reminder, now)
        except (RecurrenceError, ValueError, OverflowError):
            self.unreadable += 1
            return
        newest = [fire for fire in fires if fire.fire_at == fires[-1].fire_at]
        self.messages[RELEASE] += channels * len(fires)
        self.missed[RELEASE] += len(missed)
        self.messages[COALESCE] += channels * len(newest)
        self.missed[COALESCE] += len(missed) + len(fires) - len(newest)
        self.missed[DROP] += sum(fire.fire_at <= due_before for fire in (*fires, *missed))


def _try(late, overdue: int, due_before: datetime, now: datetime) -> _Tried:  # type: ignore[no-untyped-def]
    """Plan all of them, or some that are taken evenly, until time is up."""
    if overdue > SAMPLE:
        mixed = Abs(
            Func("pk", Value(0), function="hashint8extended", output_field=BigIntegerField())
        )
        late = late.alias(mixed=Mod(mixed, -(-overdue // SAMPLE))).filter(mixed=0)
    chosen = list(late[: 2 * SAMPLE])
    of_channels = Reminder.channels.through.objects.filter(reminder__in=[r.pk for r in chosen])
    channels = Counter(of_channels.values_list("reminder_id", flat=True))
    tried, end = _Tried(), time.monotonic() + WITHIN
    for reminder in chosen:
        if time.monotonic() >= end:
            break
        tried.add(reminder, channels[reminder.pk], due_before, now)
    return tried


def _by_its_policy(reminder: Reminder, now: datetime) -> tuple[list[Fire], list[Fire]]:
    """Return what a reminder would fire and miss by now; `reminder` is planned on, in memory."""
    fires: list[Fire] = []
    missed: list[Fire] = []
    is_due = True
    while is_due:
        _, plan, walls = plan_of(reminder, now)
        fires += plan.fires
        missed += [fire for fire, _ in plan.missed]
        if is_due := plan.next is not None and plan.next.fire_at <= now:
            assert plan.next is not None
            reminder.next_due_at, reminder.next_lead = plan.next.due_at, plan.next.lead
            reminder.next_fire_at = plan.next.fire_at
            reminder.next_walls = list(walls) if walls is not None else None
    return fires, missed
