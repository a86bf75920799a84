"""A connection that gives up a server that hangs, and leaves a server that takes no writes.

libpq waits for an answer without end. When a process of PostgreSQL is stopped, its kernel still
acknowledges what is sent, so that neither keepalives nor tcp_user_timeout end the wait. All that
this connection waits for goes through `wait`.
"""

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, NoReturn, TypeVar

import psycopg
from psycopg import errors
from psycopg.abc import PQGen
from psycopg.waiting import Ready

from foam.postgresql import probe
from foam.postgresql.hosts import hosts
from foam.postgresql.reachability import reachability
from notifications.metrics import store

log = logging.getLogger(__name__)

T = TypeVar("T")

# In seconds: how often a wait looks about, after what silence it asks the server whether it is
# alive, and how long it waits for that answer. A statement may take as long as it takes while the
# server answers others.
STEP = 1.0
SILENCE = 5.0
PROBE = 10.0

# How long a wait may take in all, where somebody waits for its end; else None.
_patience: ContextVar[float | None] = ContextVar("patience", default=None)

# What a server says that is of no use, or no longer, to this session: it is read-only, as a standby
# is; it ends the session; it has forgotten what was prepared.
ENDED = {
    "25006",  # read_only_sql_transaction
    "25P03",  # idle_in_transaction_session_timeout
    "25P04",  # transaction_timeout
    "26000",  # invalid_sql_statement_name
    "53300",  # too_many_connections
    "57P01",  # admin_shutdown
    "57P02",  # crash_shutdown
    "57P03",  # cannot_connect_now
    "57P04",  # database_dropped
    "57P05",  # idle_session_timeout
}
# Its code says "not supported" only; its words are in the server's language.
CACHED_PLAN = "RevalidateCachedQuery"


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Have statements and connection attempts in here fail when they take longer than that."""
    token = _patience.set(min(seconds, _patience.get() or seconds))
    try:
        yield
    finally:
        _patience.reset(token)


def current_patience() -> float | None:
    return _patience.get()


class SessionEnded(psycopg.OperationalError):
    """The session is closed: what the server said shows that another one is needed."""

    def __init__(self, error: psycopg.Error) -> None:
        super().__init__(str(error))
        self.sqlstate = error.sqlstate


class Connection(psycopg.Connection[Any]):
    # How long one statement may take in this process, in seconds.
    longest: float | None = None

    def wait(self, gen: PQGen[T], interval: float = STEP / 10, timeout: float | None = None) -> T:
        try:
            if timeout is not None:
                return super().wait(gen, interval, timeout)
            return self._wait(gen, interval)
        except psycopg.Error as error:
            if not has_ended(error):
                raise
            log.warning("the session is closed sqlstate=%s", error.sqlstate)
            self.abort()
            if isinstance(error, psycopg.OperationalError):
                raise
            raise SessionEnded(error) from error

    def _wait(self, gen: PQGen[T], interval: float) -> T:
        try:
            return super().wait(gen, interval, STEP)
        except errors._WaitTimeout:
            began = asked_at = time.monotonic() - STEP
        while True:
            try:
                return super().wait(_resumed(gen), interval, STEP)
            except errors._WaitTimeout:
                asked_at = self._look_about(began, asked_at)

    def _look_about(self, began: float, asked_at: float) -> float:
        """Give the server up where there is no hope; return when it last showed that it lives."""
        now = time.monotonic()
        limits = [limit for limit in (self.longest, current_patience()) if limit is not None]
        if limits and now - began >= min(limits):
            self._give_up(f"a statement has taken {now - began:.0f} s")
        if reachability.was_lost_since(began):
            self._give_up("the server does not answer others either")
        if now - asked_at < SILENCE:
            return asked_at
        if probe.answers(self.pgconn, PROBE):
            return time.monotonic()
        reachability.lose()
        self._give_up(f"the server has not answered for {time.monotonic() - began:.0f} s")

    def _give_up(self, reason: str) -> NoReturn:
        log.error("the connection to the database is given up: %s", reason)
        hosts.hung(self.pgconn)
        store.error("database_silent")
        self.abort()
        raise psycopg.OperationalError(f"{reason}: the connection was closed")

    def abort(self) -> None:
        """Close without a word to the server, which may not listen."""
        with suppress(OSError, psycopg.Error):
            own = socket.socket(fileno=socket.dup(self.pgconn.socket))
            with own:
                own.shutdown(socket.SHUT_RDWR)
        self.close()


def _resumed(gen: PQGen[T]) -> PQGen[T]:
    """Go on with what waits already, and has to be told what is ready: nothing so far."""
    try:
        awaited = gen.send(Ready.NONE)
        while True:
            awaited = gen.send((yield awaited))
    except StopIteration as end:
        value: T = end.value
        return value


def has_ended(error: psycopg.Error) -> bool:
    state = error.sqlstate or ""
    if state == "0A000":
        return error.diag.source_function == CACHED_PLAN
    return state in ENDED or state.startswith("08")


def is_of_session(error: BaseException | None) -> bool:
    """Return whether an error came from a session that is gone, and not from its statement."""
    is_of_client = isinstance(error, psycopg.OperationalError) and error.sqlstate is None
    return is_of_client or (isinstance(error, psycopg.Error) and has_ended(error))
