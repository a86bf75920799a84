"""A sample of the active reminders: all plans on a number of random pages of their table.

The cost does not grow with the table. A table of no more pages is read whole.
"""

from typing import Any

from django.db import connection

from accounts.models import SYSTEM_USER_ID

SIZE = """
SELECT pg_relation_size('reminders_plan') / current_setting('block_size')::int
"""
COUNT = """
SELECT {by}, count(*) FROM reminders_plan p TABLESAMPLE SYSTEM (%(percent)s)
WHERE status = 'active' AND reminder_id <> %(foam)s AND {where} GROUP BY 1
"""


def count(pages: int, by: str, where: str = "TRUE", **values: Any) -> tuple[dict[Any, int], float]:
    """Count the reminders on `pages` random pages by the SQL expression `by`.

    Return the counts and the share of all pages that was read: 1.0 for the whole table. `by` and
    `where` are SQL of the caller and must hold no input of users; that goes into `values`.
    """
    with connection.cursor() as cursor:
        cursor.execute(SIZE)
        (size,) = cursor.fetchone() or (0,)
        share = min(1.0, pages / max(1, size))
        sql = COUNT.format(by=by, where=where)
        cursor.execute(sql, {**values, "foam": SYSTEM_USER_ID, "percent": 100 * share})
        return dict(cursor.fetchall()), share


def format_count(number: int, *, is_exact: bool) -> str:
    """Return a number as text; an estimate is rounded to two digits: "about 38,000"."""
    return f"{number:,}" if is_exact else f"about {round(number, 2 - len(str(number))):,}"
