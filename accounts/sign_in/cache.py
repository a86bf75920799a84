"""Django's cache in PostgreSQL, for failed sign-ins and used codes.

Redis may be emptied at any time, which would unlock all locked-out logins.
"""

import base64
import pickle
from datetime import UTC, datetime
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import connections, router

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


class Cache(DatabaseCache):
    """`DatabaseCache` whose writes neither count nor cull: rows go only once they have expired."""

    def _base_set(self, mode: str, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT) -> bool:
        until = self.get_backend_timeout(timeout)
        # S301: only FOAM writes to this table.
        stored = base64.b64encode(pickle.dumps(value, self.pickle_protocol)).decode("ascii")
        values: dict[str, str | datetime] = {
            "key": key,
            "value": stored,
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
