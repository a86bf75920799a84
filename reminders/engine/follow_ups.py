"""What is said of an occurrence after it fired: again after a snooze, nags, and the escalation.

`follow_up_at` says when an occurrence is next to be looked at, and is NULL for nearly all. What is
said then follows from the row as it stands at `now`: level, not window, so that after an outage
there is one nag and not all of them. SKIP LOCKED lets parallel ticks share the work, and the unique
(reference, channel) of a delivery makes each message once.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction

from accounts.models import Pause
from accounts.timezones import iso
from notifications.metrics import store
from notifications.outbox.post import Post, post_messages
from notifications.sql import bulk_cursor, write_or_isolate
from reminders.engine import pauses
from reminders.models import Occurrence
from reminders.models.occurrence import reference
from reminders.recurrence import Schedule
from reminders.schedule.message import Message, again, lateness, roughly
from reminders.schedule.numbering import Count

log = logging.getLogger(__name__)

BATCH = 500
# How far one that raised is pushed ahead, so that it is tried again but not at every tick.
SET_ASIDE = timedelta(minutes=5)
# For operators.
SET_ASIDES = store.Counter("foam_set_aside_total")
PENDING, SNOOZED = Occurrence.Status.PENDING.value, Occurrence.Status.SNOOZED.value
SNOOZE, NAG, ESCALATE = "snooze", "nag", "escalate"

# The due ones that no other tick has, oldest first: one probe of reminders_occurrence_follow_up.
CLAIM = """
WITH o AS MATERIALIZED (
    SELECT * FROM reminders_occurrence WHERE follow_up_at <= %(now)s
    ORDER BY follow_up_at LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
)
SELECT o.id, r.owner_id, o.status, o.due_at, o.recorded_at, o.follow_up_at, o.speaks_again_at,
    o.snoozes, o.nags, o.escalated_at, r.nag_every, r.nag_max, r.escalate_after, r.urgent, r.id,
    r.title, r.body, r.timezone, r.tags, r.external_id, r.error, r.starts_at, r.recurrence,
    r.exdates, r.rdates, r.gap, r.fold, r.fired_count, r.fired_due_at, u.timezone,
    ARRAY(SELECT channel_id FROM reminders_reminder_channels c WHERE c.reminder_id = r.id),
    ARRAY(SELECT channel_id FROM reminders_reminder_escalate_channels c WHERE c.reminder_id = r.id)
FROM o JOIN reminders_reminder r ON r.id = o.reminder_id
    JOIN accounts_user u ON u.id = r.owner_id
"""

GO_ON = """
UPDATE reminders_occurrence o SET status = n.status, speaks_again_at = n.speaks_again_at,
    nags = n.nags, escalated_at = n.escalated_at, follow_up_at = n.follow_up_at
FROM unnest(%(ids)b::bigint[], %(statuses)b::text[], %(speaks)b::timestamptz[],
    %(nags)b::smallint[], %(escalated)b::timestamptz[], %(follow_ups)b::timestamptz[])
    AS n(id, status, speaks_again_at, nags, escalated_at, follow_up_at)
WHERE o.id = ANY (ARRAY[n.id])
"""


@dataclass(slots=True)
class Words:
    """What of a reminder is told, as it is by now."""

    pk: int
    title: str
    body: str
    timezone: str
    tags: list[str]
    external_id: str | None
    error: str
    starts_at: datetime
    recurrence: str
    exdates: list[datetime]
    rdates: list[datetime]
    gap: str
    fold: str
    fired_count: int
    fired_due_at: datetime | None
    recipient_timezone: str

    @property
    def schedule(self) -> Schedule:
        return Schedule(
            starts_at=self.starts_at,
            timezone=self.timezone,
            recurrence=self.recurrence,
            exdates=self.exdates,
            rdates=self.rdates,
            gap=self.gap,
            fold=self.fold,
        )


class Open(NamedTuple):
    """A claimed occurrence that nobody has answered, and what its reminder has for such."""

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
    words: Words
    channel_ids: list[int]
    escalate_channel_ids: list[int]

    @property
    def since(self) -> datetime:
        """When it last spoke of itself: nags and the escalation count from here."""
        return self.speaks_again_at or self.recorded_at

    @property
    def escalates_at(self) -> datetime | None:
        is_done = self.escalate_after is None or self.escalated_at is not None
        return None if is_done else self.since + self.escalate_after  # type: ignore[operator]

    def nags_at(self, begin: datetime) -> datetime | None:
        """Return when it next nags, from `begin` on: every so often from `since`, until enough."""
        if self.nag_every is None or self.nags >= self.nag_max:
            return None
        times = max(1, -((self.since - begin) // self.nag_every))
        return self.since + times * self.nag_every


def decide(each: Open, now: datetime) -> tuple[list[str], Open]:
    """Return what kinds of message are due at `now`, and how the row stands after them. Pure."""
    says = []
    if each.status == SNOOZED:
        says.append(SNOOZE)
        each = each._replace(status=PENDING, speaks_again_at=now, nags=0)
    else:
        if is_due(each.nags_at(each.follow_up_at or now), now):
            says.append(NAG)
            each = each._replace(nags=each.nags + 1)
        if is_due(each.escalates_at, now):
            says.append(ESCALATE)
            each = each._replace(escalated_at=now)
    ahead = [each.nags_at(now + timedelta.resolution), each.escalates_at]
    return says, each._replace(follow_up_at=min(filter(None, ahead), default=None))


def put_off(each: Open, silences: Sequence[pauses.Silence], now: datetime) -> Open:
    """Return how a row stands that is paused: what is snoozed waits for the end, the rest ends."""
    if each.status != SNOOZED:
        return each._replace(follow_up_at=None)
    ends = [silence.end for silence in silences if silence.end is not None]
    return each._replace(follow_up_at=min([*ends, now + pauses.LOOK_AGAIN]))


def is_due(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now


def speak_due(now: datetime, end: float) -> int:
    """Say all that is due, until the monotonic `end`; return how many messages that were."""
    if not Occurrence.objects.filter(follow_up_at__lte=now).exists():
        return 0
    if Pause.objects.everything(now):
        return 0
    claimed, total = speak_batch(now)
    while claimed == BATCH and time.monotonic() < end:
        claimed, said = speak_batch(now)
        total += said
    return total


def speak_batch(now: datetime) -> tuple[int, int]:
    """Claim up to BATCH occurrences, say what is due of them and move them on.

    Return how many were claimed, and how many messages that made. One that raises is pushed ahead,
    and the batch goes on without it.
    """
    with transaction.atomic():
        decided, failed = _decide_each(claim(now), now)
        claimed = len(decided) + len(failed)
        said, refused = write_or_isolate(decided, lambda rows: _write(rows, now))
        failed += [(each.pk, error) for (each, _), error in refused]
        for pk, error in failed:
            log.error("follow-up of occurrence %s set aside", pk, exc_info=error)
            Occurrence.objects.filter(pk=pk).update(follow_up_at=now + SET_ASIDE)
        if failed:
            store.add(Counter({SET_ASIDES.series(what="follow_up"): len(failed)}))
    log.info("followed up claimed=%d said=%d set_aside=%d", claimed, said, len(failed))
    return claimed, said


def claim(now: datetime) -> list[Open]:
    """Lock the due occurrences that no other tick has, oldest first, and read them."""
    with bulk_cursor(by_index=True) as cursor:
        cursor.execute(CLAIM, {"now": now, "limit": BATCH}, binary=True)
        rows = cursor.fetchall()
    begin = Open._fields.index("words")
    end = begin + len(fields(Words))
    return [Open._make((*row[:begin], Words(*row[begin:end]), *row[end:])) for row in rows]


Done = tuple[Open, Sequence[Post]]
Failed = tuple[int, Exception]


def _decide_each(claimed: Sequence[Open], now: datetime) -> tuple[list[Done], list[Failed]]:
    decided: list[Done] = []
    failed: list[Failed] = []
    silences = pauses.of_owners((each.owner_id for each in claimed), now, now)
    for each in claimed:
        mine = silences.get(each.owner_id, ())
        if silent := [silence for silence in mine if silence.is_of(each.words.tags)]:
            decided.append((put_off(each, silent, now), []))
            continue
        try:
            says, then = decide(each, now)
            due_at = each.follow_up_at or now
            posts = [post for kind in says for post in posts_of(kind, then, due_at, now)]
            decided.append((then, posts))
        except Exception as error:
            failed.append((each.pk, error))
    return decided, failed


def _write(decided: Sequence[Done], now: datetime) -> int:
    said = post_messages([post for _, posts in decided for post in posts], now)
    rows = [each for each, _ in decided]
    with bulk_cursor() as cursor:
        cursor.execute(
            GO_ON,
            {
                "ids": [each.pk for each in rows],
                "statuses": [each.status for each in rows],
                "speaks": [each.speaks_again_at for each in rows],
                "nags": [each.nags for each in rows],
                "escalated": [each.escalated_at for each in rows],
                "follow_ups": [each.follow_up_at for each in rows],
            },
        )
    return said


def posts_of(kind: str, each: Open, due_at: datetime, now: datetime) -> list[Post]:
    """Return a message that was to be said at `due_at`, to each of its channels."""
    told = message_of(kind, each, due_at, now)
    channel_ids = each.escalate_channel_ids if kind == ESCALATE else each.channel_ids
    data = {
        **told.data,
        "type": f"reminder.{kind}",
        "occurrence_id": each.pk,
        "occurrence_due_at": iso(each.due_at),
        "late_seconds": max(0, int((now - due_at).total_seconds())),
    }
    ref = reference_of(kind, each)
    return [
        Post(channel_id, ref, told.title, told.body, due_at, data, each.urgent)
        for channel_id in channel_ids
    ]


def message_of(kind: str, each: Open, due_at: datetime, now: datetime) -> Message:
    if kind == NAG:
        opening, why = f"Reminder {each.nags} of {each.nag_max}: ", "It is not acknowledged yet."
    elif kind == ESCALATE:
        waited = roughly(now - each.since)
        opening, why = "No answer yet: ", f"Nobody has answered for {waited}, so it comes here too."
    else:
        opening, why = "", "It was snoozed until now."
    late = lateness(each.words, due_at, now)
    count = Count(each.words.fired_count, each.words.fired_due_at)
    why = f"{why} {late}".rstrip()
    return again(each.words, each.due_at, now, count, opening=opening, why=why)


def reference_of(kind: str, each: Open) -> str:
    """Return what deliveries call this follow-up; nags are counted anew after each snooze."""
    fired = reference(each.pk)
    if kind == ESCALATE:
        return f"{fired}:{kind}:1"
    spoken = f"{fired}:{SNOOZE}:{each.snoozes}" if each.snoozes else fired
    return spoken if kind == SNOOZE else f"{spoken}:{kind}:{each.nags}"
