"""A new installation starts: production's own command on an empty database."""

import os
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection, transaction

from accounts.models import User
from foam.management.commands import migrate_once
from foam.tests.deployment.production import new_database
from foam.tests.deployment.test_deployment import PRODUCTION, run

NEW_ADMIN = "createsuperuser --no-input --username ada --email ada@example.com"


@pytest.fixture
def empty_database() -> Iterator[str]:
    with new_database(os.environ["DATABASE_URL"]) as url:
        yield url


def manage(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "manage.py", *words], {**PRODUCTION, **settings})


def test_migrate_once_makes_all_of_an_empty_database(empty_database: str):
    done = manage("migrate_once", DATABASE_URL=empty_database)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Made all tables of an empty database." in done.stdout
    with psycopg.connect(empty_database) as session:
        assert session.execute("SELECT username FROM accounts_user").fetchall() == [("(foam)",)]


@pytest.mark.parametrize("words", ["createtoken ada", "ledger", NEW_ADMIN, "prune", "watch"])
def test_command_on_an_empty_database_says_in_a_sentence_what_to_do(
    words: str, empty_database: str
):
    done = manage(*words.split(), DATABASE_URL=empty_database)
    assert done.returncode == 1
    [sentence] = done.stderr.splitlines()
    assert "run `python manage.py migrate_once`" in sentence


def test_command_without_settings_says_in_a_sentence_what_to_do():
    for words in (["createtoken", "ada"], ["nonsense"], ["migrate_once"]):
        done = run([sys.executable, "manage.py", *words], {"PATH": PRODUCTION["PATH"]})
        assert done.returncode == 1
        [sentence] = done.stderr.splitlines()
        assert sentence.startswith(
            "Not set up: Set the environment variable FOAM_BASE_URL, such as"
        )
        assert "`make manage` sets it" in sentence


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
