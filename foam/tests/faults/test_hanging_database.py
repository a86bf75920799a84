"""A PostgreSQL that hangs: its processes are stopped, and its kernel acknowledges what is sent."""

import os
import signal
import socket
import threading
import time
from contextlib import suppress
from types import SimpleNamespace

import psycopg
import pytest
from django.contrib.postgres.signals import register_type_handlers
from django.db import DatabaseError, OperationalError
from django.db.backends.signals import connection_created
from environ import Env

from foam.postgresql import base, connection, limits, probe
from foam.postgresql.base import DatabaseWrapper
from foam.postgresql.connection import patience
from foam.postgresql.reachability import Reachability
from foam.tests import postgres


@pytest.fixture(scope="module")
def server():
    with postgres.server() as running:
        yield running


@pytest.fixture
def frozen(server):
    """Return a function that freezes the server; it thaws in the end, or when all wait for it."""
    pid = server[0].process.pid
    timer = threading.Timer(20, postgres.thaw, [pid])
    timer.start()
    yield lambda: postgres.freeze(pid)
    timer.cancel()
    postgres.thaw(pid)


@pytest.fixture
def impatient(monkeypatch):
    """Have seconds be tenths of them."""
    monkeypatch.setattr(connection, "STEP", 0.1)
    monkeypatch.setattr(connection, "SILENCE", 0.5)
    monkeypatch.setattr(connection, "PROBE", 1.0)
    monkeypatch.setattr(base, "reachability", fresh := Reachability())
    monkeypatch.setattr(connection, "reachability", fresh)


@pytest.fixture
def connect(server, impatient, settings, django_db_blocker):
    """Return a function that connects as FOAM does."""
    made = []
    # It asks the connection of that name in Django's settings.
    connection_created.disconnect(register_type_handlers)

    def connect(**options):
        own = {**settings.DATABASES["default"], **Env.db_url_config(server[1])}
        own |= {"CONN_HEALTH_CHECKS": False, "ATOMIC_REQUESTS": False, "AUTOCOMMIT": True}
        own |= {"OPTIONS": {"connect_timeout": 2, **options}, "TIME_ZONE": None}
        made.append(DatabaseWrapper(own, "hanging"))
        return made[-1]

    # To servers of our own, beside the test database.
    with django_db_blocker.unblock():
        yield connect
        for each in made:
            each.close()
    connection_created.connect(register_type_handlers)


def ask(database, statement="SELECT 1"):
    with database.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()


def seconds_of(action):
    began = time.monotonic()
    with pytest.raises(DatabaseError):
        action()
    return time.monotonic() - began


def test_server_that_hangs_is_given_up_and_used_again_when_it_answers(connect, frozen, server):
    database = connect()
    ask(database)
    frozen()
    assert 1 < seconds_of(lambda: ask(database)) < 10
    postgres.thaw(server[0].process.pid)
    assert eventually(lambda: ask(database)) == (1,)


def eventually(action, seconds=10):
    """Try as a process does that is woken each second."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(DatabaseError):
            return action()
        time.sleep(0.1)
    return action()


def test_statement_that_takes_long_is_waited_for_while_the_server_answers_others(connect):
    assert ask(connect(), "SELECT 1 FROM pg_sleep(3)") == (1,)


def test_long_text_that_a_frozen_server_does_not_take_is_given_up(connect, frozen):
    database = connect()
    ask(database)
    frozen()
    assert seconds_of(lambda: ask(database, f"SELECT length('{'x' * 50_000_000}')")) < 10


def test_statement_whose_own_process_hangs_is_given_up_after_the_longest(connect):
    database = connect()
    ask(database)
    database.connection.longest = 2.0
    (pid,) = ask(database, "SELECT pg_backend_pid()")
    os.kill(pid, signal.SIGSTOP)
    timer = threading.Timer(20, os.kill, [pid, signal.SIGCONT])
    timer.start()
    assert 2 <= seconds_of(lambda: ask(database)) < 6
    timer.cancel()
    os.kill(pid, signal.SIGCONT)


def test_transaction_on_a_server_that_hangs_fails_as_a_whole_and_the_next_one_works(
    connect, frozen, server
):
    database = connect()

    def write():
        database.set_autocommit(False)
        ask(database, "SELECT 1")
        frozen()
        try:
            database.commit()
        finally:
            database.close()

    assert seconds_of(write) < 10
    postgres.thaw(server[0].process.pid)
    assert eventually(lambda: ask(database)) == (1,)


def test_what_has_its_own_patience_waits_no_longer_than_that(connect, frozen, monkeypatch):
    monkeypatch.setattr(connection, "SILENCE", 60.0)
    database = connect()
    ask(database)
    frozen()
    with patience(1.0):
        assert seconds_of(lambda: ask(database)) < 3
        assert seconds_of(lambda: ask(database)) < 4


def test_threads_that_wait_are_given_up_when_one_of_them_knows(connect, frozen):
    databases = [connect() for _ in range(3)]
    for database in databases:
        ask(database)
    frozen()
    threads = [threading.Thread(target=attempt, args=[each]) for each in databases[1:]]
    for each in databases[1:]:
        each.inc_thread_sharing()
    for thread in threads:
        thread.start()
    began = time.monotonic()
    seconds_of(lambda: ask(databases[0]))
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 6


def attempt(database):
    with suppress(DatabaseError):
        ask(database)


def test_nobody_else_tries_while_one_thread_tries_to_reach_a_server_that_hung():
    reachability = Reachability()
    reachability.lose()
    with pytest.raises(psycopg.OperationalError, match="a moment ago"), reachability.attempt():
        pass
    reachability._lost_at -= 2
    with (
        reachability.attempt(),
        pytest.raises(psycopg.OperationalError, match="a moment ago"),
        reachability.attempt(),
    ):
        pass
    with reachability.attempt(), reachability.attempt():
        pass


def test_probe_reaches_a_server_by_its_socket_file(tmp_path):
    peer = SimpleNamespace(hostaddr=b"", host=str(tmp_path).encode(), port=b"5432")
    assert probe.answers(peer, 1.0) is False
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / ".s.PGSQL.5432"))
        listener.listen()
        answer = threading.Thread(target=refuse_encryption, args=[listener])
        answer.start()
        assert probe.answers(peer, 5.0) is True
        answer.join()


def refuse_encryption(listener):
    with listener.accept()[0] as peer:
        assert peer.recv(8) == probe.REQUEST
        peer.sendall(b"N")


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ("", 55),
        ("-c statement_timeout=5min", 310),
        ("-c statement_timeout=45s -c statement_timeout=2000", 12),
        ("-c statement_timeout=0", None),
        ("-c idle_in_transaction_session_timeout=60s", 55),
    ],
)
def test_statement_is_given_up_when_the_server_ought_to_have_ended_it(
    monkeypatch, options, seconds
):
    monkeypatch.setattr(limits, "_is_service", True)
    assert limits.longest(options) == seconds


def test_server_ends_a_statement_of_a_service_that_takes_too_long(connect, monkeypatch):
    monkeypatch.setattr(limits, "_is_service", True)
    monkeypatch.setattr(limits, "STATEMENT_TIMEOUT", "200ms")
    with pytest.raises(OperationalError, match="statement timeout"):
        ask(connect(options=""), "SELECT pg_sleep(30)")


def test_command_takes_its_time(connect):
    assert ask(connect(options=""), "SHOW statement_timeout") == ("0",)
