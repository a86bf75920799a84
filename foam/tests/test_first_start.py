"""A new installation starts: production's own command on an empty database."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection, transaction

from accounts.models import User
from foam.management.commands import migrate_once
from foam.tests import processes
from foam.tests.test_deployment import PRODUCTION


@pytest.fixture
def empty_database() -> Iterator[str]:
    """The address of a database that nothing was ever done in, beside that of the tests."""
    url, name = os.environ["DATABASE_URL"], f"foam_new_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    yield urlsplit(url)._replace(path=f"/{name}").geturl()
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_migrate_once_makes_all_of_an_empty_database(empty_database: str):
    env = {**PRODUCTION, "DATABASE_URL": empty_database}
    done = subprocess.run(
        ["python", "manage.py", "migrate_once"],
        cwd=processes.PROJECT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with psycopg.connect(empty_database) as session:
        assert session.execute("SELECT username FROM accounts_user").fetchall() == [("(foam)",)]


@pytest.mark.django_db(transaction=True)
def test_migration_may_read_with_a_cursor_of_the_server_and_still_gives_up_soon():
    User.objects.bulk_create(
        User(username=name, email=f"{name}@example.com") for name in ("user0", "user1", "user2")
    )
    with connection.execute_wrapper(migrate_once.give_up_soon), transaction.atomic():
        names = {user.username for user in User.objects.iterator(chunk_size=1)}
        with connection.cursor() as cursor:
            cursor.execute("SELECT setting FROM pg_settings WHERE name = 'lock_timeout'")
            assert cursor.fetchone() == ("2000",)
    assert {"user0", "user1", "user2"} <= names
