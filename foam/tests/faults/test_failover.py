"""A session that is of no use any more is closed at once: a failover costs seconds."""

from contextlib import contextmanager

import psycopg
import pytest
from django.contrib.postgres.signals import register_type_handlers
from django.db import Error, OperationalError, connection
from django.db.backends.signals import connection_created
from environ import Env

from foam.management.commands.migrate_once import LOCK
from foam.postgresql.base import DatabaseWrapper
from foam.postgresql.hosts import Hosts
from foam.tests import postgres, processes
from foam.tests.processes import wait_until


@pytest.fixture(scope="module")
def pair():
    """A primary and its standby."""
    with postgres.pair() as running:
        yield running


@contextmanager
def connected(url, settings, **options):
    own = {**settings.DATABASES["default"], **Env.db_url_config(url)}
    own |= {"ATOMIC_REQUESTS": False, "AUTOCOMMIT": True, "TIME_ZONE": None}
    own |= {"OPTIONS": {"connect_timeout": 2, **options}}
    database = DatabaseWrapper(own, "failover")
    connection_created.disconnect(register_type_handlers)
    try:
        yield database
    finally:
        database.close()
        connection_created.connect(register_type_handlers)


@pytest.fixture
def database(pair, settings, django_db_blocker):
    with django_db_blocker.unblock(), connected(pair.primary, settings) as found:
        yield found


@pytest.fixture
def standby(pair, settings, django_db_blocker):
    with django_db_blocker.unblock(), connected(pair.standby, settings) as found:
        yield found


def ask(database, statement="SELECT 1"):
    with database.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone() if cursor.description else None


def pid_of(database):
    return ask(database, "SELECT pg_backend_pid()")[0]


def end(pair, pid):
    with psycopg.connect(pair.primary, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_session_that_answers_read_only_is_closed_and_another_takes_its_place(standby):
    before = pid_of(standby)
    with pytest.raises(OperationalError, match="read-only") as failure:
        ask(standby, "CREATE TABLE t ()")
    assert failure.value.__cause__.sqlstate == "25006"
    assert standby.connection.closed
    assert pid_of(standby) != before


def test_transaction_on_a_session_that_is_read_only_fails_as_a_whole(standby):
    standby.ensure_connection()
    standby.set_autocommit(False)
    with pytest.raises(OperationalError, match="read-only"):
        ask(standby, "CREATE TABLE t ()")
    with pytest.raises(Error):
        ask(standby)
    standby.close()
    assert ask(standby) == (1,)


def test_health_check_refuses_a_standby_though_it_answers(standby, database):
    ask(standby)
    assert standby.is_usable() is False
    ask(database)
    assert database.is_usable() is True


def test_session_that_was_ended_costs_one_statement_and_no_hand(pair, database):
    end(pair, before := pid_of(database))
    with pytest.raises(OperationalError):
        ask(database)
    assert pid_of(database) != before


def test_statement_that_is_ended_closes_the_session(database):
    before = pid_of(database)
    with pytest.raises(OperationalError):
        ask(database, "SELECT pg_terminate_backend(pg_backend_pid())")
    assert pid_of(database) != before


def test_transaction_that_was_idle_for_too_long_is_told_as_a_lost_session(pair, database):
    ask(database, "SET idle_in_transaction_session_timeout = 100")
    database.set_autocommit(False)
    ask(database)
    backend = database.connection.info.backend_pid
    wait_until(lambda: not is_there(pair, backend), 10, "the server ends it")
    with pytest.raises(OperationalError):
        ask(database)
    database.close()
    assert ask(database) == (1,)


def is_there(pair, backend):
    with psycopg.connect(pair.primary) as other:
        row = other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [backend]).fetchone()
        return row is not None


# Bound on the server, and prepared at once.
PREPARED = {"prepare_threshold": 0, "server_side_binding": True}


def test_plan_that_no_longer_fits_costs_one_statement(pair, settings, django_db_blocker):
    with django_db_blocker.unblock(), connected(pair.primary, settings, **PREPARED) as database:
        with database.cursor() as cursor:
            cursor.execute("CREATE TABLE plans AS SELECT 1 AS a")
        assert ask(database, "SELECT * FROM plans") == (1,)
        with psycopg.connect(pair.primary) as other:
            other.execute("ALTER TABLE plans ADD b int DEFAULT 2")
        with pytest.raises(OperationalError, match="cached plan"):
            ask(database, "SELECT * FROM plans")
        assert ask(database, "SELECT * FROM plans") == (1, 2)


def test_statement_that_the_server_has_forgotten_costs_one_statement(
    pair, settings, django_db_blocker
):
    with django_db_blocker.unblock(), connected(pair.primary, settings, **PREPARED) as database:
        assert ask(database) == (1,)
        database.connection.pgconn.exec_(b"DEALLOCATE ALL")
        with pytest.raises(OperationalError, match="prepared statement"):
            ask(database)
        assert ask(database) == (1,)


def test_what_is_no_fault_of_the_session_leaves_it_open(database):
    before = pid_of(database)
    with pytest.raises(Error, match="division by zero"):
        ask(database, "SELECT 1/0")
    assert pid_of(database) == before


def test_of_several_servers_the_one_that_takes_writes_is_chosen(pair, settings, django_db_blocker):
    url = pair.both
    with (
        django_db_blocker.unblock(),
        connected(url, settings, target_session_attrs="read-write") as database,
    ):
        assert ask(database, "SELECT pg_is_in_recovery()") == (False,)


@pytest.mark.parametrize(
    ("params", "good", "bad", "expected"),
    [
        ({"host": "a,b", "port": "1,2"}, None, None, ("a,b", "1,2")),
        ({"host": "a,b", "port": "1,2"}, None, ("a", "1"), ("b,a", "2,1")),
        ({"host": "a,b,c", "port": "1"}, ("c", "1"), ("a", "1"), ("c,b,a", "1,1,1")),
        ({"host": "a,b"}, ("b", "5432"), None, ("b,a", "5432,5432")),
        ({"host": "a", "port": "1"}, None, ("a", "1"), ("a", "1")),
    ],
)
def test_server_that_hung_is_tried_last(params, good, bad, expected):
    known = Hosts()
    known.good, known.bad = good, bad
    ordered = known.ordered(params)
    assert (ordered["host"], ordered["port"]) == expected


# Commands


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_migrations_that_wait_for_their_turn_outlive_their_session(tmp_path):
    log = tmp_path / "migrate.log"
    words = ["django", "migrate_once"]
    held = connection.copy()
    held.set_autocommit(False)
    ask(held, f"SELECT pg_advisory_xact_lock({LOCK})")
    with processes.running(words, processes.environment(), log) as migrating:
        wait_until(lambda: "Another process" in log.read_text(), 60, "it waits")
        ask(held, SESSIONS)
        connection.close()
        wait_until(lambda: "trying again" in log.read_text(), 60, "it is back")
        held.close()
        assert migrating.wait(120) == 0


SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
