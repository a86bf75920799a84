"""Counts of statements, and what PostgreSQL counts itself of what they do to tables."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import psycopg
from django.db import connection, transaction

# Rows that were read, by whatever scan; and scans that read a table whole.
READ = "seq_tup_read + coalesce(idx_tup_fetch, 0)"
SCANS = "seq_scan"


PARTITIONS = "SELECT inhrelid FROM pg_inherits WHERE inhparent = ANY (%(tables)s::regclass[])"


def forget_statistics(tables: list[str]) -> None:
    """Have tables and their partitions of which PostgreSQL knows nothing."""
    sql = f"""
        DELETE FROM pg_statistic
        WHERE starelid = ANY (%(tables)s::regclass[]) OR starelid IN ({PARTITIONS})
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, {"tables": tables})


def counted(figure: str, tables: list[str], call: Callable[[], object]) -> int:
    """Return by how much a figure, summed over tables, grows with a call, in one transaction."""
    with transaction.atomic():
        before = counted_so_far(figure, tables)
        call()
        return counted_so_far(figure, tables) - before


def counted_so_far(figure: str, tables: list[str]) -> int:
    """Return a figure of the transaction at present, summed over tables and their partitions."""
    sql = f"""
        SELECT sum({figure}) FROM pg_stat_xact_user_tables
        WHERE relid = ANY (%(tables)s::regclass[]) OR relid IN ({PARTITIONS})
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, {"tables": tables})
        return int(cursor.fetchone()[0])


@contextmanager
def captured_statements() -> Iterator[list[str]]:
    """Yield a list that grows by the text of each statement, of Django's cursors and of others.

    Statements that begin and end transactions, and that set planner options, are left out.
    """
    texts: list[str] = []
    execute = psycopg.Cursor.execute

    def noting(cursor, query, *args, **kwargs):
        if not str(query).strip().startswith(("SAVEPOINT", "RELEASE", "SET LOCAL")):
            texts.append(str(query))
        return execute(cursor, query, *args, **kwargs)

    with patch.object(psycopg.Cursor, "execute", noting):
        yield texts
