"""The floor of HTTP: prepared requests over sockets that stay open.

No library, no signature, and no parsing of answers: the remaining cost is that of the kernel and of
Python's calls to it.
"""

import select
import socket
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

CONNECTIONS = 64
BODY = 300


def make_request(url: str, number: int) -> bytes:
    """Return a request of about the size of a webhook's."""
    address, body = urlsplit(url), b"x" * BODY
    head = f"POST /hook HTTP/1.1\r\nHost: {address.netloc}\r\nwebhook-id: floor_{number}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def post(urls: Sequence[str], requests: list[bytes]) -> None:
    """Send each request over the next socket that has its answer, one at a time on each."""
    sockets = {connection.fileno(): connection for connection in map(_connect, _repeat(urls))}
    try:
        poll = select.epoll()
        for fileno in sockets:
            poll.register(fileno, select.EPOLLIN)
        waiting = iter(requests)
        under_way = sum(_send(connection, waiting) for connection in sockets.values())
        while under_way:
            for fileno, _ in poll.poll():
                connection = sockets[fileno]
                assert connection.recv(4096), "the receiver hung up"
                under_way += _send(connection, waiting) - 1
        poll.close()
    finally:
        for connection in sockets.values():
            connection.close()


def _send(connection: socket.socket, waiting: Iterator[bytes]) -> int:
    request = next(waiting, None)
    if request is not None:
        connection.sendall(request)
    return request is not None


def _repeat(urls: Sequence[str]) -> list[str]:
    return [urls[number % len(urls)] for number in range(CONNECTIONS)]


def _connect(url: str) -> socket.socket:
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname, address.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection
