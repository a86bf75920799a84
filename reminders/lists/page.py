"""The ids of a page of reminders, at any number of rows in about the same time.

A list of an owner is a walk along an index in the order of the list. Where most reminders meet the
filters, a short one fills the page. Where few do, the index of a filter gives their ids, at most
MOST, which are read and sorted.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection, transaction

from accounts.sql import BY_INDEX
from reminders.lists.conditions import PARTS, Condition, ReminderFilters

# Ids that are read and sorted.
MOST = 5000
# Rows of the walk that comes first: an index reads all that meet a filter before it gives one.
SHORT_WALK = 1000
# Rows of the walk where more than MOST meet the filters. Where these do not fill a page, as those
# that meet them lie together far off, all are sorted.
WALK = 30_000

OWN = "r.owner_id = %(owner)s AND r.deleted_at IS NULL"
# Joined by a subquery with a limit, which leaves PostgreSQL one way: to look up each row.
BY_REMINDER = """reminders_reminder r CROSS JOIN LATERAL (
    SELECT * FROM reminders_plan p WHERE p.reminder_id = r.id LIMIT 1) p"""
BY_PLAN = """reminders_plan p CROSS JOIN LATERAL (
    SELECT * FROM reminders_reminder r WHERE r.id = p.reminder_id LIMIT 1) r"""
# Of PostgreSQL's ways to answer a probe only those by an index: without statistics, or with a LIMIT
# that seems to be met soon, it would read the whole table.
PROBING = "SET LOCAL enable_seqscan = off"
SORTING = "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = on"


class Position(NamedTuple):
    """The row that a page begins after: its value in the order, and its id."""

    value: Any
    id: int


class ListOrder(NamedTuple):
    """An order of the list: a column, then the id, both rising or both falling.

    Null, which only `next_due_at` can be, is the greatest value.
    """

    column: str
    is_falling: bool = False

    @classmethod
    def of(cls, name: str, *, is_falling: bool) -> "ListOrder":
        return cls(COLUMNS[name], is_falling)

    @property
    def by_plan(self) -> bool:
        return self.column.startswith("p.")


COLUMNS = {
    "id": "r.id",
    "title": "r.title",
    "created_at": "r.created_at",
    "updated_at": "r.updated_at",
    "next_due_at": "p.next_due_at",
}


def page_ids(
    filters: ReminderFilters, order: ListOrder, after: Position | None, limit: int
) -> list[int]:
    """Return the ids of the first `limit` reminders after a position that meet the filters.

    Deleted reminders are left out.
    """
    query = _PageQuery(filters, list(filters.conditions()), order, after, limit)
    with transaction.atomic():
        if PARTS in query.conditions:
            return query.sort(None, None)
        probed = [
            condition
            for condition in query.conditions
            if condition.probe and not (order.by_plan and condition.is_range_of_due)
        ]
        if not probed:
            return query.walk(None)
        met = query.walk(SHORT_WALK)
        if len(met) == limit:
            return met
        ids = candidates(filters, probed)
        if ids is not None:
            return query.sort(ids)
        met = query.walk(WALK)
        return met if len(met) == limit else query.sort(None, probed[0])


def candidates(filters: ReminderFilters, conditions: Sequence[Condition]) -> list[int] | None:
    """Return the ids that meet one of the conditions, if these are at most MOST; else None.

    Asks the indexes of the conditions in turn, within a transaction of the caller.
    """
    with connection.cursor() as cursor:
        cursor.execute(PROBING)
        for condition in conditions:
            cursor.execute(f"{condition.probe} LIMIT {MOST + 1}", filters.values)
            ids = [pk for (pk,) in cursor.fetchall()]
            if len(ids) <= MOST:
                return ids
    return None


class _PageQuery(NamedTuple):
    """The statements that read the ids of a page."""

    filters: ReminderFilters
    conditions: list[Condition]
    order: ListOrder
    after: Position | None
    limit: int

    def sort(self, ids: Sequence[int] | None, probed: Condition | None = None) -> list[int]:
        """Read all that meet the filters, and sort them: of these ids, or by an index."""
        where = [OWN, *(condition.sql for condition in self.conditions), *self._beyond()]
        if ids is not None:
            where.append("r.id = ANY (%(ids)s)")
        elif probed is not None:
            where.append(f"r.id = ANY (ARRAY({probed.probe}))")
        sign = "DESC" if self.order.is_falling else "ASC"
        sql = f"""
