"""Set-based statements whose parameters are arrays, for whoever moves many rows at once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from django.db import DataError, IntegrityError, connection, transaction

T = TypeVar("T")


# For the rest of a transaction. Without sorting, an ORDER BY names the index that it goes along.
BY_INDEX = """
SET LOCAL enable_seqscan = off;
SET LOCAL enable_sort = off;
SET LOCAL enable_incremental_sort = off
"""


@contextmanager
def in_index_order() -> Iterator[None]:
    """Open a transaction whose queries read rows in the order of an index, and never sort them.

    For a page of a list. Without statistics PostgreSQL expects few rows of an owner, and would read
    all of them to sort them.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(BY_INDEX)
        yield


@contextmanager
def bulk_cursor(*, by_index: bool = False) -> Iterator[psycopg.Cursor[Any]]:
    """Yield a cursor in Django's own connection and transaction that binds on the server.

    With `%(name)b` an array travels in PostgreSQL's binary form, which takes a quarter of the time
    that the literals of Django's cursor take. Errors are Django's, as ever.

    `by_index` has the statements of this transaction go along the index that has the order they ask
    for, whatever statistics say: of a table that has just begun to grow, or was just restored,
    nothing, and of a burst that has just become due they do not know. Then the planner would read
    all of the table, or gather all that is due by whatever index and sort it, for each batch of a
    few hundred.

    The batch itself is joined as `d.id = ANY (ARRAY[batch.id])`. That is `d.id = batch.id` to all
    but the planner, who then knows one way only: from each of the batch to its row. An equation he
    may turn around, to read all rows in the order of the index, where he believes them to be few.
    """
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        if by_index:
            cursor.execute(BY_INDEX)
        yield cursor


def write_or_isolate(
    rows: Sequence[T], write: Callable[[Sequence[T]], int]
) -> tuple[int, list[tuple[T, Exception]]]:
    """Write all at once; when the database refuses a row, find it by writing one at a time.

    `write` returns a count; return their sum, and the rows that were refused, each with why.
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
