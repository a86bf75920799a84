"""Checks of PostgreSQL: version, rights, migrations, tables, connections, secrets, disk."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from cryptography.fernet import InvalidToken
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from foam import logs, replaced_migrations
from foam.monitoring.doctor.finding import Check, Finding, fail, ok, warn
from notifications.encryption import fernet
from notifications.operations import attempt_partitions, key_rotation
from reminders.engine import occurrence_partitions

DATABASE, MIGRATIONS, TABLES = "database", "migrations", "tables"
CONNECTIONS, SECRETS, DISK = "connections", "secrets", "disk"
OLDEST, NEEDED = 150_000, "15"


def rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '5s'")
        cursor.execute(sql, values)
        return cursor.fetchall()


def look_at_database(now: datetime) -> Iterator[Finding]:
    try:
        ((version, number, user, is_replica, fsync),) = rows(
            "SELECT current_setting('server_version'), current_setting('server_version_num')::int,"
            " current_user, pg_is_in_recovery(), current_setting('fsync')"
        )
    except Error as error:
        yield fail(
            DATABASE,
            f"The database does not answer: {logs.format_error(error)}",
            "Start PostgreSQL, or mend DATABASE_URL. Until then FOAM stands still.",
        )
        return
    if number < OLDEST:
        yield fail(DATABASE, f"PostgreSQL {version} is too old.", f"Upgrade to {NEEDED} or newer.")
    if is_replica:
        yield fail(
            DATABASE,
            "DATABASE_URL leads to a replica, which takes no writes.",
            "Let DATABASE_URL lead to the primary server.",
        )
    if fsync == "off":
        yield warn(
            DATABASE,
            "fsync is off: a power cut can ruin the database.",
            "Set fsync = on in postgresql.conf and reload, unless this is a test.",
        )
    ((may_create,),) = rows("SELECT has_schema_privilege(current_schema(), 'CREATE')")
    if not may_create:
        yield fail(
            DATABASE,
            f"{user} may not create tables: the next migration will fail.",
            f"Run as the owner: GRANT CREATE ON SCHEMA public TO {user}",
        )
    yield ok(DATABASE, f"PostgreSQL {version}, as {user}.")


def look_at_migrations(now: datetime) -> Iterator[Finding]:
    if unapplied := replaced_migrations.missing():
        yield fail(
            MIGRATIONS,
            f"{len(unapplied)} migrations are not applied and are no longer files: "
            f"{', '.join(unapplied[:5])}.",
            replaced_migrations.REMEDY,
        )
        return
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in missing[:5])
        yield fail(
            MIGRATIONS,
            f"{len(missing)} migrations are not applied: {names}.",
            "Run: python manage.py migrate_once",
        )
        return
    migrations = executor.loader.disk_migrations.keys() | replaced_migrations.names()
    newer = [
        f"{app}.{name}"
        for app, name in executor.loader.applied_migrations
        if (app, name) not in migrations and app in {"accounts", "notifications", "reminders"}
    ]
    if newer:
        yield warn(
            MIGRATIONS,
            f"The database is ahead of this code: {', '.join(sorted(newer)[:5])}.",
            "Run the newer FOAM here too, or restore the backup made before the upgrade.",
        )
        return
    yield ok(MIGRATIONS, "All migrations are applied.")


LONGEST = """
SELECT coalesce(max(extract(epoch FROM now() - xact_start)), 0)::int FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
BLOATED = """
SELECT relname, n_dead_tup, n_live_tup FROM pg_stat_user_tables
WHERE n_dead_tup > 100000 AND n_dead_tup > n_live_tup * 0.5 ORDER BY n_dead_tup DESC LIMIT 5
"""


def look_at_tables(now: datetime) -> Iterator[Finding]:
    ((longest,),) = rows(LONGEST)
    if longest > 300:
        yield warn(
            TABLES,
            f"A transaction has been open for {longest} s: nothing that was deleted or changed "
            "since can be cleaned up.",
            "Find it: SELECT pid, usename, query FROM pg_stat_activity ORDER BY xact_start; end "
            "it: SELECT pg_terminate_backend(PID).",
        )
    ((autovacuum,),) = rows("SELECT current_setting('autovacuum')")
    if autovacuum != "on":
        yield fail(
            TABLES,
            "autovacuum is off: tables grow and slow down without end.",
            "Set autovacuum = on in postgresql.conf and reload.",
        )
    for table, dead, live in rows(BLOATED):
        yield warn(
            TABLES,
            f"{table} has {dead:,} dead rows beside {live:,} live ones.",
            f"Run: VACUUM ANALYZE {table}; and see whether autovacuum keeps up.",
        )
    for rows_of, is_missing in (
        ("occurrences", occurrence_partitions.is_missing(now)),
        ("attempts", attempt_partitions.is_missing()),
    ):
        if is_missing:
            yield warn(
                TABLES,
                f"The next partition of the {rows_of} is missing: new rows go to the default one, "
                "which stays.",
                "Run: python manage.py prune; if its log says that a partition is in use, in a "
                "quiet hour: python manage.py prune --lock-seconds 60",
            )
    if longest <= 300:
        yield ok(TABLES, f"The oldest open transaction is {longest} s old.")


def look_at_connections(now: datetime) -> Iterator[Finding]:
    ((used, reserved, limit),) = rows(
        "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
        " current_setting('superuser_reserved_connections')::int,"
        " current_setting('max_connections')::int"
    )
    free = limit - reserved - used
    if free < max(3, limit // 10):
        yield warn(
            CONNECTIONS,
            f"{used} of {limit} connections are taken: who asks for one more than there are fails.",
            "Raise max_connections, lower WEB_CONCURRENCY or FOAM_WORKER_CONCURRENCY, or put "
            "PgBouncer in front.",
        )
        return
    yield ok(CONNECTIONS, f"{used} of {limit} connections are taken.")


def look_at_secrets(now: datetime) -> Iterator[Finding]:
    """Try to decrypt the oldest and the newest value of each encrypted column."""
    looked_at = 0
    for column in key_rotation.columns():
        stored = column.rows().values_list("pk", "stored")
        for pk, text in {*stored[:1], *stored.order_by("-pk")[:1]}:
            looked_at += 1
            try:
                fernet().decrypt(text.encode())
            except InvalidToken:
                yield fail(
                    SECRETS,
                    f"No key of FOAM_ENCRYPTION_KEYS reads {column} of row {pk}.",
                    "Put the missing key back, as the last of FOAM_ENCRYPTION_KEYS; then: "
                    "python manage.py rotate_secrets --check",
                )
                return
    yield ok(SECRETS, f"{looked_at} encrypted values were tried, and could be read.")


def look_at_disk(now: datetime) -> Iterator[Finding]:
    """Report the size of the database: PostgreSQL does not tell the free space of its disk."""
    ((size,),) = rows("SELECT pg_database_size(current_database())")
    yield ok(
        DISK,
        f"The database takes {size / 1e9:.2f} GB. How much room its disk has left only its own "
        "machine knows: watch it there.",
    )


CHECKS = [
    Check(DATABASE, look_at_database),
    Check(MIGRATIONS, look_at_migrations),
    Check(TABLES, look_at_tables),
    Check(CONNECTIONS, look_at_connections),
    Check(SECRETS, look_at_secrets),
    Check(DISK, look_at_disk),
]
