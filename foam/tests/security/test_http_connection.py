"""Deadlines of one client, with the clock as an argument, and who gives way to whom."""

import resource
import socket
from collections import OrderedDict

import pytest
from gunicorn.config import Config

from foam.processes import gunicorn_worker, http_connection
from foam.processes.gunicorn_worker import Worker, connection_limit
from foam.processes.http_connection import (
    BODY_SECONDS,
    HEAD_SECONDS,
    READER_SECONDS,
    SLOWEST_RATE,
    ClientConnection,
    ConnectionState,
    Disconnected,
    Peer,
)

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n"
LIMIT = 10_000


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(5)
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.fixture
def connection(pair):
    peer = Peer(Config(), ("127.0.0.1", 1), ("127.0.0.1", 2))
    connection = ClientConnection(pair[0], peer, 0.0, LIMIT, lambda connection: None)
    yield connection
    connection.break_off()
    connection.end_request()


def begin(connection, head, body=b""):
    connection.received += HEAD % head + body
    assert connection.has_head()
    connection.read_head()
    connection.begin_body(0.0)
    connection.take_body()


def test_head_has_to_be_whole_in_time_however_many_bytes_come(connection):
    for part in (b"GET / HTTP/1.1\r\n", b"X: y\r\n" * 100):
        connection.received += part
        assert not connection.has_head()
    assert connection.deadline == HEAD_SECONDS


def test_body_earns_time_by_what_came_of_it_and_no_other_way(connection):
    begin(connection, b"Content-Length: 9000")
    assert (connection.has_body(), connection.deadline) == (False, BODY_SECONDS)
    connection.received += b"x" * 8000
    connection.take_body()
    assert connection.deadline == BODY_SECONDS + 8000 / SLOWEST_RATE
    connection.received += b"x" * 1000 + b"GET"
    connection.take_body()
    assert (connection.has_body(), bytes(connection.received)) == (True, b"GET")
    assert connection.request.body.read() == b"x" * 9000


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (b"Content-Length: %d" % (LIMIT + 1), b"x" * 50),
        (b"Transfer-Encoding: chunked", b"2711\r\n"),
        (b"Transfer-Encoding: chunked", b"3e8\r\n" + b"x" * 1000 + b"\r\n" + b"ffff\r\n"),
    ],
)
def test_body_that_is_too_large_is_not_kept_and_ends_the_connection(connection, framing, body):
    begin(connection, framing, body)
    assert connection.has_body()
    assert connection.body.size == 0
    headers = dict(connection.request.headers)
    assert int(headers["CONTENT-LENGTH"]) == LIMIT + 1
    assert "TRANSFER-ENCODING" not in headers
    assert connection.request.body.read() == b""
    assert connection.request.should_close()


def test_thread_reads_the_end_of_a_request_and_never_waits_for_more(connection):
    begin(connection, b"Content-Length: 3", b"abcPOST /next")
    assert connection.request.body.read() == b"abc"
    assert connection.recv(100) == b""
    connection.end_request()
    assert bytes(connection.received) == b"POST /next"


def test_reader_of_an_answer_is_late_by_what_it_took_of_it(connection, pair, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(http_connection.time, "monotonic", lambda: now)
    connection.sendall(b"x" * 3_000_000)
    waiting = connection.output.size
    assert waiting > 0
    assert not connection.is_reader_late(now + READER_SECONDS)
    assert connection.is_reader_late(now + READER_SECONDS + 1)
    pair[1].recv(200_000)
    assert not connection.flush()
    taken = waiting - connection.output.size
    assert taken > 0
    assert not connection.is_reader_late(now + READER_SECONDS + taken / SLOWEST_RATE - 1)
    assert connection.is_reader_late(now + READER_SECONDS + taken / SLOWEST_RATE + 1)


def test_thread_waits_for_the_reader_of_a_huge_answer_for_a_moment_only(connection, monkeypatch):
    monkeypatch.setattr(http_connection, "ANSWER_SIZE", 1_000_000)
    monkeypatch.setattr(http_connection, "ROOM_SECONDS", 0.05)
    with pytest.raises(Disconnected):
        connection.sendall(b"x" * 3_000_000)
    with pytest.raises(Disconnected):
        connection.sendall(b"more")


def test_client_that_is_gone_ends_the_answer(connection, pair):
    pair[1].close()
    with pytest.raises(Disconnected):
        connection.sendall(b"x")


@pytest.fixture
def worker(monkeypatch):
    worker = Worker.__new__(Worker)
    worker.waiting = {state: OrderedDict() for state in ConnectionState}
    dropped = []
    monkeypatch.setattr(Worker, "drop", lambda self, client: dropped.append(client.name))
    worker.dropped = dropped
    return worker


class Client:
    def __init__(self, name, state, since):
        self.name, self.state, self.since = name, state, since


def test_idle_clients_give_way_first_then_the_longest_and_a_thread_never(worker, monkeypatch):
    monkeypatch.setattr(gunicorn_worker.time, "monotonic", lambda: 100.0)
    clients = [
        Client("thread", ConnectionState.THREAD, 1.0),
        Client("old body", ConnectionState.BODY, 50.0),
        Client("idle", ConnectionState.IDLE, 90.0),
        Client("idle for no time", ConnectionState.IDLE, 99.9),
        Client("new head", ConnectionState.HEAD, 99.0),
    ]
    for client in clients:
        worker.waiting[client.state][client] = None
    for _ in range(5):
        has_room = worker.make_room()
        for client in clients:
            if worker.dropped and client.name == worker.dropped[-1]:
                worker.waiting[client.state].pop(client, None)
    assert worker.dropped == ["idle", "old body", "new head", "idle for no time"]
    assert not has_room


@pytest.mark.parametrize(
    ("limits", "connections"),
    [((20_000, 20_000), 2000), ((1024, 1024), 462), ((1024, 524_288), 2000), ((-1, -1), 2000)],
)
def test_connections_are_limited_by_the_files_that_may_be_open(monkeypatch, limits, connections):
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: None)
    assert connection_limit(2000) == connections


def test_connections_are_limited_where_the_limit_of_files_cannot_be_read(monkeypatch):
    def refuse(kind):
        raise PermissionError

    monkeypatch.setattr(resource, "getrlimit", refuse)
    assert connection_limit(2000) == 462
