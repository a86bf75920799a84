"""Statements beside Django's: bound on the server, and planned once for each session."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.contrib.postgres.fields import ArrayField
from django.db import connection, transaction
from django.db.models import BigIntegerField, QuerySet, Value
from django.db.models.functions import Cast

# Set for the rest of a transaction. Without sorts, PostgreSQL must use the index in the order of
# the ORDER BY.
BY_INDEX = """
SET LOCAL enable_seqscan = off;
SET LOCAL enable_sort = off;
SET LOCAL enable_incremental_sort = off
"""

# Stand for the values of a compiled query. No row has such an id, instant or digest.
OWNER, PK = 2**63 - 2, 2**63 - 3
NOW = datetime.max.replace(tzinfo=UTC)
DIGEST = "the digest of a secret"
IDS = "an array of ids"
ARRAY_OF_IDS = Cast(Value(IDS), ArrayField(BigIntegerField()))
MARKERS = {"owner": OWNER, "pk": PK, "now": NOW, "digest": DIGEST, "ids": IDS}


@contextmanager
def in_index_order() -> Iterator[None]:
    """Open a transaction whose queries read rows in the order of an index, and never sort them.

    This is for a page of a list. Without statistics PostgreSQL expects few rows of an owner, and
    would read and sort all of them.
    """
    with transaction.atomic():
        with server_cursor() as cursor:
            cursor.execute(BY_INDEX)
        yield


@contextmanager
def server_cursor() -> Iterator[psycopg.Cursor[Any]]:
    """Yield a psycopg cursor in Django's connection and transaction that binds on the server.

    It raises Django's errors.
    """
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor


class CompiledQuery:
    """A queryset that Django compiles once for a process, and PostgreSQL plans once for a session.

    In the queryset OWNER, PK, NOW, DIGEST and IDS stand for values that `fetch` gets by the names
    of MARKERS. Rows come as PostgreSQL returns them, without Django's conversions. Behind PgBouncer
    nothing is prepared: see foam.postgresql.settings.
    """

    def __init__(self, queryset: QuerySet[Any], *, is_prepared: bool = True) -> None:
        self.sql = _with_placeholders(queryset)
        self.is_prepared = is_prepared

    def fetch(self, **values: Any) -> list[tuple[Any, ...]]:
        with server_cursor() as cursor:
            cursor.execute(self.sql, values, prepare=self.is_prepared, binary=True)
            return cursor.fetchall()


def _with_placeholders(queryset: QuerySet[Any]) -> str:
    """Return the statement with all constants in its text, and a placeholder for each marker.

    PostgreSQL cannot tell the type of some constants that are bound, such as keys of JSON, and
    matches the conditions of partial indexes with literals only.
    """
    connection.ensure_connection()
    client = psycopg.ClientCursor(connection.connection)
    text = client.mogrify(*queryset.query.sql_with_params()).replace("%", "%%")
    for name, marker in MARKERS.items():
        text = text.replace(client.mogrify("%s", [marker]).strip(), f"%({name})s")
    return text
