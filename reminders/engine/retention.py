"""Retention: an occurrence goes once all its deliveries ended long ago, and they with it.

The tally keeps the sums of what went. A batch is one short transaction that takes what nobody else
holds and touches no reminder, so that no tick waits for it. It can be stopped anywhere, and begun
again: what is left to do is in the rows alone.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from accounts.api import idempotency
from accounts.models import SYSTEM_USER_ID, pause
from notifications.explain.causes import following
from notifications.models import Delivery, flood
from notifications.models import Tally as DeliveryTally
from notifications.models import channel_change as channel_changes
from notifications.operations import retention as deliveries
from notifications.operations.retention import BATCH
from notifications.sql import bulk_cursor
from reminders.models import Occurrence, Tally, change, revision
from reminders.models.occurrence import ITS_OCCURRENCE, REFERENCE

# A snooze may be longer than anything is kept, and go on while its reminder is paused.
SPEAKS = Q(follow_up_at__isnull=False) | Q(status=Occurrence.Status.SNOOZED)

log = logging.getLogger(__name__)

# A worker goes back to the queue after this, so that it is not held all night.
BUDGET = timedelta(seconds=50)
# What FOAM sends itself, by reminder 0, tells nothing after a day.
KEEP_OWN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Removed:
    occurrences: int = 0
    deliveries: int = 0
    attempts: int = 0
    is_done: bool = True

    def __add__(self, more: "Removed") -> "Removed":
        return Removed(
            self.occurrences + more.occurrences,
            self.deliveries + more.deliveries,
            self.attempts + more.attempts,
        )


def prune_nightly(now: datetime) -> None:
    """Prune for BUDGET, and ask to be called again when that was not all."""
    removed = prune(now, timedelta(days=settings.FOAM_KEEP_DAYS), BUDGET.total_seconds())
    if not removed.is_done:
        current_app.send_task("reminders.tasks.prune")


def prune(
    now: datetime,
    keep: timedelta,
    seconds: float = math.inf,
    step: Callable[[int], None] = lambda count: None,
) -> Removed:
    """Remove what ended longer than `keep` ago, for so many seconds; return what went."""
    began = time.monotonic()
    total = Removed()
    for removed in batches(now - keep, now - KEEP_OWN):
        total += removed
        step(removed.occurrences)
        if time.monotonic() - began >= seconds:
            total = replace(total, is_done=False)
            break
    deliveries.forget_secrets(now)
    deliveries.compact_tally(Tally, now.date())
    deliveries.compact_tally(DeliveryTally, now.date())
    flood.forget(now)
    idempotency.delete_expired(now)
    log.info(
        "pruned occurrences=%d deliveries=%d attempts=%d seconds=%.3f",
        total.occurrences,
        total.deliveries,
        total.attempts,
        time.monotonic() - began,
    )
    return total


def batches(before: datetime, own_before: datetime) -> Iterator[Removed]:
    """Remove a batch at each step: FOAM's own, those of users, what had other causes, changes."""
    own = Occurrence.objects.filter(reminder_id=SYSTEM_USER_ID, recorded_at__lt=own_before)
    own_ids = list(own.values_list("pk", flat=True))
    for i in range(0, len(own_ids), BATCH):
        yield remove(own_ids[i : i + BATCH], own_before)
    for ids in old(before):
        yield remove(ids, before)
    for references in filter(None, deliveries.old_references(before, REFERENCE)):
        gone = deliveries.remove({each: each for each in references}, before)
        yield Removed(0, gone.deliveries, gone.attempts)
    for _ in change.forget(before, BATCH):
        yield Removed()
    channel_changes.forget(before)
    while revision.forget(before, BATCH):
        yield Removed()
    while pause.delete_ended(before, BATCH):
        yield Removed()


def old(before: datetime) -> Iterator[list[int]]:
    """Yield by batch the ids of occurrences recorded `before`.

    Ids grow with time: the first batch that holds nothing old is the end.
    """
    last = 0
    rows = Occurrence.objects.order_by("pk").values_list("pk", "recorded_at")
    while batch := list(rows.filter(pk__gt=last)[:BATCH]):
        ids = [pk for pk, recorded_at in batch if recorded_at < before]
        if not ids:
            return
        yield ids
        last = batch[-1][0]


REMOVE = """
WITH gone AS (
    DELETE FROM reminders_occurrence WHERE id = ANY (%(ids)b::bigint[])
    RETURNING id, reminder_id, recorded_at, status, reason
), answered AS (
    DELETE FROM reminders_response WHERE occurrence_id IN (SELECT id FROM gone)
), counted AS (
    INSERT INTO reminders_tally (day, status, reason, recorded, pruned)
    SELECT (recorded_at AT TIME ZONE 'UTC')::date,
        CASE WHEN status IN ('missed', 'skipped') THEN status ELSE 'fired' END,
        left(split_part(reason, ':', 1), 100), 0, count(*)
    FROM gone WHERE reminder_id <> 0 GROUP BY 1, 2, 3
)
SELECT count(*) FROM gone
"""


@transaction.atomic
def remove(ids: Sequence[int], before: datetime) -> Removed:
    """Remove these occurrences with their deliveries, where all of that ended `before`.

    One that is yet to speak again stays, and so does what someone else holds, until the next time.
    """
    quiet = Occurrence.objects.filter(pk__in=ids).exclude(SPEAKS)
    rows = list(quiet.select_for_update(skip_locked=True))
    causes = {each.reference: each.reference for each in rows}
    gone = deliveries.remove(causes | following(e.reference for e in rows if e.is_followed), before)
    ours = [each.pk for each in rows if each.reference not in gone.blocked]
    with bulk_cursor() as cursor:
        cursor.execute(REMOVE, {"ids": ours})
        (count,) = cursor.fetchone() or (0,)
    return Removed(count, gone.deliveries, gone.attempts)


def count(now: datetime, keep: timedelta) -> Removed:
    """Return what `prune` would remove, without removing it; attempts are not counted."""
    own = Q(reminder_id=SYSTEM_USER_ID)
    users = _count(~own & Q(recorded_at__lt=now - keep), now - keep)
    return users + _count(own & Q(recorded_at__lt=now - KEEP_OWN), now - KEEP_OWN)


def _count(old: Q, before: datetime) -> Removed:
    told = Delivery.objects.annotate(occurrence=ITS_OCCURRENCE)
    told = told.filter(reference__startswith=REFERENCE)
    unfinished = told.filter(Q(finished_at=None) | Q(finished_at__gte=before))
    stay = Exists(unfinished.filter(occurrence=OuterRef("pk")))
    going = Occurrence.objects.filter(old).exclude(SPEAKS).exclude(stay)
    with_them = told.filter(occurrence__in=going.values_list("pk"))
    return Removed(going.count(), with_them.count())
