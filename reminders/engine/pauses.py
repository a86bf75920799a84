"""Pauses, as the tick meets them: what they cover does not fire, and what is over is resumed.

A pause of a tag or a user is not written into the reminders that it covers: it is asked about when
these are claimed. So it ends by itself, and whatever is tagged while it lasts is covered as well.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Least

from accounts.models import Pause
from notifications.sql import bulk_cursor
from reminders.models import Reminder
from reminders.models.change import first_line
from reminders.schedule.misfire import Missed, Plan

log = logging.getLogger(__name__)

# So many are resumed in one tick, each with a few statements; the next one goes on.
BATCH = 200
# How far one that cannot be resumed is pushed ahead.
SET_ASIDE = timedelta(minutes=5)
# How often what was snoozed is looked at while a pause covers it, which may be ended at any time.
LOOK_AGAIN = timedelta(minutes=1)

# The ids are a subquery, as in holding.SPECIAL.
OF_OWNERS = """
SELECT owner_id, tag, created_at, least(until, ended_at) FROM accounts_pause
WHERE owner_id = ANY ((SELECT %(owners)b::bigint[])::bigint[]) AND created_at <= %(now)s
    AND coalesce(least(until, ended_at), 'infinity') > %(since)s
"""


class Silence(NamedTuple):
    """A stretch of time in which the reminders of one owner with `tag`, or all, are paused."""

    tag: str
    begin: datetime
    end: datetime | None

    def is_of(self, tags: Collection[str]) -> bool:
        return not self.tag or self.tag in tags

    def lasts(self, now: datetime) -> bool:
        return self.end is None or now < self.end

    def covers(self, fire_at: datetime, now: datetime) -> bool:
        """Whether what was to fire then may not: it fell into this, or is found in it."""
        return (self.begin <= fire_at or self.lasts(now)) and self.lasts(fire_at)


Silences = Mapping[int, list[Silence]]


def of_owners(owners: Iterable[int], since: datetime, now: datetime) -> Silences:
    """Return, by owner, the pauses that have begun and that lasted until later than `since`."""
    found: dict[int, list[Silence]] = defaultdict(list)
    with bulk_cursor() as cursor:
        cursor.execute(
            OF_OWNERS, {"owners": list(set(owners)), "since": since, "now": now}, binary=True
        )
        for owner, *silence in cursor.fetchall():
            found[owner].append(Silence(*silence))
    return found


def silenced(plan: Plan, silences: Collection[Silence], now: datetime) -> Plan:
    """Return a plan in which all that the pauses cover is missed; what comes next stays."""

    def is_silent(fire: Any) -> bool:
        return any(each.covers(fire.fire_at, now) for each in silences)

    reason = Missed.SILENCED.value
    missed = [(fire, reason if is_silent(fire) else why) for fire, why in plan.missed]
    missed += [(fire, reason) for fire in plan.fires if is_silent(fire)]
    return Plan([fire for fire in plan.fires if not is_silent(fire)], missed, plan.next)


def resume(over: Iterable[int], now: datetime) -> int:
    """Resume these reminders, if their pause is still over; return how many.

    One that raises is pushed ahead with its error, and the others go on.
    """
    return sum(_resume(pk, now) for pk in over)


def _resume(pk: int, now: datetime) -> bool:
    try:
        with transaction.atomic():
            # What another tick is just resuming is left to it.
            rows = Reminder.objects.select_for_update(skip_locked=True, no_key=True)
            reminder = rows.filter(
                pk=pk, status=Reminder.Status.PAUSED, paused_until__lte=now
            ).first()
            if reminder is not None:
                reminder.resume(now)
            return reminder is not None
    except Exception as error:
        log.exception("reminder %s cannot be resumed", pk)
        text = f"{type(error).__name__}: {first_line(str(error))}"[:1000]
        Reminder.objects.filter(pk=pk).update(error=text, paused_until=now + SET_ASIDE)
        return False


def of_owner(owner: int, at: datetime) -> list[Pause]:
    """Return the pauses of a user, and of everything, that lasted at a moment."""
    begun = Pause.objects.filter(
        Q(owner=owner) | Q(scope=Pause.Scope.EVERYTHING), created_at__lte=at
    )
    rows = begun.alias(over_at=Least("until", "ended_at")).filter(
        Q(over_at=None) | Q(over_at__gt=at)
    )
    return list(rows.select_related("owner").order_by(F("owner").asc(nulls_last=True), "pk"))


def covering(reminder: Any, at: datetime) -> list[Pause]:
    """Return the pauses that a reminder was under at a moment, as it is tagged now."""
    return [each for each in of_owner(reminder.owner_id, at) if each.is_of(reminder.tags)]
