"""Retention: delete an occurrence with its deliveries once all of them ended long ago.

The tally keeps the sums of the deleted rows. A batch is one short transaction that skips locked
rows and locks no reminder, so that no tick waits for it. Pruning can be stopped and restarted at
any time: its progress is in the rows alone.
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

from accounts.account_data.retention import prune_accounts
from accounts.api import idempotency
from accounts.models import SYSTEM_USER_ID, pause
from notifications.explain.causes import following
from notifications.models import Delivery, DeliveryTally, flood
from notifications.models import channel_change as channel_changes
from notifications.operations import attempt_partitions
from notifications.operations import retention as deliveries
from notifications.operations.retention import BATCH
from notifications.sql import bulk_cursor
from reminders.engine import occurrence_partitions
from reminders.models import Occurrence, OccurrenceTally, change, revision
from reminders.models.occurrence import ITS_OCCURRENCE, REFERENCE

# These will send another message. A snooze may be longer than the retention period.
HAS_FOLLOW_UP = Q(follow_up_at__isnull=False) | Q(status=Occurrence.Status.SNOOZED)

log = logging.getLogger(__name__)

# The task ends after this and is queued again, so that pruning does not occupy a worker all night.
BUDGET = timedelta(seconds=50)
# The canary's occurrences are of no use after a day.
KEEP_OWN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PruneResult:
    """The numbers of deleted rows; `is_done` is false if the time was up first."""

    occurrences: int = 0
    deliveries: int = 0
    attempts: int = 0
    is_done: bool = True

    def __add__(self, result: "PruneResult") -> "PruneResult":
        return PruneResult(
            self.occurrences + result.occurrences,
            self.deliveries + result.deliveries,
            self.attempts + result.attempts,
        )


def prune_nightly(now: datetime) -> None:
    """Prune for BUDGET, and queue the task again if more is left."""
    make_partitions(now)
    keep = timedelta(days=settings.FOAM_KEEP_DAYS)
    removed = prune(now, keep, BUDGET.total_seconds())
    drop_partitions(now - keep)
    if not removed.is_done:
        current_app.send_task("reminders.tasks.prune")


def make_partitions(now: datetime, limit: timedelta | None = None) -> None:
    """Make the partitions of the present and of the time ahead, each statement within `limit`."""
    occurrence_partitions.make_ahead(now, limit)
    attempt_partitions.make_ahead(limit)


def drop_partitions(before: datetime) -> None:
    """Drop partitions of which all rows are deleted, and that get none for instants `before`."""
    occurrence_partitions.drop_old(before)
    attempt_partitions.drop_old()


def prune(
    now: datetime,
    keep: timedelta,
    seconds: float = math.inf,
    step: Callable[[int], None] = lambda count: None,
) -> PruneResult:
    """Delete what ended longer than `keep` ago, for at most `seconds`; return the numbers.

    Calls `step` with the number of occurrences of each batch.
    """
    began = time.monotonic()
    total = PruneResult()
    for removed in batches(now - keep, now - KEEP_OWN):
        total += removed
        step(removed.occurrences)
        if time.monotonic() - began >= seconds:
            total = replace(total, is_done=False)
            break
    deliveries.forget_secrets(now)
    deliveries.compact_tally(OccurrenceTally, now.date())
    deliveries.compact_tally(DeliveryTally, now.date())
    flood.forget(now)
    idempotency.delete_expired(now)
    prune_accounts(now, now - keep)
    log.info(
        "pruned occurrences=%d deliveries=%d attempts=%d seconds=%.3f",
        total.occurrences,
        total.deliveries,
        total.attempts,
        time.monotonic() - began,
    )
    return total


def batches(before: datetime, own_before: datetime) -> Iterator[PruneResult]:
    """Delete one batch after the other, and yield its numbers.

    1. The canary's occurrences.
    2. Occurrences of users, with their deliveries.
    3. Deliveries without an occurrence.
    4. Changes of reminders and channels, revisions and pauses.
    """
    own = Occurrence.objects.filter(reminder_id=SYSTEM_USER_ID, recorded_at__lt=own_before)
    own_keys = list(own.values_list("pk", "due_at"))
    for i in range(0, len(own_keys), BATCH):
        yield remove(own_keys[i : i + BATCH], own_before)
    for keys in old_occurrences(before):
        yield remove(keys, before)
    for references in filter(None, deliveries.old_references(before, REFERENCE)):
        removed = deliveries.remove({reference: reference for reference in references}, before)
        yield PruneResult(0, removed.deliveries, removed.attempts)
    for _ in change.delete_old(before, BATCH):
        yield PruneResult()
    channel_changes.forget(before)
    while revision.delete_old(before, BATCH):
        yield PruneResult()
    while pause.delete_ended(before, BATCH):
        yield PruneResult()


# The id of an occurrence, and its due instant, which tells its partition.
Key = tuple[int, datetime]


def old_occurrences(before: datetime) -> Iterator[list[Key]]:
    """Yield the keys of occurrences recorded before an instant, in batches.

    Ids grow with time, so the first batch without an old row is the end.
    """
    last = 0
    rows = Occurrence.objects.order_by("pk").values_list("pk", "due_at", "recorded_at")
    while batch := list(rows.filter(pk__gt=last)[:BATCH]):
        keys = [(pk, due_at) for pk, due_at, recorded_at in batch if recorded_at < before]
        if not keys:
            return
        yield keys
        last = batch[-1][0]


REMOVE = """
WITH gone AS (
    DELETE FROM reminders_occurrence o
    USING unnest(%(ids)b::bigint[], %(dues)b::timestamptz[]) AS k(id, due_at)
    WHERE o.id = ANY (ARRAY[k.id]) AND o.due_at = ANY (ARRAY[k.due_at])
    RETURNING o.id, o.reminder_id, o.recorded_at, o.status, o.reason
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
def remove(keys: Sequence[Key], before: datetime) -> PruneResult:
    """Delete those of these occurrences whose deliveries all ended before an instant, with them.

    Occurrences that will send another message stay. Locked rows stay until the next run.
    """
    dues = [due_at for _, due_at in keys]
    # The range of due instants leaves out the partitions of other months.
    occurrences = Occurrence.objects.filter(due_at__range=(min(dues), max(dues)))
    ended = occurrences.filter(pk__in=[pk for pk, _ in keys]).exclude(HAS_FOLLOW_UP)
    rows = list(ended.select_for_update(skip_locked=True))
    causes = {row.reference: row.reference for row in rows}
    later = following(row.reference for row in rows if row.is_followed)
    removed = deliveries.remove(causes | later, before)
    removable = [row for row in rows if row.reference not in removed.blocked]
    with bulk_cursor() as cursor:
        cursor.execute(
            REMOVE,
            {"ids": [row.pk for row in removable], "dues": [row.due_at for row in removable]},
        )
        (count,) = cursor.fetchone() or (0,)
    return PruneResult(count, removed.deliveries, removed.attempts)


def count(now: datetime, keep: timedelta) -> PruneResult:
    """Return the numbers of rows that `prune` would delete; attempts are not counted."""
    own = Q(reminder_id=SYSTEM_USER_ID)
    users = _count(~own & Q(recorded_at__lt=now - keep), now - keep)
    return users + _count(own & Q(recorded_at__lt=now - KEEP_OWN), now - KEEP_OWN)


def _count(old: Q, before: datetime) -> PruneResult:
    caused = Delivery.objects.annotate(occurrence=ITS_OCCURRENCE)
    caused = caused.filter(reference__startswith=REFERENCE)
    unfinished = caused.filter(Q(finished_at=None) | Q(finished_at__gte=before))
    stay = Exists(unfinished.filter(occurrence=OuterRef("pk")))
    removable = Occurrence.objects.filter(old).exclude(HAS_FOLLOW_UP).exclude(stay)
    with_them = caused.filter(occurrence__in=removable.values_list("pk"))
    return PruneResult(removable.count(), with_them.count())
