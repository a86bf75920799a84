"""Plan anew after an update of the tz rules: wall times stay, instants follow.

Only what has not fired moves, and only its instant: the wall time kept with each plan says which
occurrence comes next, so that none fires twice on the wall clock and none is left out. A reminder
that is due belongs to the tick, before and after.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from reminders.engine import firing
from reminders.models import Change, Reminder
from reminders.models.change import change
from reminders.models.reminder import Unreadable
from reminders.recurrence import Fire, local_time
from reminders.schedule.misfire import Plan
from reminders.schedule.wall_times import find
from reminders.schedule.wall_times import planned as planned_fire

# Rows read at a time, and locked at a time: well under a second of work.
BATCH = 500


@dataclass(frozen=True, slots=True)
class Move:
    """A reminder whose next fire changes: `old` and `new` in UTC; `new` is None when none is left.

    When both are the same, the reminder had been set aside and is tried again at once.
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
        """The wall time of the new due instant."""
        return local_time(self.new.due_at, self.timezone) if self.new else None


@dataclass(slots=True)
class Batch:
    """What was found among `looked` reminders."""

    looked: int = 0
    moves: list[Move] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    last_id: int = 0


def count(now: datetime) -> int:
    """Return how many reminders `look` would go through."""
    return _waiting(now).count()


def look(now: datetime, after_id: int = 0, limit: int = BATCH) -> Batch:
    """Return what would change among the next `limit` reminders by id; changes nothing.

    `looked` is 0 when there are no more.
    """
    found, _ = _look_at(_waiting(now).filter(pk__gt=after_id).order_by("pk")[:limit], now)
    return found


@transaction.atomic
def apply(ids: Sequence[int], now: datetime) -> Batch:
    """Plan these reminders anew, locked in one short transaction; return what did change.

    What has become due, was edited or fired since it was looked at is planned as it now stands, or
    left to the tick. The tick passes over locked rows, and takes them a moment later.
    """
    rows = _waiting(now).filter(pk__in=ids).order_by("pk")
    found, planned = _look_at(rows.select_for_update(of=("self",), no_key=True), now)
    if planned:
        Change.objects.bulk_create(
            change(row, Change.Verb.REPLANNED, now, str(move))
            for (row, _, _), move in zip(planned, found.moves, strict=True)
        )
        missed = {row.pk: row.missed_count for row, _, _ in planned}
        firing.advance(planned, missed, {row.pk: row.count for row, _, _ in planned})
    return found


def batches(ids: Sequence[int], size: int = BATCH) -> Iterator[Sequence[int]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))


def _waiting(now: datetime) -> Any:
    """Those with a plan whose turn has not come. Set aside are among them: they wait as well."""
    return (
        Reminder.objects.exclude_system()
        .filter(status=Reminder.Status.ACTIVE, next_fire_at__gt=now)
        .select_related("owner")
        .defer("body")
    )


def _look_at(rows: Any, now: datetime) -> tuple[Batch, list[firing.Planned]]:
    """Return what changes, and the rows with their new plan, ready to be written."""
    batch, planned = Batch(), []
    for row in rows:
        batch.looked += 1
        batch.last_id = row.pk
        who = (row.pk, row.title, row.owner.username, row.timezone)
        try:
            old, new, walls = _replan(row, now)
        except Exception as error:
            batch.unreadable.append(Unreadable.of(row, error))
            continue
        if new != old or row.error:
            batch.moves.append(Move(*who, old, new))
            planned.append(firing.Planned(row, Plan(next=new), walls))
    return batch, planned


def _replan(row: Reminder, now: datetime) -> tuple[Fire, Fire | None, Any]:
    """Return the plan as it stands, as it is by the rules of today, and the wall times of that."""
    schedule = row.schedule
    old = planned_fire(schedule, row)
    if old.fire_at <= now:
        # Set aside when it was due: what it fires and when it is next due is for the tick to say.
        firing.plan_of(row, now)
        return old, old, row.next_walls
    new, kept = find(schedule, old, row.next_walls, now)
    return old, new, kept or None
