"""The file that an empty database loads makes what the migrations make."""

import os
import subprocess
import sys

import pytest
from django.db import OperationalError, connection

from foam.postgresql import initial_schema
from foam.tests import processes
from foam.tests.deployment.production import new_database
from reminders import initial_rows
from tools.local_stack.initial_schema import dump, pg_dump
from tools.local_stack.terminal import Problem


@pytest.fixture
def always_empty(monkeypatch):
    monkeypatch.setattr(initial_schema, "IS_EMPTY", "SELECT true")


@pytest.fixture
def file(monkeypatch, tmp_path):
    file = tmp_path / "schema.sql"
    monkeypatch.setattr(initial_schema, "FILE", file)
    return file


def test_file_is_what_the_migrations_make(db):
    try:
        has_program = pg_dump().exists()
    except Problem:
        has_program = False
    if not has_program or connection.pg_version < 180000:
        pytest.skip("no PostgreSQL 18 and pg_dump of it")
    with new_database(os.environ["DATABASE_URL"]) as url:
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--each", "--verbosity", "0"],
            cwd=processes.PROJECT,
            env={**os.environ, "DATABASE_URL": url},
            check=True,
        )
        text = initial_schema.header() + dump(url)
    assert text == initial_schema.FILE.read_text(), "run: make database"


def test_file_of_other_migrations_is_not_loaded(db, always_empty, file):
    file.write_text("-- Written by `make database` of the migrations of yesterday.\nNonsense;")
    assert not initial_schema.load()
    file.unlink()
    assert not initial_schema.load()


def test_file_is_loaded_with_its_rows_or_not_at_all(
    transactional_db, always_empty, file, monkeypatch
):
    def fail(apps, schema_editor):
        raise OperationalError("the connection is lost")

    file.write_text(f"{initial_schema.header()}CREATE TABLE made_up ();")
    monkeypatch.setattr(initial_rows, "add", fail)
    with pytest.raises(OperationalError):
        initial_schema.load()
    assert "made_up" not in connection.introspection.table_names()


def test_change_of_a_migration_changes_the_header(settings, tmp_path):
    header = initial_schema.header()
    settings.BASE_DIR = tmp_path
    assert initial_schema.header() != header


def test_database_that_has_tables_is_left_to_migrations(db, file):
    file.write_text(f"{initial_schema.header()}Nonsense;")
    assert not initial_schema.load()
