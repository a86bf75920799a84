"""The backend that DATABASES["default"]["ENGINE"] names."""

from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any, TypeVar

import psycopg
from django.db import InterfaceError, OperationalError
from django.db.backends.postgresql import base

from foam.postgresql import limits
from foam.postgresql.connection import Connection, current_patience, patience
from foam.postgresql.hosts import hosts
from foam.postgresql.reachability import reachability

T = TypeVar("T")

# How long a connection may take to show that it is of use, in seconds: nothing is under way on it.
HEALTH = 5.0

# psycopg, as Django asks for it, with connections of our own.
DRIVER = ModuleType("psycopg")
vars(DRIVER).update(vars(psycopg), connect=Connection.connect)


class DatabaseWrapper(base.DatabaseWrapper):
    Database = DRIVER
    # Django's, which its types lack.
    health_check_enabled: bool
    health_check_done: bool

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        # PgBouncer takes no options: there the limit is the connection's own.
        if "options" in params:
            params["options"] = limits.limited(params["options"])
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        limit = current_patience()
        if limit is not None:
            conn_params = {**conn_params, "connect_timeout": max(2, int(limit))}
        with reachability.attempt():
            connection: Connection = super().get_new_connection(hosts.ordered(conn_params))
        hosts.answered(connection.pgconn)
        connection.longest = limits.longest(conn_params.get("options", ""))
        return connection

    def close_if_health_check_failed(self) -> None:
        """Drop a connection that was closed under Django, which would go on with it.

        Not within a transaction, of which a part would be lost.
        """
        is_between = self.autocommit and not self.in_atomic_block
        if self.connection is not None and self.connection.closed and is_between:
            self.close()
        super().close_if_health_check_failed()

    def run_first(self, read: Callable[[], T], is_of_primary: Callable[[T], bool]) -> T:
        """Run the first read of a request, whose answer also shows that the connection is usable.

        This saves the round trip of the health check. Where the answer does not come from a
        primary, or none comes, the check follows and the read is repeated.
        """
        is_checked = self.health_check_done or not self.health_check_enabled
        if self.connection is None or is_checked or self.in_atomic_block:
            return read()
        self.health_check_done = True
        with suppress(OperationalError, InterfaceError), patience(HEALTH):
            answer = read()
            if is_of_primary(answer):
                return answer
        self.health_check_done = False
        return read()

    def is_usable(self) -> bool:
        """Return whether the server answers and takes writes: a standby answers as well."""
        if self.connection is None:
            return False
        try:
            with patience(HEALTH), self.connection.cursor() as cursor:
                cursor.execute("SELECT pg_is_in_recovery()")
                return cursor.fetchone() == (False,)
        except psycopg.Error:
            return False
