"""Follow-up messages of an occurrence: after a snooze, nags, and escalation.

`follow_up_at` is when the tick looks at an occurrence next; it is NULL for nearly all. The messages
follow from the row as it stands at `now`, so that after an outage there is one nag and not all of
them. SKIP LOCKED lets parallel ticks share the work. The unique (reference, channel) of a delivery
creates each message once.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection, transaction

from accounts.models import Pause
from accounts.timezones import iso
from notifications.metrics import store
from notifications.outbox.post import Post, post_messages
from notifications.sql import bulk_cursor, write_or_isolate
from reminders.engine import pauses
from reminders.engine.schedule_row import COLUMNS, ScheduleRow
from reminders.models import Occurrence
from reminders.models.occurrence import reference
from reminders.schedule.message import ReminderMessage, follow_up_message, format_rounded, lateness
from reminders.schedule.numbering import Count

log = logging.getLogger(__name__)

BATCH = 500
# A follow-up that raises is retried after this, and not at every tick.
SET_ASIDE = timedelta(minutes=5)
# For operators.
SET_ASIDES = store.Counter("foam_set_aside_total")
PENDING, SNOOZED = Occurrence.Status.PENDING.value, Occurrence.Status.SNOOZED.value
SNOOZE, NAG, ESCALATE = "snooze", "nag", "escalate"

# The due occurrences that no other tick has locked, oldest first: one probe of
# reminders_occurrence_follow_up.
CLAIM = """
WITH o AS MATERIALIZED (
    SELECT * FROM reminders_occurrence WHERE follow_up_at <= %(now)s
    ORDER BY follow_up_at LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
)
SELECT o.id, r.owner_id, o.status, o.due_at, o.recorded_at, o.follow_up_at, o.speaks_again_at,
    o.snoozes, o.nags, o.escalated_at, r.nag_every, r.nag_max, r.escalate_after, r.urgent,
    {columns}, r.id, r.title, r.body, r.tags, r.external_id, p.error, p.fired_count,
    p.fired_due_at, u.timezone,
    ARRAY(SELECT channel_id FROM reminders_reminder_channels c WHERE c.reminder_id = r.id),
    ARRAY(SELECT channel_id FROM reminders_reminder_escalate_channels c WHERE c.reminder_id = r.id)
FROM o JOIN reminders_reminder r ON r.id = o.reminder_id
    JOIN reminders_plan p ON p.reminder_id = o.reminder_id
    JOIN accounts_user u ON u.id = r.owner_id
""".replace("{columns}", COLUMNS)

ADVANCE = """
UPDATE reminders_occurrence o SET status = n.status, speaks_again_at = n.speaks_again_at,
    nags = n.nags, escalated_at = n.escalated_at, follow_up_at = n.follow_up_at
FROM unnest(%(ids)b::bigint[], %(dues)b::timestamptz[], %(statuses)b::text[],
    %(speaks)b::timestamptz[], %(nags)b::smallint[], %(escalated)b::timestamptz[],
    %(follow_ups)b::timestamptz[])
    AS n(id, due_at, status, speaks_again_at, nags, escalated_at, follow_up_at)