SELECT r.id FROM {BY_REMINDER}
WHERE {" AND ".join(where)} ORDER BY {self.order.column} {sign}, r.id {sign} LIMIT %(limit)s
"""  # noqa: S608  ours
        return self._ids(SORTING, sql, ids=ids)

    def walk(self, most: int | None) -> list[int]:
        """Read along the index of the order, at most `most` rows, until the page is full."""
        segments = [self._segment(where, most) for where in self._segments()]
        sql = f"SELECT id FROM ({' UNION ALL '.join(segments)}) AS page LIMIT %(limit)s"  # noqa: S608  ours
        return self._ids(BY_INDEX, sql, most=most)

    def _segment(self, place: str, most: int | None) -> str:
        sign = "DESC" if self.order.is_falling else "ASC"
        row = "p" if self.order.by_plan else "r"
        key = "p.reminder_id" if self.order.by_plan else "r.id"
        columns = dict.fromkeys((f"{row}.owner_id", self.order.column, key))
        ranges = [c.sql for c in self.conditions if self.order.by_plan and c.is_range_of_due]
        met = [c.sql for c in self.conditions if c.sql not in ranges]
        is_met = " AND ".join(met) or "TRUE"
        # The owner is a part of the order: see EqualsAny.
        where = [f"{row}.owner_id = ANY (ARRAY[%(owner)s])", "r.deleted_at IS NULL", *ranges, place]
        return f"""(
SELECT id FROM (
    SELECT r.id, {is_met} AS is_met FROM {self._tables()}
    WHERE {" AND ".join(filter(None, where))}
    ORDER BY {", ".join(f"{column} {sign}" for column in columns)} LIMIT %(most)s
) AS walk WHERE is_met LIMIT %(limit)s)"""  # noqa: S608  ours

    def _tables(self) -> str:
        if self.order.by_plan:
            return BY_PLAN
        has_plan = any("p." in condition.sql for condition in self.conditions)
        return BY_REMINDER if has_plan else "reminders_reminder r"

    def _segments(self) -> list[str]:
        """Return the conditions of the parts of the order that follow the position, in its order.

        The column of a plan has a part without values, which are the greatest.
        """
        side = "<" if self.order.is_falling else ">"
        column, after = self.order.column, self.after
        if column == "r.id":
            return [f"r.id {side} %(after_id)s" if after else ""]
        key = "p.reminder_id" if self.order.by_plan else "r.id"
        beyond = f"({column}, {key}) {side} (%(after_value)s, %(after_id)s)"
        if not self.order.by_plan:
            return [beyond if after else ""]
        valued, empty = f"{column} IS NOT NULL", f"{column} IS NULL"
        is_empty = after is not None and after.value is None
        if is_empty:
            following = f"{empty} AND {key} {side} %(after_id)s"
            return [following, valued] if self.order.is_falling else [following]
        following = f"{valued} AND {beyond}" if after else valued
        if self.order.is_falling:
            return [following] if after else [empty, following]
        return [following, empty]

    def _beyond(self) -> list[str]:
        """Return the condition of all rows that follow the position."""
        parts = [f"({part})" for part in self._segments() if part]
        return [f"({' OR '.join(parts)})"] if parts else []

    def _ids(self, settings: str, sql: str, **values: Any) -> list[int]:
        after = self.after or Position(None, 0)
        values |= {"limit": self.limit, "after_value": after.value, "after_id": after.id}
        with connection.cursor() as cursor:
            cursor.execute(settings)
            cursor.execute(sql, {**self.filters.values, **values})
            return [pk for (pk,) in cursor.fetchall()]
