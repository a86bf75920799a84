"""Counts statements as PostgreSQL gets them, by Django's cursors and by others."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import psycopg


@contextmanager
def captured_statements() -> Iterator[list[str]]:
    """Yield a list that grows by the text of each statement, without those of transactions."""
    texts: list[str] = []
    execute = psycopg.Cursor.execute

    def noting(cursor, query, *args, **kwargs):
        if not str(query).strip().startswith(("SAVEPOINT", "RELEASE", "SET LOCAL")):
            texts.append(str(query))
        return execute(cursor, query, *args, **kwargs)

    with patch.object(psycopg.Cursor, "execute", noting):
        yield texts
