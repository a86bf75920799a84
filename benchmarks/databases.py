"""Databases beside the test bed's own, so that all contenders find the same rows on the disk."""

from django.db import connection
from django.utils import timezone
from psycopg import sql

from tools.testbed import seed

# A database with tables and no rows.
EMPTY = "bench_empty"


def use(name: str) -> str:
    """Point Django's connection to a database; return the name of the one before."""
    before: str = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    return before


def copy(template: str, name: str) -> None:
    """Make a database as a copy of another; drop any database of its name before."""
    before = use("postgres")
    drop(name)
    make = "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy"
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(make).format(sql.Identifier(name), sql.Identifier(template)))
    use(before)


def name_of(size: int) -> str:
    return f"bench_{size}"


def fill(size: int, channel_count: int) -> None:
    """Make the database with `size` stored reminders, and use it."""
    copy(EMPTY, name_of(size))
    use(name_of(size))
    channels = seed.add_channels(
        [f"http://127.0.0.1:9/{number}" for number in range(channel_count)]
    )
    seed.add_stored(size, channels, timezone.now())


def drop(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )
