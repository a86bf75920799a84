"""The change feed, by which a program keeps a copy of a user's reminders.

A change is a creation, an edit, a pause, a resume or a deletion: each raises `version`. A firing is
none. A trigger stores the transaction id of each change (reminders_revision). A mark names the
oldest transaction that was running when the mark was made. Transactions that commit later, in any
order, lie beyond the mark. So no change is missed, and some may come twice.
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, Self

from django.conf import settings
from django.db import connection

from accounts.api import cursors as cursor
from accounts.instants import parse_instant
from accounts.timezones import iso
from reminders.models import Reminder

START = "start"
# A mark of a release that did not sign marks.
UNSIGNED = re.compile(rb'\[[0-9]+, [0-9]+, "[0-9TZ:.-]+", .*\]')


class UnreadableMark(ValueError):
    """A text that is neither an instant nor a valid mark."""


class TooOld(Exception):
    """The deletions since then are not known any more: the client must begin with START."""


class Mark(NamedTuple):
    """A client's position in the change feed: after reminder `id` of transaction `xid`.

    During the initial copy `xid` is None and pages go by `id`. `horizon` and `made_at` are the
    position that the client will have after the last page. `since` is the instant that the client
    gave instead of a mark.
    """

    era: int
    horizon: int
    made_at: datetime
    xid: int | None
    id: int = 0
    since: datetime | None = None

    def encode(self, owner_id: int) -> str:
        since = self.since and iso(self.since)
        fields = [self.era, self.horizon, iso(self.made_at), self.xid, self.id, since]
        return cursor.sign(_purpose(owner_id), json.dumps(fields).encode())

    @classmethod
    def decode(cls, text: str, owner_id: int) -> Self:
        """Read and verify a mark. Raises UnreadableMark; TooOld for an unsigned one."""
        try:
            fields = json.loads(cursor.verify(_purpose(owner_id), text))
        except cursor.ForeignCursor as error:
            raise (TooOld if _is_unsigned(text) else UnreadableMark) from error
        era, horizon, made_at, xid, id_, since = fields
        begin = None if since is None else parse_instant(since)
        return cls(era, horizon, parse_instant(made_at), xid, id_, begin)


def _is_unsigned(text: str) -> bool:
    try:
        return UNSIGNED.fullmatch(cursor.decode(text)) is not None
    except cursor.ForeignCursor:
        return False


def _purpose(owner_id: int) -> str:
    return f"sync of {owner_id}"


class SyncPage(NamedTuple):
    """A page of changed and of deleted reminders, each in the order of change.

    `mark` is the position for the next page if `is_more`, else for the next sync.
    """

    reminders: list[Reminder]
    deleted: list[Reminder]
    mark: Mark
    is_more: bool


def read_page(user: Any, since: str, size: int, now: datetime) -> SyncPage:
    """Return the first changes after `since`: START, an instant with an offset, or a mark.

    1. Read the mark, and take the horizon before any row.
    2. Read the ids of changed reminders, one more than fit on the page.
    3. Read the reminders, and move the mark behind the last of them.

    Raises UnreadableMark or TooOld.
    """
    mark = _begin(user, since, now)
    read_ids = _existing_ids if mark.xid is None else _changed_ids
    keys = read_ids(user, mark, size + 1)
    rows = Reminder.objects.filter(owner=user)
    by_id = rows.in_bulk([id_ for _, id_ in keys[:size]])
    changed = [by_id[id_] for _, id_ in keys[:size] if id_ in by_id]
    is_more = len(keys) > size
    if is_more:
        xid, id_ = keys[size - 1]
        after = mark._replace(xid=xid, id=id_)
    else:
        # The next sync begins with the horizon itself.
        after = Mark(mark.era, mark.horizon, mark.made_at, max(mark.horizon - 1, 0), 2**63 - 1)
    return SyncPage(
        [row for row in changed if row.deleted_at is None],
        [row for row in changed if row.deleted_at is not None and mark.xid is not None],
        after,
        is_more,
    )


def _begin(user: Any, since: str, now: datetime) -> Mark:
    # Before any row is read: a transaction that commits from here on comes again next time.
    horizon, end = _horizon()
    if since == START:
        return Mark(_era(), horizon, now, None)
    oldest = now - timedelta(days=settings.FOAM_KEEP_DAYS)
    try:
        instant = parse_instant(since)
    except ValueError:
        mark = Mark.decode(since, user.pk)
    else:
        if instant < oldest:
            raise TooOld
        return Mark(_era(), horizon, now, 0, 0, instant)
    if mark.made_at < oldest or mark.era != _era() or mark.horizon > end:
        raise TooOld
    is_new = mark.xid == max(mark.horizon - 1, 0) and mark.id == 2**63 - 1
    return mark._replace(horizon=horizon, made_at=now) if is_new else mark


HORIZON = """
SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint
FROM pg_current_snapshot() s
"""


def _horizon() -> tuple[int, int]:
    """Return the oldest running transaction, and the first that has not begun."""
    with connection.cursor() as cursor:
        cursor.execute(HORIZON)
        return cursor.fetchone()


@cache
def _era() -> int:
    """Return the identifier of the database cluster, as transaction ids differ between clusters."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT system_identifier FROM pg_control_system()")
        (identifier,) = cursor.fetchone()
    return identifier


# Rows restored from another database may have ids of transactions that are yet to begin.
CHANGED = """
SELECT xid, reminder_id FROM reminders_revision
WHERE owner_id = %(owner)s AND (xid, reminder_id) > (%(xid)s, %(id)s)
    AND xid < (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
    AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
ORDER BY xid, reminder_id LIMIT %(limit)s
"""


def _changed_ids(user: Any, mark: Mark, limit: int) -> Sequence[tuple[int | None, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            CHANGED,
            {
                "owner": user.pk,
                "xid": mark.xid,
                "id": mark.id,
                "since": mark.since,
                "limit": limit,
            },
        )
        return cursor.fetchall()


def _existing_ids(user: Any, mark: Mark, limit: int) -> Sequence[tuple[int | None, int]]:
    own = Reminder.objects.owned_by(user).filter(pk__gt=mark.id).order_by("pk")
    return [(None, id_) for id_ in own.values_list("pk", flat=True)[:limit]]
