#!/usr/bin/env python
import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import InterfaceError, OperationalError, ProgrammingError, connection
from django.db.migrations.executor import MigrationExecutor
from psycopg import errors

from accounts.audit.actor import Actor, Source, acting_as
from foam import logs

FAILED = "The database failed:"
DOCTOR = "manage.py doctor looks at it; --traceback shows what was asked."
UNMIGRATED = (
    "The database lacks tables of this version of FOAM: run `python manage.py migrate_once` "
    "(in a checkout: make manage ARGS=migrate_once, or make run)."
)
MISSING = (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction)


def main(words: list[str]) -> None:
    """Run a command; end with a sentence and exit code 1 where settings or database are wrong."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "foam.settings")
    try:
        with acting_as(Actor(Source.COMMAND)):
            execute_from_command_line(words)
    except (ImproperlyConfigured, InterfaceError, OperationalError) as error:
        if "--traceback" in words:
            raise
        is_of_settings = isinstance(error, ImproperlyConfigured)
        text = f"{FAILED} {logs.format_error(error)}\n{DOCTOR}"
        sys.exit(f"Not set up: {error}" if is_of_settings else text)
    except ProgrammingError as error:
        if "--traceback" in words or not lacks_migrations(error):
            raise
        sys.exit(UNMIGRATED)


def lacks_migrations(error: ProgrammingError) -> bool:
    """Tell whether a statement failed for a migration that is not applied yet."""
    if not isinstance(error.__cause__, MISSING):
        return False
    # Its transaction is lost.
    connection.close()
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


if __name__ == "__main__":
    main(sys.argv)
