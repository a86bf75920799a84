"""Some of the active reminders that stand for all: those on a number of pages of their table.

What it costs does not grow with the table. A table that has no more pages is read whole.
"""

from typing import Any

from django.db import connection

from accounts.models import SYSTEM_USER_ID

SIZE = """
SELECT pg_relation_size('reminders_reminder') / current_setting('block_size')::int
"""
COUNT = """
SELECT {by}, count(*) FROM reminders_reminder TABLESAMPLE SYSTEM (%(percent)s)
WHERE status = 'active' AND id <> %(foam)s AND {where} GROUP BY 1
"""


def count(pages: int, by: str, where: str = "TRUE", **values: Any) -> tuple[dict[Any, int], float]:
    """Count those on so many pages, each of some twenty reminders, by an SQL expression.

    Return also which share of all pages these are: 1.0 where nothing is left out. `by` and `where`
    are written by programmers; what they are given stands in `values`.
    """
    with connection.cursor() as cursor:
        cursor.execute(SIZE)
        (size,) = cursor.fetchone() or (0,)
        share = min(1.0, pages / max(1, size))
        sql = COUNT.format(by=by, where=where)
        cursor.execute(sql, {**values, "foam": SYSTEM_USER_ID, "percent": 100 * share})
        return dict(cursor.fetchall()), share


def many(number: int, *, is_exact: bool) -> str:
    """Say a number as precisely as it is known: an estimate has two digits."""
    return f"{number:,}" if is_exact else f"about {round(number, 2 - len(str(number))):,}"
