"""Set-based SQL statements with arrays as parameters, for many rows at once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from django.db import DataError, IntegrityError, transaction

from accounts.sql import BY_INDEX, server_cursor

T = TypeVar("T")


@contextmanager
def bulk_cursor(*, by_index: bool = False) -> Iterator[psycopg.Cursor[Any]]:
    """Yield a psycopg cursor in Django's connection and transaction that binds on the server.

    With `%(name)b` an array is sent in PostgreSQL's binary form, which takes a quarter of the time
    of the literals of Django's cursor. It raises Django's errors.

    With `by_index` the statements of this transaction use the index in the order of their ORDER BY.
    Statistics are missing for a new or restored table, and stale during a burst. Then the planner
    would read the whole table, or sort all due rows, for each batch of a few hundred.

    Statements join their batch by `d.id = ANY (ARRAY[batch.id])`. It equals `d.id = batch.id`, but
    leaves PostgreSQL one plan: look up each id of the batch. A plain equality lets the planner scan
    the whole table when it underestimates its size.
    """
    with server_cursor() as cursor:
        if by_index:
            cursor.execute(BY_INDEX)
        yield cursor


def write_or_isolate(
    rows: Sequence[T], write: Callable[[Sequence[T]], int]
) -> tuple[int, list[tuple[T, Exception]]]:
    """Write all rows at once; if the database refuses a row, write them one by one.

    Return the sum of the counts that `write` returns, and the refused rows with their errors.
    """
    if not rows:
        return 0, []
    try:
        with transaction.atomic():
            return write(rows), []
    except (DataError, IntegrityError) as error:
        if len(rows) == 1:
            return 0, [(rows[0], error)]
    total, failed = 0, []
    for row in rows:
        count, refused = write_or_isolate([row], write)
        total += count
        failed += refused
    return total, failed
