import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from psycopg.errors import LockNotAvailable

from foam import replaced_migrations
from foam.postgresql.connection import is_of_session

# Any number that nothing else in this database locks: "FOAM" in ASCII.
LOCK = 0x464F414D
PAUSE = 1.0
# A statement that waits for a table has everybody who comes after it wait as well.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '2s'"

UNFINISHED = """
SELECT relname FROM pg_class
WHERE relname = ANY(%s) AND relkind = 'i' AND relnamespace = current_schema()::regnamespace
"""


class Command(BaseCommand):
    help = "Wait for the database, then apply migrations, one process at a time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--wait", type=float, default=60, help="seconds to wait for the database (default 60)"
        )
        parser.add_argument(
            "--patience",
            type=float,
            default=600,
            help="seconds to go on trying while others use a table (default 600)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        deadline = time.monotonic() + options["patience"]
        while not self.is_done(options, deadline):
            self.say("The database ended the session; trying again.")
            connection.close()
            time.sleep(PAUSE)

    def is_done(self, options: dict[str, Any], deadline: float) -> bool:
        """Apply what is missing, in turn; return False where the session was lost meanwhile."""
        self.wait_for_database(options["wait"])
        try:
            with self.turn():
                refuse_half_replaced()
                self.clear_away()
                self.migrate(options["patience"], options["verbosity"])
        except (OperationalError, InterfaceError) as error:
            if not is_of_session(error.__cause__) or time.monotonic() >= deadline:
                raise
            return False
        return True

    def wait_for_database(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        is_announced = False
        while (trouble := self.trouble()) and time.monotonic() < deadline:
            if not is_announced:
                self.say(f"Waiting up to {seconds:g} s for the database: {trouble}")
                is_announced = True
            time.sleep(PAUSE)
        if trouble:
            raise CommandError(f"The database did not answer within {seconds:g} s: {trouble}")

    def trouble(self) -> str:
        """Say in a line why the database cannot be used; empty when it can."""
        try:
            connection.ensure_connection()
        except OperationalError as error:
            return " ".join(str(error).split())
        return ""

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the lock, which ends with this process however it ends.

        On a connection of its own, as a migration may close the other. Asked for again and again:
        a session that waits inside `pg_advisory_lock` has a statement open, and CREATE INDEX
        CONCURRENTLY in the migration it waits for would in turn wait for that.
        """
        own = connection.copy()
        try:
            is_announced = False
            while not is_ours(own):
                if not is_announced:
                    self.say("Another process applies migrations; waiting for it.")
                    is_announced = True
                time.sleep(PAUSE)
            yield
        finally:
            own.close()

    def clear_away(self) -> None:
        """Drop the indexes of a migration that was cut off: it could not make them again.

        What is built CONCURRENTLY is not undone with a transaction.
        """
        for name in unfinished():
            self.say(f"Dropping {name}, left by a migration that was cut off.")
            with connection.cursor() as cursor:
                cursor.execute(f"DROP INDEX CONCURRENTLY {connection.ops.quote_name(name)}")

    def migrate(self, patience: float, verbosity: int) -> None:
        """Apply what is missing; where a table is in use let its users go first, and try again."""
        deadline = time.monotonic() + patience
        while True:
            try:
                with connection.execute_wrapper(give_up_soon):
                    call_command("migrate", interactive=False, verbosity=verbosity)
                return
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable):
                    raise
                if time.monotonic() >= deadline:
                    raise CommandError(f"A table was in use for {patience:g} s.") from error
            self.say("A table is in use; trying again.")
            time.sleep(PAUSE)

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def is_ours(own: BaseDatabaseWrapper) -> bool:
    """Take the lock, in a transaction that stays open if it could be had.

    Not for the session: behind PgBouncer that is another one for the next statement. A transaction
    that has nothing to read keeps no snapshot, so CREATE INDEX CONCURRENTLY does not wait for it.
    """
    own.set_autocommit(False)
    with own.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        row = cursor.fetchone()
    if row and row[0]:
        return True
    own.rollback()
    return False


def refuse_half_replaced() -> None:
    """Refuse a database that lacks migrations which are no longer files."""
    if missing := replaced_migrations.missing():
        raise CommandError(
            f"The database lacks {', '.join(missing)}, which this version of FOAM can no longer "
            f"apply. {replaced_migrations.REMEDY}"
        )


def unfinished() -> list[str]:
    """Return the indexes that are there already of migrations that are not applied yet."""
    loader = MigrationLoader(connection)
    names = [
        operation.index.name
        for key, migration in loader.graph.nodes.items()
        if key not in loader.applied_migrations
        for operation in migration.operations
        if isinstance(operation, AddIndexConcurrently)
    ]
    with connection.cursor() as cursor:
        cursor.execute(UNFINISHED, [names])
        return [name for (name,) in cursor.fetchall()]


def give_up_soon(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Run a statement; in a transaction it gives up a table that it cannot have at once.

    CREATE INDEX CONCURRENTLY is in none: it waits for as long as it takes, and no other statement
    waits for it.
    """
    session = context["connection"]
    if session.in_atomic_block:
        # On a cursor of its own: that of the statement may be a server-side one, which only reads.
        with session.wrap_database_errors, session.create_cursor() as cursor:
            cursor.execute(LOCK_TIMEOUT)
    return execute(sql, params, many, context)
