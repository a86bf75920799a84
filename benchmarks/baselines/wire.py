"""The floor of HTTP: requests that were written before, over sockets that stay open.

No library, no signature, no answer read but for that one came: what remains is what the kernel asks
for a message, and Python for calling it.
"""

import select
import socket
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

CONNECTIONS = 64
BODY = 300


def written(url: str, number: int) -> bytes:
    """Return a request of about the size of a webhook's."""
    where, body = urlsplit(url), b"x" * BODY
    head = f"POST /hook HTTP/1.1\r\nHost: {where.netloc}\r\nwebhook-id: floor_{number}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def post(urls: Sequence[str], requests: list[bytes]) -> None:
    """Send each request over the next socket that has its answer, one at a time on each."""
    sockets = {each.fileno(): each for each in map(_connected, _spread(urls))}
    try:
        poll = select.epoll()
        for fileno in sockets:
            poll.register(fileno, select.EPOLLIN)
        waiting = iter(requests)
        under_way = sum(_send(each, waiting) for each in sockets.values())
        while under_way:
            for fileno, _ in poll.poll():
                connection = sockets[fileno]
                assert connection.recv(4096), "the receiver hung up"
                under_way += _send(connection, waiting) - 1
        poll.close()
    finally:
        for each in sockets.values():
            each.close()


def _send(connection: socket.socket, waiting: Iterator[bytes]) -> int:
    request = next(waiting, None)
    if request is not None:
        connection.sendall(request)
    return request is not None


def _spread(urls: Sequence[str]) -> list[str]:
    return [urls[number % len(urls)] for number in range(CONNECTIONS)]


def _connected(url: str) -> socket.socket:
    where = urlsplit(url)
    connection = socket.create_connection((where.hostname, where.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection
