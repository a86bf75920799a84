"""What to do with what came due while nobody ticked. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from reminders.recurrence import Fire


class Misfire(StrEnum):
    LATEST = "latest"  # one message for the newest; the older ones are missed
    ALL = "all"  # a message for each
    NONE = "none"  # none for what is later than `grace`


# How many fires of one reminder are planned at a time; the rest stays due for the next batch.
PLAN_LIMIT = 200

SUPERSEDED = "A later one was due before this could be sent."
TOO_LATE = "Later than the grace that the reminder allows."


class NextFire(Protocol):
    def next_fire(self, fire_at: datetime, lead: timedelta | None = None) -> Fire | None: ...


class Plan(NamedTuple):
    """What becomes of a due reminder: what fires, what was missed and why, what comes next."""

    fires: Sequence[Fire] = ()
    missed: Sequence[tuple[Fire, str]] = ()
    next: Fire | None = None


def plan(schedule: NextFire, first: Fire, now: datetime, misfire: str, grace: timedelta) -> Plan:
    """Decide about `first`, which is due, and all that came due after it until `now`.

    At most PLAN_LIMIT fires are looked at; `next` is then still due, and is planned again.
    """
    due, following = [first], schedule.next_fire(first.fire_at, first.lead)
    if following is not None and following.fire_at <= now:
        due, following = _due(schedule, first, now)
    if misfire == Misfire.ALL:
        return Plan(due, [], following)
    if misfire == Misfire.NONE:
        late = [fire for fire in due if now - fire.fire_at > grace]
        fires = due[len(late) :]
        return Plan(fires, [(fire, TOO_LATE) for fire in late], following)
    is_newest = following is None or following.fire_at > now
    older, fires = (due[:-1], due[-1:]) if is_newest else (due, [])
    return Plan(fires, [(fire, SUPERSEDED) for fire in older], following)


def _due(schedule: NextFire, first: Fire, now: datetime) -> tuple[list[Fire], Fire | None]:
    due: list[Fire] = []
    for fire in _sequence(schedule, first):
        if fire.fire_at > now or len(due) == PLAN_LIMIT:
            return due, fire
        due.append(fire)
    return due, None


def _sequence(schedule: NextFire, first: Fire) -> Iterator[Fire]:
    fire: Fire | None = first
    while fire is not None:
        yield fire
        fire = schedule.next_fire(fire.fire_at, fire.lead)
