"""Databases beside the rig's own, so that all contenders find the very same rows on the disk."""

from django.db import connection
from psycopg import sql

# As it was migrated, and filled with nothing.
EMPTY = "bench_empty"


def use(name: str) -> str:
    """Point Django's connection elsewhere; return where it pointed before."""
    before: str = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    return before


def copy(template: str, name: str) -> None:
    """Make a database that is a copy of another, in place of one with that name."""
    before = use("postgres")
    drop(name)
    make = "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy"
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(make).format(sql.Identifier(name), sql.Identifier(template)))
    use(before)


def drop(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )
