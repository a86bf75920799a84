"""Apply pauses when the tick fires, and resume reminders whose pause has ended.

A pause of a tag or a user is not written into the reminders that it covers: the tick reads it when
it claims them. So the pause ends by itself, and covers reminders that are tagged while it lasts.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Least

from accounts.models import Pause
from notifications.sql import bulk_cursor
from reminders.models import Plan, Reminder
from reminders.models.change import first_line
from reminders.schedule.misfire import FiringPlan, Missed

log = logging.getLogger(__name__)

# A tick resumes at most this many, each with a few statements; the next tick resumes more.
BATCH = 200
# A reminder that could not be resumed is retried after this.
SET_ASIDE = timedelta(minutes=5)
# A snoozed occurrence in a pause is checked again after this: staff may end the pause early.
RECHECK_AFTER = timedelta(minutes=1)

# The ids are a subquery, as in holding.SPECIAL.
OF_OWNERS = """
SELECT owner_id, tag, created_at, least(until, ended_at) FROM accounts_pause
WHERE owner_id = ANY ((SELECT %(owners)b::bigint[])::bigint[]) AND created_at <= %(now)s
    AND coalesce(least(until, ended_at), 'infinity') > %(since)s
"""


class PausedPeriod(NamedTuple):
    """A period in which all reminders of an owner, or those with `tag`, are paused."""

    tag: str
    begin: datetime
    end: datetime | None

    def is_of(self, tags: Collection[str]) -> bool:
        return not self.tag or self.tag in tags

    def lasts(self, now: datetime) -> bool:
        return self.end is None or now < self.end

    def covers(self, fire_at: datetime, now: datetime) -> bool:
        """Whether a fire of `fire_at` must not fire at `now`.

        That is so if it fell into the period, or is only claimed during the period.
        """
        return (self.begin <= fire_at or self.lasts(now)) and self.lasts(fire_at)


PausesByOwner = Mapping[int, list[PausedPeriod]]


def pauses_by_owner(owners: Iterable[int], since: datetime, now: datetime) -> PausesByOwner:
    """Return, by owner, the paused periods that have begun and that ended later than `since`."""
    periods: dict[int, list[PausedPeriod]] = defaultdict(list)
    with bulk_cursor() as cursor:
        cursor.execute(
            OF_OWNERS, {"owners": list(set(owners)), "since": since, "now": now}, binary=True
        )
        for owner, *columns in cursor.fetchall():
            periods[owner].append(PausedPeriod(*columns))
    return periods


def apply_pauses(plan: FiringPlan, periods: Collection[PausedPeriod], now: datetime) -> FiringPlan:
    """Return a plan in which the fires that the periods cover are missed."""

    def is_paused(fire: Any) -> bool:
        return any(period.covers(fire.fire_at, now) for period in periods)

    paused = Missed.SILENCED.value
    missed = [(fire, paused if is_paused(fire) else reason) for fire, reason in plan.missed]
    missed += [(fire, paused) for fire in plan.fires if is_paused(fire)]
    return FiringPlan([fire for fire in plan.fires if not is_paused(fire)], missed, plan.next)


def resume(ids: Iterable[int], now: datetime) -> int:
    """Resume the reminders whose pause has still ended; return their number.

    A reminder that raises gets its error and is retried after SET_ASIDE; the others are resumed.
    """
    return sum(_resume(pk, now) for pk in ids)


def _resume(pk: int, now: datetime) -> bool:
    try:
        with transaction.atomic():
            # Another tick may be resuming the same reminder: its row is skipped.
            reminder = (
                Reminder.objects.locked(skip=True)
                .filter(pk=pk, plan__status=Plan.Status.PAUSED, plan__paused_until__lte=now)
                .first()
            )
            if reminder is not None:
                reminder.resume(now)
            return reminder is not None
    except Exception as error:
        log.exception("reminder %s cannot be resumed", pk)
        text = f"{type(error).__name__}: {first_line(str(error))}"[:1000]
        Plan.objects.filter(pk=pk).update(error=text, paused_until=now + SET_ASIDE)
        return False


def pauses_of_owner(owner: int, at: datetime) -> QuerySet[Pause]:
    """Return the pauses of a user, and of everything, that were in force at an instant."""
    begun = Pause.objects.filter(
        Q(owner=owner) | Q(scope=Pause.Scope.EVERYTHING), created_at__lte=at
    )
    rows = begun.alias(over_at=Least("until", "ended_at")).filter(
        Q(over_at=None) | Q(over_at__gt=at)
    )
    return rows.select_related("owner").order_by(F("owner").asc(nulls_last=True), "pk")


def covering_pauses(reminder: Any, at: datetime) -> list[Pause]:
    """Return the pauses that covered a reminder at an instant, by its present tags."""
    return [p for p in pauses_of_owner(reminder.owner_id, at) if p.is_of(reminder.tags)]
