"""A client that sends requests over several connections at once, and times each answer."""

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tools.testbed.load import percentile

# A request without an answer by then counts with this time, and ends its connection.
PATIENCE = 15


@dataclass(frozen=True)
class ApiRequest:
    """A request to make; `body` is sent as JSON."""

    method: str
    path: str
    body: Any = None


@dataclass(frozen=True)
class LoadTimes:
    """`times` are the seconds to each whole answer, in order; `wall` the seconds of all."""

    times: Sequence[float]
    wall: float

    @property
    def rate(self) -> float:
        return len(self.times) / self.wall

    def percentile(self, share: float) -> float:
        return percentile(self.times, share)


@dataclass(frozen=True)
class Client:
    port: int
    token: str

    def load(
        self, requests: Callable[[int], ApiRequest], count: int, connections: int
    ) -> LoadTimes:
        """Make `requests(n)` for each n below `count`; raise AssertionError at a refusal."""

        def one(first: int) -> list[float]:
            return list(self._times([requests(n) for n in range(first, count, connections)]))

        began = time.perf_counter()
        with ThreadPoolExecutor(connections) as pool:
            parts = list(pool.map(one, range(connections)))
        wall = time.perf_counter() - began
        return LoadTimes(sorted(seconds for part in parts for seconds in part), wall)

    def ask(self, ask: ApiRequest) -> Any:
        """Make one request and return its answer."""
        with self._connection() as connection:
            return json.loads(self._answer(connection, ask))

    def _times(self, requests: Sequence[ApiRequest]) -> Iterator[float]:
        with self._connection() as connection:
            for ask in requests:
                began = time.perf_counter()
                try:
                    self._answer(connection, ask)
                except TimeoutError:
                    yield float(PATIENCE)
                    return
                yield time.perf_counter() - began

    @contextmanager
    def _connection(self) -> Iterator[http.client.HTTPConnection]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.connect()
        # The body comes in a second packet, which must not wait for the first to be acknowledged.
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            yield connection
        finally:
            connection.close()

    def _answer(self, connection: http.client.HTTPConnection, ask: ApiRequest) -> bytes:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        body = None
        if ask.body is not None:
            body = json.dumps(ask.body)
            headers["Content-Type"] = "application/json"
        connection.request(ask.method, ask.path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        assert response.status < 300, (response.status, answer[:500])
        return answer
