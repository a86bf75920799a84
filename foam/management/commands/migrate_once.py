import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

# Any number that nothing else in this database locks: "FOAM" in ASCII.
LOCK = 0x464F414D
PAUSE = 1.0


class Command(BaseCommand):
    help = "Wait for the database, then apply migrations, one process at a time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--wait", type=float, default=60, help="seconds to wait for the database (default 60)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.wait_for_database(options["wait"])
        with self.turn():
            call_command("migrate", interactive=False, verbosity=options["verbosity"])

    def wait_for_database(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        told = False
        while (trouble := self.trouble()) and time.monotonic() < deadline:
            if not told:
                self.say(f"Waiting up to {seconds:g} s for the database: {trouble}")
                told = True
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
        """Hold the lock of the session, which ends with this process however it ends.

        On a connection of its own, as a migration may close the other. Asked for again and again:
        a session that waits inside `pg_advisory_lock` has a statement open, and CREATE INDEX
        CONCURRENTLY in the migration it waits for would in turn wait for that.
        """
        own = connection.copy()
        try:
            told = False
            while not is_ours(own):
                if not told:
                    self.say("Another process applies migrations; waiting for it.")
                    told = True
                time.sleep(PAUSE)
            yield
        finally:
            own.close()

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def is_ours(own: BaseDatabaseWrapper) -> bool:
    with own.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        row = cursor.fetchone()
    return bool(row and row[0])
