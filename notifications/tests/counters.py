"""What PostgreSQL counts itself of what statements do to tables."""

from collections.abc import Callable

from django.db import connection, transaction

# Rows that were read, by whatever scan; and scans that read a table whole.
READ = "seq_tup_read + coalesce(idx_tup_fetch, 0)"
SCANS = "seq_scan"


def counted(figure: str, tables: list[str], call: Callable[[], object]) -> int:
    """Return by how much a figure, summed over tables, grows with a call, in one transaction."""
    sql = f"SELECT sum({figure}) FROM pg_stat_xact_user_tables WHERE relname = ANY (%s)"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, [tables])
        (before,) = cursor.fetchone()
        call()
        cursor.execute(sql, [tables])
        (after,) = cursor.fetchone()
    return int(after - before)
