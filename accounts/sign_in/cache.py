"""Django's cache in PostgreSQL: who has tried to sign in how often, and which codes are used up.

Not in Redis, which may be emptied at any time: then nobody would be locked out any more.
"""

import base64
import pickle
from datetime import UTC, datetime
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import connections, router

# Far ahead enough for what never expires.
NEVER = datetime.max.replace(tzinfo=UTC)

# One statement, so that of all who add the same key at once only one is told that it was new.
SET = """
INSERT INTO {table} AS c (cache_key, value, expires) VALUES (%(key)s, %(value)s, %(expires)s)
ON CONFLICT (cache_key) DO UPDATE SET value = EXCLUDED.value, expires = EXCLUDED.expires
"""
ADD = SET + "WHERE c.expires <= %(now)s"
TOUCH = """
UPDATE {table} SET expires = %(expires)s WHERE cache_key = %(key)s AND expires > %(now)s
"""
# What has run out goes in passing. What has not never does, however much there is: who fills the
# table with names must not free others of their lock-out.
FORGET = """
DELETE FROM {table} WHERE cache_key IN (
    SELECT cache_key FROM {table} WHERE expires <= %(now)s LIMIT 20 FOR UPDATE SKIP LOCKED
)
"""


class Cache(DatabaseCache):
    """As Django's, but for writing: nobody is asked how many rows there are, and none is culled."""

    def _base_set(self, mode: str, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT) -> bool:
        until = self.get_backend_timeout(timeout)
        # S301: only what FOAM wrote there is ever read back.
        stored = base64.b64encode(pickle.dumps(value, self.pickle_protocol)).decode("ascii")
        values: dict[str, str | datetime] = {
            "key": key,
            "value": stored,
            "expires": NEVER if until is None else datetime.fromtimestamp(until, UTC),
            "now": datetime.now(UTC),
        }
        connection = connections[router.db_for_write(self.cache_model_class)]
        table = connection.ops.quote_name(self._table)  # type: ignore[attr-defined]
        sql = {"set": SET, "add": ADD, "touch": TOUCH}[mode]
        with connection.cursor() as cursor:
            cursor.execute(FORGET.format(table=table), values)
            cursor.execute(sql.format(table=table), values)
            return cursor.rowcount > 0
