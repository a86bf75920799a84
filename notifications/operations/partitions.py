"""Partitions of the tables that grow for ever: made ahead of time, dropped once they are empty.

A row that belongs to no partition goes to the default partition, so that a missing one stops
nothing. Each statement is given up after LOCK_LIMIT, the time that it waits for a lock included,
so that no tick and no lease waits for a second; the next run tries again.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db import OperationalError, ProgrammingError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import errors, sql

log = logging.getLogger(__name__)

# What the key of a partitioned table is.
T = TypeVar("T", int, datetime)

# A change takes up to three statements that others may have to wait for.
LOCK_LIMIT = timedelta(milliseconds=300)
BOUND = re.compile(r"FOR VALUES FROM \('?(.*?)'?\) TO \('?(.*?)'?\)")
PARTITIONS = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid)
FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = %s::regclass
"""
# Rows that went to the default partition are moved.
MAKE = """
CREATE TABLE {partition} (LIKE {table} INCLUDING ALL EXCLUDING IDENTITY);
WITH moved AS (
    DELETE FROM {default} WHERE {key} >= {lower} AND {key} < {upper} RETURNING *
)
INSERT INTO {partition} SELECT * FROM moved;
ALTER TABLE {table} ATTACH PARTITION {partition} FOR VALUES FROM ({lower}) TO ({upper})
"""


@dataclass(frozen=True, slots=True)
class Partition(Generic[T]):
    """A range of rows, `lower` included and `upper` excluded; no `lower` is the beginning."""

    name: str
    lower: T | None
    upper: T

    def has(self, key: T) -> bool:
        return (self.lower is None or self.lower <= key) and key < self.upper

    def overlaps(self, partition: "Partition[T]") -> bool:
        begins_before = self.lower is None or self.lower < partition.upper
        return begins_before and (partition.lower is None or partition.lower < self.upper)


@dataclass(frozen=True, slots=True)
class PartitionedTable(Generic[T]):
    """A table partitioned by ranges of `key`; `parse` reads a bound as PostgreSQL writes it."""

    name: str
    key: str
    parse: Callable[[str], T]

    @property
    def default(self) -> str:
        return f"{self.name}_default"

    def partitions(self) -> list[Partition[T]]:
        """Return the partitions in the order of their ranges, without the default partition."""
        with connection.cursor() as cursor:
            cursor.execute(PARTITIONS, [self.name])
            rows = [(name, BOUND.match(bound)) for name, bound in cursor.fetchall()]
        ranges = [
            Partition(name, None if m[1] == "MINVALUE" else self.parse(m[1]), self.parse(m[2]))
            for name, m in rows
            if m
        ]
        return sorted(ranges, key=lambda partition: partition.upper)

    def is_covered(self, key: T) -> bool:
        """Return whether a row of this key has a partition other than the default one."""
        return any(partition.has(key) for partition in self.partitions())

    def make(self, lower: T, upper: T, suffix: str, limit: timedelta | None = None) -> bool:
        """Make a partition unless there is one of these rows; return False if it took too long.

        `limit`: the time of a statement, in place of LOCK_LIMIT.
        """
        partition = Partition(f"{self.name}_{suffix}", lower, upper)

        def change(cursor: CursorWrapper) -> bool:
            cursor.execute(self._sql("LOCK TABLE {default} IN ACCESS EXCLUSIVE MODE"))
            # Another process may have made it meanwhile.
            if not any(map(partition.overlaps, self.partitions())):
                cursor.execute(self._sql(MAKE, partition))
                log.info("partition made name=%s", partition.name)
            return True

        return _briefly(change, partition.name, limit)

    def drop(self, partition: Partition[T], needed: str) -> bool:
        """Drop a partition, unless the query `needed` returns a row; return whether it is gone.

        The query has the placeholders {partition}, {lower} and {upper}. It is asked once without a
        lock, to leave a partition in use alone, and once under the lock that keeps all others out.
        """

        def change(cursor: CursorWrapper) -> bool:
            cursor.execute(self._sql("LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE"))
            cursor.execute(self._sql("LOCK TABLE {partition} IN ACCESS EXCLUSIVE MODE", partition))
            if not is_free(cursor):
                return False
            cursor.execute(self._sql("DROP TABLE {partition}", partition))
            log.info("partition dropped name=%s", partition.name)
            return True

        def is_free(cursor: CursorWrapper) -> bool:
            cursor.execute(self._sql(f"SELECT NOT EXISTS ({needed})", partition))
            return bool(cursor.fetchone()[0])

        return _briefly(is_free, partition.name) and _briefly(change, partition.name)

    def _sql(self, text: str, partition: Partition[T] | None = None) -> sql.Composed:
        values: dict[str, Any] = {
            "table": sql.Identifier(self.name),
            "default": sql.Identifier(self.default),
            "key": sql.Identifier(self.key),
        }
        if partition is not None:
            lower = sql.SQL("MINVALUE") if partition.lower is None else partition.lower
            values |= {
                "partition": sql.Identifier(partition.name),
                "lower": lower,
                "upper": partition.upper,
            }
        return sql.SQL(text).format(**values)


def _briefly(
    change: Callable[[CursorWrapper], bool], name: str, limit: timedelta | None = None
) -> bool:
    """Return what `change` returns, in a transaction; False if a statement of it took too long.

    It is False as well where another process has dropped the partition.
    """
    milliseconds = (limit or LOCK_LIMIT) // timedelta(milliseconds=1)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {milliseconds}")
            return change(cursor)
    except (OperationalError, ProgrammingError) as error:
        if not isinstance(error.__cause__, errors.QueryCanceled | errors.UndefinedTable):
            raise
        log.warning("partition in use, left for the next run name=%s", name)
        return False
