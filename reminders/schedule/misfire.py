"""What to do with what came due while nobody ticked. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from reminders.recurrence import Fire, Lead


class Misfire(StrEnum):
    LATEST = "latest"  # one message for the newest; the older ones are missed
    ALL = "all"  # a message for each
    NONE = "none"  # none for what is later than `grace`


# How many fires of one reminder are planned at a time; the rest stays due for the next batch.
PLAN_LIMIT = 200


class Missed(StrEnum):
    """Why what was due did not fire, as it is recorded."""

    SUPERSEDED = "A later one was due before this could be sent."
    TOO_LATE = "Later than the grace that the reminder allows."
    EDITED = "The schedule was changed before this could be sent."
    PAUSED = "Paused before this could be sent."
    DELETED = "Deleted before this could be sent."
    # Recorded with which backlog, after a colon.
    COALESCED = "Coalesced with a later one by staff"
    DROPPED = "Dropped by staff"
    SILENCED = "All of its user, or one of its tags, was paused."


SUPERSEDED = Missed.SUPERSEDED.value
TOO_LATE = Missed.TOO_LATE.value


class NextFire(Protocol):
    def next_fire(
        self, fire_at: datetime, lead: Lead | None = None, due_at: datetime | None = None
    ) -> Fire | None: ...


class Plan(NamedTuple):
    """What becomes of a due reminder: what fires, what was missed and why, what comes next."""

    fires: Sequence[Fire] = ()
    missed: Sequence[tuple[Fire, str]] = ()
    next: Fire | None = None


def plan(schedule: NextFire, first: Fire, now: datetime, misfire: str, grace: timedelta) -> Plan:
    """Decide about `first`, which is due, and all that came due after it until `now`.

    At most PLAN_LIMIT fires are looked at; `next` is then still due, and is planned again.
    """
    due, following = due_until(schedule, first, now)
    if misfire == Misfire.ALL:
        return Plan(due, [], following)
    if misfire == Misfire.NONE:
        late = [fire for fire in due if now - fire.fire_at > grace]
        fires = due[len(late) :]
        return Plan(fires, [(fire, TOO_LATE) for fire in late], following)
    if following is not None and following.fire_at <= now:
        return Plan([], [(fire, SUPERSEDED) for fire in due], following)
    if len(due) == 1:
        return Plan(due, [], following)
    # Several leads may speak at one instant, each of another occurrence: none is the older one.
    older = [fire for fire in due if fire.fire_at < due[-1].fire_at]
    return Plan(due[len(older) :], [(fire, SUPERSEDED) for fire in older], following)


def coalesced(plan: Plan, now: datetime, reason: str) -> Plan:
    """Of what a plan would fire keep the newest; the older ones are missed for this `reason`."""
    is_last = plan.next is None or plan.next.fire_at > now
    kept = [f for f in plan.fires if is_last and f.fire_at == plan.fires[-1].fire_at]
    older = [(fire, reason) for fire in plan.fires if fire not in kept]
    return Plan(kept, [*plan.missed, *older], plan.next)


def dropped(schedule: NextFire, first: Fire, until: datetime, reason: str) -> Plan:
    """Miss `first` and all that came due after it until then, for this `reason`."""
    due, following = due_until(schedule, first, until)
    return Plan([], [(fire, reason) for fire in due], following)


def due_until(
    schedule: NextFire, first: Fire, now: datetime, limit: int = PLAN_LIMIT
) -> tuple[list[Fire], Fire | None]:
    """Return up to `limit` fires that are due, from `first` on, which is, and what follows.

    Those of one instant are not parted.
    """
    due, following = [first], schedule.next_fire(*first.order)
    while following is not None and following.fire_at <= now and len(due) < limit:
        due.append(following)
        following = schedule.next_fire(*following.order)
    while following is not None and len(due) > 1 and due[-1].fire_at == following.fire_at:
        following = due.pop()
    return due, following
