"""Misfire policies: which of the occurrences that came due between two ticks fire. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from reminders.recurrence import Fire, Lead


class Misfire(StrEnum):
    LATEST = "latest"  # the newest one fires; the older ones are missed
    ALL = "all"  # all fire
    NONE = "none"  # occurrences later than `grace` are missed


# The maximum of fires planned for one reminder in a batch; the next batch plans later ones.
PLAN_LIMIT = 200


class Missed(StrEnum):
    """The reason that is recorded with a missed occurrence."""

    SUPERSEDED = "A later one was due before this could be sent."
    TOO_LATE = "Later than the grace that the reminder allows."
    EDITED = "The schedule was changed before this could be sent."
    PAUSED = "Paused before this could be sent."
    DELETED = "Deleted before this could be sent."
    # A colon and the backlog follow in the stored text.
    COALESCED = "Coalesced with a later one by staff"
    DROPPED = "Dropped by staff"
    SILENCED = "All of its user, or one of its tags, was paused."


SUPERSEDED = Missed.SUPERSEDED.value
TOO_LATE = Missed.TOO_LATE.value


class NextFire(Protocol):
    def next_fire(
        self, fire_at: datetime, lead: Lead | None = None, due_at: datetime | None = None
    ) -> Fire | None: ...


class FiringPlan(NamedTuple):
    """The plan for a due reminder: fires, missed fires with their reasons, and the next fire."""

    fires: Sequence[Fire] = ()
    missed: Sequence[tuple[Fire, str]] = ()
    next: Fire | None = None


def plan(
    schedule: NextFire, first: Fire, now: datetime, misfire: str, grace: timedelta
) -> FiringPlan:
    """Apply a misfire policy to `first`, which is due, and to the later fires until `now`.

    At most PLAN_LIMIT fires are planned; `next` is then still due, and the next batch plans it.
    """
    due, following = due_until(schedule, first, now)
    if misfire == Misfire.ALL:
        return FiringPlan(due, [], following)
    if misfire == Misfire.NONE:
        late = [fire for fire in due if now - fire.fire_at > grace]
        fires = due[len(late) :]
        return FiringPlan(fires, [(fire, TOO_LATE) for fire in late], following)
    if following is not None and following.fire_at <= now:
        return FiringPlan([], [(fire, SUPERSEDED) for fire in due], following)
    if len(due) == 1:
        return FiringPlan(due, [], following)
    # Fires of one instant belong to different leads and occurrences: all of them are the newest.
    older = [fire for fire in due if fire.fire_at < due[-1].fire_at]
    return FiringPlan(due[len(older) :], [(fire, SUPERSEDED) for fire in older], following)


def coalesce_plan(plan: FiringPlan, now: datetime, reason: str) -> FiringPlan:
    """Return a plan in which only the newest fire is left; older ones are missed for `reason`."""
    is_last = plan.next is None or plan.next.fire_at > now
    newest = [fire for fire in plan.fires if is_last and fire.fire_at == plan.fires[-1].fire_at]
    older = [(fire, reason) for fire in plan.fires if fire not in newest]
    return FiringPlan(newest, [*plan.missed, *older], plan.next)


def drop_plan(schedule: NextFire, first: Fire, until: datetime, reason: str) -> FiringPlan:
    """Return a plan in which `first` and all later fires until `until` are missed for `reason`."""
    due, following = due_until(schedule, first, until)
    return FiringPlan([], [(fire, reason) for fire in due], following)


def due_until(
    schedule: NextFire, first: Fire, now: datetime, limit: int = PLAN_LIMIT
) -> tuple[list[Fire], Fire | None]:
    """Return up to `limit` due fires, `first` among them, and the fire that follows them.

    Fires of one instant stay together.
    """
    due, following = [first], schedule.next_fire(*first.order)
    while following is not None and following.fire_at <= now and len(due) < limit:
        due.append(following)
        following = schedule.next_fire(*following.order)
    while following is not None and len(due) > 1 and due[-1].fire_at == following.fire_at:
        following = due.pop()
    return due, following
