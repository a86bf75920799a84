"""Clients that are slow in one way each, many at once, on loopback. They connect again when cut."""

import errno
import resource
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

HOST = b"Host: 127.0.0.1\r\n"
# Seconds between two bytes of a client that drips.
DRIP_SECONDS = 1.0
# Seconds until a client that was cut connects again: slow clients are no flood of requests.
AGAIN_SECONDS = 10.0


@dataclass(frozen=True)
class Shape:
    """What a client sends at once, what it sends each second, and whether it reads."""

    begin: bytes
    drip: bytes = b""
    reads: bool = True


def get(path: bytes) -> bytes:
    return b"GET %b HTTP/1.1\r\n%b\r\n" % (path, HOST)


def post(path: bytes, framing: bytes) -> bytes:
    return b"POST %b HTTP/1.1\r\n%b%b\r\n\r\n" % (path, HOST, framing)


BIG_FILE = b"/static/drf_spectacular_sidecar/redoc/bundles/redoc.standalone.js"
LENGTH, CHUNKED = b"Content-Length: 100000", b"Transfer-Encoding: chunked"
SHAPES = {
    "connects": Shape(b""),
    "half a head": Shape(b"GET /healthz HTTP/1.1\r\nHost: loc"),
    "half a line": Shape(b"GET /health"),
    "slow head": Shape(b"GET /healthz HTTP/1.1\r\nX-Slow: ", b"x"),
    "slow head lines": Shape(b"GET /healthz HTTP/1.1\r\n", b"X-Slow: x\r\n"),
    "no body": Shape(post(b"/account/login/", LENGTH)),
    "slow body": Shape(post(b"/account/login/", LENGTH), b"x"),
    "body behind Expect": Shape(post(b"/account/login/", LENGTH + b"\r\nExpect: 100-continue")),
    "slow chunks": Shape(post(b"/account/login/", CHUNKED), b"1\r\nx\r\n"),
    "half a chunk": Shape(post(b"/account/login/", CHUNKED) + b"ffff\r\n", b"x"),
    "half a chunk's size": Shape(post(b"/account/login/", CHUNKED), b"0"),
    "slow trailers": Shape(post(b"/account/login/", CHUNKED) + b"0\r\n", b"X-Slow: x\r\n"),
    "body that is refused": Shape(post(b"/nothing", b"Content-Length: 999999999"), b"x"),
    "does not read": Shape(get(b"/openapi.json") * 2, reads=False),
    "reads no file": Shape(get(BIG_FILE), reads=False),
    "idle": Shape(get(b"/healthz")),
}


@contextmanager
def slow_clients(port: int, shape: Shape, count: int) -> Iterator[list[int]]:
    """Keep `count` clients at work; yield a list whose length tells how often one was cut."""
    allow_files(count + 500)
    crowd = Crowd(port, shape, count)
    thread = threading.Thread(target=crowd.work)
    thread.start()
    try:
        crowd.is_complete.wait(20)
        yield crowd.cuts
    finally:
        crowd.is_over.set()
        thread.join()


def allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


class Crowd:
    def __init__(self, port: int, shape: Shape, count: int) -> None:
        self.port, self.shape, self.count = port, shape, count
        self.selector = selectors.DefaultSelector()
        self.clients: dict[socket.socket, float] = {}
        self.cuts: list[int] = []
        self.resting: list[float] = []
        self.is_over, self.is_complete = threading.Event(), threading.Event()

    def work(self) -> None:
        while not self.is_over.is_set():
            # No more at once than the server's queue holds.
            now = time.monotonic()
            self.resting = [until for until in self.resting if until > now]
            missing = self.count - len(self.clients) - len(self.resting)
            for _ in range(min(100, missing)):
                self.connect()
            if missing <= 0:
                self.is_complete.set()
            for key, _ in self.selector.select(0.05):
                self.read(key.fileobj)
            self.drip()
        for client in self.clients:
            client.close()
        self.selector.close()

    def connect(self) -> None:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.settimeout(2)
        try:
            client.connect(("127.0.0.1", self.port))
            client.setblocking(False)
            client.send(self.shape.begin)
        except OSError:
            client.close()
            self.resting.append(time.monotonic() + AGAIN_SECONDS)
            return
        self.clients[client] = time.monotonic()
        if self.shape.reads:
            self.selector.register(client, selectors.EVENT_READ)

    def read(self, client: socket.socket) -> None:
        try:
            if client.recv(4096):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.drop(client)

    def drip(self) -> None:
        now = time.monotonic()
        for client, last in list(self.clients.items()):
            if now - last < DRIP_SECONDS:
                continue
            self.clients[client] = now
            try:
                # An empty send tells nothing: a client that does not read looks for its end.
                if self.shape.drip:
                    client.send(self.shape.drip)
                elif not self.shape.reads and client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    self.drop(client)
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    self.drop(client)

    def drop(self, client: socket.socket) -> None:
        self.cuts.append(1)
        self.resting.append(time.monotonic() + AGAIN_SECONDS)
        if self.shape.reads:
            self.selector.unregister(client)
        del self.clients[client]
        client.close()
