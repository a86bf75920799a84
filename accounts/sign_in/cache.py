"""Django's cache in PostgreSQL, for failed sign-ins and used codes.

Redis may be emptied at any time, which would unlock all locked-out logins.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import connections, router

# Name of the only member of an object that stands for an instant.
INSTANT = "$instant"
# Expiry of a key that never expires.
NEVER = datetime.max.replace(tzinfo=UTC)

# One statement, so that only one of several parallel requests adds a key.
SET_SQL = """
INSERT INTO {table} AS c (cache_key, value, expires) VALUES (%(key)s, %(value)s, %(expires)s)
ON CONFLICT (cache_key) DO UPDATE SET value = EXCLUDED.value, expires = EXCLUDED.expires
"""
ADD_SQL = SET_SQL + "WHERE c.expires <= %(now)s"
TOUCH_SQL = """
UPDATE {table} SET expires = %(expires)s WHERE cache_key = %(key)s AND expires > %(now)s
"""
# Each write deletes some expired keys. Others are never culled: a client that fills the table with
# logins must not unlock other logins.
DELETE_EXPIRED_SQL = """
DELETE FROM {table} WHERE cache_key IN (
    SELECT cache_key FROM {table} WHERE expires <= %(now)s LIMIT 20 FOR UPDATE SKIP LOCKED
)
"""


READ_SQL = """
SELECT cache_key, value FROM {table} WHERE cache_key = ANY (%(keys)s) AND expires > %(now)s
"""


class Cache(DatabaseCache):
    """`DatabaseCache` of JSON, whose writes neither count nor cull: rows go only once expired.

    Django's own unpickles what it reads, so that a client who writes a row runs code in web. A
    value that is no JSON counts as missing.
    """

    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        names = {self.make_and_validate_key(key, version=version): key for key in keys}
        connection = connections[router.db_for_read(self.cache_model_class)]
        table = connection.ops.quote_name(self._table)  # type: ignore[attr-defined]
        with connection.cursor() as cursor:
            values: dict[str, Any] = {"keys": list(names), "now": datetime.now(UTC)}
            cursor.execute(READ_SQL.format(table=table), values)
            rows = cursor.fetchall()
        parsed = {names[key]: _parse(text) for key, text in rows}
        return {key: value for key, value in parsed.items() if value is not None}

    def _base_set(self, mode: str, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT) -> bool:
        until = self.get_backend_timeout(timeout)
        values: dict[str, str | datetime] = {
            "key": key,
            "value": json.dumps(value, default=_encode),
            "expires": NEVER if until is None else datetime.fromtimestamp(until, UTC),
            "now": datetime.now(UTC),
        }
        connection = connections[router.db_for_write(self.cache_model_class)]
        table = connection.ops.quote_name(self._table)  # type: ignore[attr-defined]
        sql = {"set": SET_SQL, "add": ADD_SQL, "touch": TOUCH_SQL}[mode]
        with connection.cursor() as cursor:
            cursor.execute(DELETE_EXPIRED_SQL.format(table=table), values)
            cursor.execute(sql.format(table=table), values)
            return cursor.rowcount > 0


def _parse(text: str) -> Any:
    try:
        return json.loads(text, object_hook=_decode)
    except (ValueError, TypeError, RecursionError):
        return None


def _encode(value: Any) -> dict[str, str]:
    if isinstance(value, datetime):
        return {INSTANT: value.isoformat()}
    raise TypeError(f"The cache stores JSON and instants, no {type(value).__name__}.")


def _decode(value: dict[str, Any]) -> Any:
    return datetime.fromisoformat(value[INSTANT]) if list(value) == [INSTANT] else value