-- The due instant tells the partition: without it the index of each is searched.
WHERE o.id = ANY (ARRAY[n.id]) AND o.due_at = ANY (ARRAY[n.due_at])
"""


@dataclass(slots=True)
class ReminderContent(ScheduleRow):
    """The reminder's current text and settings, for follow-ups.

    The first message was rendered from those of its own time.
    """

    pk: int
    title: str
    body: str
    tags: list[str]
    external_id: str | None
    error: str
    fired_count: int
    fired_due_at: datetime | None
    recipient_timezone: str


class OpenOccurrence(NamedTuple):
    """A claimed occurrence without an answer, and its reminder's settings for follow-ups."""

    pk: int
    owner_id: int
    status: str
    due_at: datetime
    recorded_at: datetime
    follow_up_at: datetime | None
    speaks_again_at: datetime | None
    snoozes: int
    nags: int
    escalated_at: datetime | None
    nag_every: timedelta | None
    nag_max: int
    escalate_after: timedelta | None
    urgent: bool
    content: ReminderContent
    channel_ids: list[int]
    escalate_channel_ids: list[int]

    @property
    def since(self) -> datetime:
        """The last message that is no nag: nags and the escalation count from here."""
        return self.speaks_again_at or self.recorded_at

    @property
    def escalates_at(self) -> datetime | None:
        is_done = self.escalate_after is None or self.escalated_at is not None
        return None if is_done else self.since + self.escalate_after  # type: ignore[operator]

    def nags_at(self, begin: datetime) -> datetime | None:
        """Return the first nag at or after `begin`, None after `nag_max` nags."""
        if self.nag_every is None or self.nags >= self.nag_max:
            return None
        times = max(1, -((self.since - begin) // self.nag_every))
        return self.since + times * self.nag_every


def decide(row: OpenOccurrence, now: datetime) -> tuple[list[str], OpenOccurrence]:
    """Return the kinds of message that are due at `now`, and the row after them. Pure."""
    kinds = []
    if row.status == SNOOZED:
        kinds.append(SNOOZE)
        row = row._replace(status=PENDING, speaks_again_at=now, nags=0)
    else:
        if is_due(row.nags_at(row.follow_up_at or now), now):
            kinds.append(NAG)
            row = row._replace(nags=row.nags + 1)
        if is_due(row.escalates_at, now):
            kinds.append(ESCALATE)
            row = row._replace(escalated_at=now)
    ahead = [row.nags_at(now + timedelta.resolution), row.escalates_at]
    return kinds, row._replace(follow_up_at=min(filter(None, ahead), default=None))


def postpone(
    row: OpenOccurrence, periods: Sequence[pauses.PausedPeriod], now: datetime
) -> OpenOccurrence:
    """Return the row of a paused occurrence: a snooze waits, nags and escalation end."""
    if row.status != SNOOZED:
        return row._replace(follow_up_at=None)
    ends = [period.end for period in periods if period.end is not None]
    return row._replace(follow_up_at=min([*ends, now + pauses.RECHECK_AFTER]))


def is_due(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now


def send_due(now: datetime, end: float) -> int:
    """Post the due follow-ups, until the monotonic `end`; return the number of messages."""
    if not is_any_due(now):
        return 0
    if Pause.objects.everything(now):
        return 0
    claimed, total = send_batch(now)
    while claimed == BATCH and time.monotonic() < end:
        claimed, posted = send_batch(now)
        total += posted
    return total


def is_any_due(now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reminders_follow_up_is_due(%s)", [now])
        return bool(cursor.fetchone()[0])


def send_batch(now: datetime) -> tuple[int, int]:
    """Claim up to BATCH occurrences, post their messages and advance them; return both numbers.

    An occurrence that raises is retried after SET_ASIDE; the others of the batch are sent.
    """
    with transaction.atomic():
        decided, failed = _decide_each(claim(now), now)
        claimed = len(decided) + len(failed)
        posted, refused = write_or_isolate(decided, lambda rows: _write(rows, now))
        failed += [(row.pk, error) for (row, _), error in refused]
        for pk, error in failed:
            log.error("follow-up of occurrence %s set aside", pk, exc_info=error)
            Occurrence.objects.filter(pk=pk).update(follow_up_at=now + SET_ASIDE)
        if failed:
            store.add(Counter({SET_ASIDES.series(what="follow_up"): len(failed)}))
    log.info("followed up claimed=%d said=%d set_aside=%d", claimed, posted, len(failed))
    return claimed, posted


def claim(now: datetime) -> list[OpenOccurrence]:
    """Lock and return due occurrences, oldest first; skip rows that another tick has locked."""
    with bulk_cursor(by_index=True) as cursor:
        cursor.execute(CLAIM, {"now": now, "limit": BATCH}, binary=True)
        rows = cursor.fetchall()
    begin = OpenOccurrence._fields.index("content")
    end = begin + len(fields(ReminderContent))
    return [
        OpenOccurrence._make((*row[:begin], ReminderContent(*row[begin:end]), *row[end:]))
        for row in rows
    ]


# The row to write, and the messages to post.
Decision = tuple[OpenOccurrence, Sequence[Post]]
Failed = tuple[int, Exception]


def _decide_each(
    claimed: Sequence[OpenOccurrence], now: datetime
) -> tuple[list[Decision], list[Failed]]:
    decided: list[Decision] = []
    failed: list[Failed] = []
    by_owner = pauses.pauses_by_owner((row.owner_id for row in claimed), now, now)
    for row in claimed:
        periods = by_owner.get(row.owner_id, ())
        if covering := [period for period in periods if period.is_of(row.content.tags)]:
            decided.append((postpone(row, covering, now), []))
            continue
        try:
            kinds, following = decide(row, now)
            due_at = row.follow_up_at or now
            posts = [post for kind in kinds for post in posts_of(kind, following, due_at, now)]
            decided.append((following, posts))
        except Exception as error:
            failed.append((row.pk, error))
    return decided, failed


def _write(decided: Sequence[Decision], now: datetime) -> int:
    posted = post_messages([post for _, posts in decided for post in posts], now)
    rows = [row for row, _ in decided]
    with bulk_cursor() as cursor:
        cursor.execute(
            ADVANCE,
            {
                "ids": [row.pk for row in rows],
                "dues": [row.due_at for row in rows],
                "statuses": [row.status for row in rows],
                "speaks": [row.speaks_again_at for row in rows],
                "nags": [row.nags for row in rows],
                "escalated": [row.escalated_at for row in rows],
                "follow_ups": [row.follow_up_at for row in rows],
            },
        )
    return posted


def posts_of(kind: str, row: OpenOccurrence, due_at: datetime, now: datetime) -> list[Post]:
    """Return a follow-up that was due at `due_at`, as one post for each of its channels."""
    text = message_of(kind, row, due_at, now)
    channel_ids = row.escalate_channel_ids if kind == ESCALATE else row.channel_ids
    data = {
        **text.data,
        "type": f"reminder.{kind}",
        "occurrence_id": row.pk,
        "occurrence_due_at": iso(row.due_at),
        "late_seconds": max(0, int((now - due_at).total_seconds())),
    }
    ref = reference_of(kind, row)
    return [
        Post(channel_id, ref, text.title, text.body, due_at, data, row.urgent)
        for channel_id in channel_ids
    ]


def message_of(kind: str, row: OpenOccurrence, due_at: datetime, now: datetime) -> ReminderMessage:
    content = row.content
    if kind == NAG:
        opening, reason = f"Reminder {row.nags} of {row.nag_max}: ", "It is not acknowledged yet."
    elif kind == ESCALATE:
        waited = format_rounded(now - row.since)
        opening = "No answer yet: "
        reason = f"Nobody has answered for {waited}, so it comes here too."
    else:
        opening, reason = "", "It was snoozed until now."
    late = lateness(content, due_at, now)
    count = Count(content.fired_count, content.fired_due_at)
    reason = f"{reason} {late}".rstrip()
    return follow_up_message(content, row.due_at, now, count, opening=opening, reason=reason)


def reference_of(kind: str, row: OpenOccurrence) -> str:
    """Return the reference of a follow-up's deliveries; after a snooze nags count from 1 again."""
    fired = reference(row.pk)
    if kind == ESCALATE:
        return f"{fired}:{kind}:1"
    latest = f"{fired}:{SNOOZE}:{row.snoozes}" if row.snoozes else fired
    return latest if kind == SNOOZE else f"{latest}:{kind}:{row.nags}"
