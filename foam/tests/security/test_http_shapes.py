"""Requests of which two servers could read two lengths: each gets one answer, and none gets two."""

import re
import socket

import pytest

from foam.tests import processes

# The web server below asks the database.
pytestmark = pytest.mark.django_db

INNER = b"GET /smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
HEAD = b"POST /account/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"0\r\n\r\n"


def length(text: bytes) -> bytes:
    return b"Content-Length: " + text + b"\r\n"


# Framings that one server may read as another does not: refused, and the connection closed.
AMBIGUOUS = {
    "length and chunks": HEAD + length(b"5") + CHUNKED + b"\r\n" + END + INNER,
    "chunks and length": HEAD + CHUNKED + length(b"5") + b"\r\n" + END + INNER,
    "two lengths": HEAD + length(b"0") + length(b"45") + b"\r\n" + INNER,
    "two lengths in one": HEAD + length(b"0, 45") + b"\r\n" + INNER,
    "the same length twice in one": HEAD + length(b"0, 0") + b"\r\n" + INNER,
    "length with a sign": HEAD + length(b"+0") + b"\r\n" + INNER,
    "negative length": HEAD + length(b"-1") + b"\r\n" + INNER,
    "length in hexadecimal": HEAD + length(b"0x0") + b"\r\n" + INNER,
    "length with a fraction": HEAD + length(b"0.0") + b"\r\n" + INNER,
    "length with an exponent": HEAD + length(b"0e1") + b"\r\n" + INNER,
    "length with an underscore": HEAD + length(b"0_0") + b"\r\n" + INNER,
    "length in other digits": HEAD + length("٠".encode()) + b"\r\n" + INNER,
    "length of nothing": HEAD + length(b"") + b"\r\n" + INNER,
    "length with a word": HEAD + length(b"0 0") + b"\r\n" + INNER,
    "length of many digits": HEAD + length(b"9" * 400) + b"\r\n" + INNER,
    "other encoding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n" + END + INNER,
    "identity last": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n" + END + INNER,
    "chunked twice": HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + END + INNER,
    "chunked in quotes": HEAD + b'Transfer-Encoding: "chunked"\r\n\r\n' + END + INNER,
    "chunked after a tab": HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + END + INNER,
    "gzip, chunked": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + END + INNER,
    "blank before the colon": HEAD + b"Transfer-Encoding : chunked\r\n\r\n" + END + INNER,
    "blank before the length's colon": HEAD + b"Content-Length : 0\r\n\r\n" + INNER,
    "folded line": HEAD + b"X: y\r\n Transfer-Encoding: chunked\r\n\r\n" + END + INNER,
    "folded encoding": HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + END + INNER,
    "header begins with a blank": HEAD + b" Content-Length: 0\r\n\r\n" + INNER,
    "header without a colon": HEAD + b"Content-Length\r\n\r\n" + INNER,
    "header with a NUL": HEAD + b"X: a\x00b\r\n" + length(b"0") + b"\r\n" + INNER,
    "header with a bare CR": HEAD + b"X: a\rTransfer-Encoding: chunked\r\n\r\n" + END + INNER,
    "name with a bare LF": HEAD + b"X\n: y\r\n" + length(b"0") + b"\r\n" + INNER,
    "chunk size with a sign": HEAD + CHUNKED + b"\r\n+0\r\n\r\n" + INNER,
    "chunk size in hexadecimal": HEAD + CHUNKED + b"\r\n0x0\r\n\r\n" + INNER,
    "chunk size with an underscore": HEAD + CHUNKED + b"\r\n0_0\r\n\r\n" + INNER,
    "negative chunk": HEAD + CHUNKED + b"\r\n-1\r\n\r\n" + INNER,
    "chunk without its end": HEAD + CHUNKED + b"\r\n1\r\naX0\r\n\r\n" + INNER,
    "chunk with a bare LF": HEAD + CHUNKED + b"\r\n1\na\n0\n\n" + INNER,
    "HTTP/1.0 with chunks": HEAD.replace(b"/1.1", b"/1.0") + CHUNKED + b"\r\n" + END + INNER,
    "two hosts": HEAD + b"Host: elsewhere.example.org\r\n" + length(b"0") + b"\r\n" + INNER,
    "space in the target": b"POST /a b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + INNER,
    "no version": b"GET /healthz\r\n\r\n" + INNER,
    "other version": b"GET /healthz HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n" + INNER,
    "lower case method": b"get /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + INNER,
}  # fmt: skip
# Framings that are right: the second request is a second one.
RIGHT = {
    "length": HEAD + length(b"1") + b"\r\na" + INNER,
    "chunks": HEAD + CHUNKED + b"\r\n1\r\na\r\n0\r\n\r\n" + INNER,
    "the name in other letters": HEAD + b"transfer-ENCODING: chunked\r\n\r\n" + END + INNER,
    "chunks with extensions": HEAD + CHUNKED + b'\r\n1;a="b"\r\na\r\n0\r\n\r\n' + INNER,
    "chunks with trailers": HEAD + CHUNKED + b"\r\n0\r\nX: y\r\n\r\n" + INNER,
}


@pytest.fixture(scope="module")
def port(tmp_path_factory, django_db_setup, django_db_blocker):
    """A web as production runs it."""
    number = processes.free_port()
    config = ["--config", "foam/processes/gunicorn_conf.py", "--workers", "1"]
    words = ["gunicorn", *config, "--bind", f"127.0.0.1:{number}", "foam.wsgi:application"]
    with django_db_blocker.unblock():
        env = processes.environment()
    with processes.running(words, env, tmp_path_factory.mktemp("web") / "web.log"):
        url = f"http://127.0.0.1:{number}/healthz"
        processes.wait_until(lambda: processes.answers(url), 60, "web answers")
        yield number


def answers_to(port: int, request: bytes, seconds: float = 3) -> list[int]:
    """Return the statuses of all answers to what is sent over one connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        read = b""
        try:
            while part := connection.recv(65536):
                read += part
        except (TimeoutError, ConnectionResetError):
            pass
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", read)]


@pytest.mark.parametrize("shape", AMBIGUOUS)
def test_request_of_two_readings_is_refused_with_one_answer_at_most(port, shape):
    statuses = answers_to(port, AMBIGUOUS[shape])
    assert len(statuses) <= 1
    assert all(400 <= status < 600 for status in statuses)
    assert processes.answers(f"http://127.0.0.1:{port}/healthz")


@pytest.mark.parametrize("shape", RIGHT)
def test_request_of_one_reading_is_followed_by_the_next(port, shape):
    statuses = answers_to(port, RIGHT[shape])
    assert len(statuses) == 2
    assert statuses[1] == 404
