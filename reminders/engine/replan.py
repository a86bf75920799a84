"""Replan reminders after a tzdata update: local times stay, instants change.

Only the instants of future fires change. The local times stored with each plan say which
occurrence comes next, so that no local time fires twice or not at all. Reminders that are due are
left to the tick.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from reminders.engine import firing
from reminders.models import Change, Reminder
from reminders.models.change import new_change
from reminders.models.unreadable import UnreadableReminder
from reminders.recurrence import Fire, local_time
from reminders.schedule.misfire import FiringPlan
from reminders.schedule.wall_times import planned_fire, relocate

# Rows read, or locked, at a time: well under a second of work.
BATCH = 500


@dataclass(frozen=True, slots=True)
class Move:
    """A change of a reminder's next fire; `new` is None if there is no further one.

    If `old` and `new` are equal, the tick had set the reminder aside, and retries it at once.
    """

    reminder_id: int
    title: str
    owner: str
    timezone: str
    old: Fire
    new: Fire | None

    def __str__(self) -> str:
        if self.is_retry:
            return "set aside until now; is tried again"
        if self.new and self.new.due_at == self.old.due_at:
            old, new = self.old.fire_at, self.new.fire_at
            return f"{self.new.lead} before: {old:%Y-%m-%d %H:%M:%S} UTC -> {new:%H:%M:%S} UTC"
        to = f"{self.new.due_at:%Y-%m-%d %H:%M:%S} UTC" if self.new else "nothing left"
        return f"{self.old.due_at:%Y-%m-%d %H:%M:%S} UTC -> {to}"

    @property
    def is_retry(self) -> bool:
        return self.old == self.new

    @property
    def local(self) -> datetime | None:
        """The local time of the new due instant."""
        return local_time(self.new.due_at, self.timezone) if self.new else None


@dataclass(slots=True)
class ReplanBatch:
    """The moves and unreadable rows among `checked` reminders."""

    checked: int = 0
    moves: list[Move] = field(default_factory=list)
    unreadable: list[UnreadableReminder] = field(default_factory=list)
    last_id: int = 0


def count(now: datetime) -> int:
    """Return the number of reminders that `find_moves` would check."""
    return _with_future_plan(now).count()


def find_moves(now: datetime, after_id: int = 0, limit: int = BATCH) -> ReplanBatch:
    """Return the moves among the next `limit` reminders by id, without writing them.

    `checked` is 0 after the last reminder.
    """
    rows = _with_future_plan(now).filter(pk__gt=after_id).order_by("pk")[:limit]
    batch, _ = _replan_rows(rows, now)
    return batch


@transaction.atomic
def apply(ids: Sequence[int], now: datetime) -> ReplanBatch:
    """Replan these reminders in one short transaction that locks them; return the moves.

    Reminders that were edited or have fired since `find_moves` are planned as they now stand; those
    that have become due are left to the tick. The tick skips locked rows and fires them later.
    """
    rows = _with_future_plan(now).filter(pk__in=ids).order_by("pk")
    batch, planned = _replan_rows(rows.locked(), now)
    if planned:
        Change.objects.bulk_create(
            new_change(row, Change.Verb.REPLANNED, now, str(move))
            for (row, _, _), move in zip(planned, batch.moves, strict=True)
        )
        missed = {row.pk: row.missed_count for row, _, _ in planned}
        firing.advance(planned, missed, {row.pk: row.count for row, _, _ in planned})
    return batch


def batches(ids: Sequence[int], size: int = BATCH) -> Iterator[Sequence[int]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))


def _with_future_plan(now: datetime) -> Any:
    """Active reminders whose next firing is in the future, those set aside included."""
    return (
        Reminder.objects.exclude_system()
        .filter(plan__status=Reminder.Status.ACTIVE, plan__next_fire_at__gt=now)
        .select_related("owner")
        .defer("body")
    )


def _replan_rows(rows: Any, now: datetime) -> tuple[ReplanBatch, list[firing.PlannedReminder]]:
    """Return the moves among these rows, and the moved rows with their plans for `advance`."""
    batch, planned = ReplanBatch(), []
    for row in rows:
        batch.checked += 1
        batch.last_id = row.pk
        columns = (row.pk, row.title, row.owner.username, row.timezone)
        try:
            old, new, wall_times = _replan(row, now)
        except Exception as error:
            batch.unreadable.append(UnreadableReminder.of(row, error))
            continue
        if new != old or row.error:
            batch.moves.append(Move(*columns, old, new))
            planned.append(firing.PlannedReminder(row, FiringPlan(next=new), wall_times))
    return batch, planned


def _replan(row: Reminder, now: datetime) -> tuple[Fire, Fire | None, Any]:
    """Return the stored fire, the fire by today's tz rules, and the local times of the latter."""
    schedule = row.schedule
    old = planned_fire(schedule, row)
    if old.fire_at <= now:
        # The tick has set it aside while it was due. It raises here if it still cannot be planned.
        firing.plan_of(row, now)
        return old, old, row.next_walls
    new, wall_times = relocate(schedule, old, row.next_walls, now)
    return old, new, wall_times or None
