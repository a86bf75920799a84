"""What has changed since: so that a program keeps a copy of somebody's reminders.

A change is what raises `version`: a creation, an edit, a pause, a resume, a deletion. A firing is
none. Each change leaves the id of its transaction (reminders_revision, by a trigger), and a mark
names the oldest transaction that was still at work when it was made: whatever commits after that
lies beyond the mark, in whatever order it commits. So nothing is missed; what was at work when the
mark was made may come twice.
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
# A mark that FOAM made before it signed them.
UNSIGNED = re.compile(rb'\[[0-9]+, [0-9]+, "[0-9TZ:.-]+", .*\]')


class Unreadable(ValueError):
    """Neither an instant nor a mark of ours."""


class TooOld(Exception):
    """What was deleted since is not known any more: begin with START."""


class Mark(NamedTuple):
    """Where a program has come to: beyond `xid` and, among the changes of one transaction, `id`.

    Between two pages it carries what the last one is to lead to: `horizon`, made at `made_at`. A
    copy begins with all that there is, by id: `xid` is None until that is through. `since` is the
    instant that was asked for instead of a mark.
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
        """Return a mark of ours. Raises Unreadable; TooOld for one from before they were signed."""
        try:
            fields = json.loads(cursor.verify(_purpose(owner_id), text))
        except cursor.ForeignCursor as error:
            raise (TooOld if _is_unsigned(text) else Unreadable) from error
        era, horizon, made_at, xid, id_, since = fields
        begun = None if since is None else parse_instant(since)
        return cls(era, horizon, parse_instant(made_at), xid, id_, begun)


def _is_unsigned(text: str) -> bool:
    try:
        return UNSIGNED.fullmatch(cursor.decode(text)) is not None
    except cursor.ForeignCursor:
        return False


def _purpose(owner_id: int) -> str:
    return f"sync of {owner_id}"


class Page(NamedTuple):
    """Reminders that have changed, and those that are deleted, each in the order of change.

    `mark` is what to go on with; at once where there `is_more`, else the next time.
    """

    reminders: list[Reminder]
    deleted: list[Reminder]
    mark: Mark
    is_more: bool


def page(user: Any, since: str, size: int, now: datetime) -> Page:
    """Return the first changes `since`: START, an instant with an offset, or a mark's text.

    Raises Unreadable or TooOld.
    """
    mark = _begin(user, since, now)
    found = _all_there(user, mark, size + 1) if mark.xid is None else _changed(user, mark, size + 1)
    rows = Reminder.objects.filter(owner=user).with_channels()
    by_id = rows.in_bulk([id_ for _, id_ in found[:size]])
    changed = [by_id[id_] for _, id_ in found[:size] if id_ in by_id]
    is_more = len(found) > size
    if is_more:
        xid, id_ = found[size - 1]
        after = mark._replace(xid=xid, id=id_)
    else:
        # From the horizon on, itself included.
        after = Mark(mark.era, mark.horizon, mark.made_at, max(mark.horizon - 1, 0), 2**63 - 1)
    return Page(
        [row for row in changed if row.deleted_at is None],
        [row for row in changed if row.deleted_at is not None and mark.xid is not None],
        after,
        is_more,
    )


def _begin(user: Any, since: str, now: datetime) -> Mark:
    # First of all: what commits from here on is beyond it, and comes again.
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
    """Return the oldest transaction that is still at work, and the first that is yet to begin."""
    with connection.cursor() as cursor:
        cursor.execute(HORIZON)
        return cursor.fetchone()


@cache
def _era() -> int:
    """Return what tells this database's transactions from those of one it was restored from."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT system_identifier FROM pg_control_system()")
        (identifier,) = cursor.fetchone()
    return identifier


# What was restored from another database may have ids that are yet to come.
CHANGED = """
SELECT xid, reminder_id FROM reminders_revision
WHERE owner_id = %(owner)s AND (xid, reminder_id) > (%(xid)s, %(id)s)
    AND xid < (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
    AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
ORDER BY xid, reminder_id LIMIT %(limit)s
"""


def _changed(user: Any, mark: Mark, limit: int) -> Sequence[tuple[int | None, int]]:
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


def _all_there(user: Any, mark: Mark, limit: int) -> Sequence[tuple[int | None, int]]:
    own = Reminder.objects.owned_by(user).filter(pk__gt=mark.id).order_by("pk")
    return [(None, id_) for id_ in own.values_list("pk", flat=True)[:limit]]
