"""Webhook receivers, in a process of their own that uses little CPU beside a measurement.

with Receiver([Behaviour(), Behaviour(delay=0.05)]) as receiver:
    receiver.urls                       # one for each behaviour, each on a port of its own
    receiver.behave(1, DEAD)
    receiver.records()                  # every request, with the status of its answer
"""

import asyncio
import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tools.local_stack.data_dir import PROJECT
from tools.local_stack.processes import die_with_parent

HOST = "127.0.0.1"
BACKLOG = 4096
ANSWER = {
    200: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    500: b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops",
    503: b"HTTP/1.1 503 Unavailable\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy",
}
# No answer: the connection is cut, or left hanging.
CUT = 0
HUNG = -1
FAILURES = (500, 503, CUT)


@dataclass(frozen=True)
class Behaviour:
    """The behaviour of a receiver, by default to accept at once.

    It answers after `delay` seconds. `failing` is the share of messages that fail once, at their
    first attempt: with status 500 or 503 or a cut connection. `loses` is the share of accepted
    messages that it leaves out of its records.
    """

    delay: float = 0.0
    failing: float = 0.0
    loses: float = 0.0
    hangs: bool = False
    dead: bool = False


BEHAVIOURS = {
    "instant": Behaviour(),
    "flaky": Behaviour(failing=0.3),
    "slow": Behaviour(delay=2.0),
    "dead": Behaviour(dead=True),
    "hang": Behaviour(hangs=True),
    "forgetful": Behaviour(loses=0.5),
}


@dataclass(frozen=True, slots=True)
class Record:
    """One request: its receiver, the time of its last byte, and the status of the answer."""

    receiver: int
    id: str
    at: float
    status: int
    body: bytes

    @property
    def is_accepted(self) -> bool:
        return self.status == 200


class Receiver:
    """Receivers by number, in a process of their own; with `bodies` they record bodies too."""

    def __init__(
        self, behaviours: Sequence[Behaviour], *, bodies: bool = False, seed: int = 0
    ) -> None:
        self.urls: list[str] = []
        self._setup = {
            "behaviours": [asdict(behaviour) for behaviour in behaviours],
            "bodies": bodies,
            "seed": seed,
        }

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.testbed.receiver"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
        ports = self._ask(self._setup)
        self.urls = [f"http://{HOST}:{port}/{number}" for number, port in enumerate(ports)]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        return self._process.pid

    def behave(self, number: int, behaviour: Behaviour) -> None:
        self._ask({"behave": number, "as": asdict(behaviour)})

    def count(self) -> int:
        """Return the number of accepted requests so far."""
        count: int = self._ask({"count": True})
        return count

    def records(self) -> list[Record]:
        """Return every request so far, in order of arrival."""
        with tempfile.TemporaryDirectory(prefix="foam-records-") as folder:
            path = Path(folder) / "records"
            self._ask({"write": str(path)})
            return [_read(line) for line in path.read_bytes().splitlines()]

    def _ask(self, command: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def _read(line: bytes) -> Record:
    receiver, at, status, id_, body = line.split(b"\t", 4)
    return Record(int(receiver), id_.decode(), float(at), int(status), body)


# In the process


class Requests:
    """The requests so far, as tuples, so that a million fit into memory."""

    def __init__(self, *, bodies: bool, seed: int) -> None:
        self.bodies = bodies
        self.random = random.Random(seed)
        self.attempted_ids: set[bytes] = set()
        self.rows: list[tuple[int, float, int, bytes, bytes]] = []
        self.accepted = 0

    def add(self, receiver: int, status: int, id_: bytes, body: bytes) -> None:
        self.accepted += status == 200
        self.rows.append((receiver, time.time(), status, id_, body if self.bodies else b""))

    def write(self, path: str) -> None:
        with open(path, "wb") as file:
            file.writelines(
                b"%d\t%.6f\t%d\t%b\t%b\n" % (receiver, at, status, id_, body)
                for receiver, at, status, id_, body in self.rows
            )


class Door:
    """The port of one receiver, and its behaviour at the moment."""

    def __init__(self, number: int, requests: Requests, behaviour: Behaviour) -> None:
        self.number = number
        self.requests = requests
        self.behaviour = behaviour
        self.wires: set[ReceiverConnection] = set()
        self.server: asyncio.Server | None = None
        self.socket = self._bind(0)
        self.port: int = self.socket.getsockname()[1]

    def _bind(self, port: int) -> socket.socket:
        """Bind a port without listening: it refuses connections, and no other process gets it."""
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
        return bound

    async def behave(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        if behaviour.dead and self.server:
            self.server.close()
            for wire in list(self.wires):
                wire.transport.abort()
            self.server, self.socket = None, self._bind(self.port)
        elif not behaviour.dead and not self.server:
            loop = asyncio.get_running_loop()
            self.server = await loop.create_server(
                lambda: ReceiverConnection(self), sock=self.socket, backlog=BACKLOG
            )

    def status_for(self, id_: bytes) -> int:
        if self.behaviour.hangs:
            return HUNG
        if self.behaviour.failing and id_ not in self.requests.attempted_ids:
            # Only at the first attempt: after a second failure FOAM waits for five minutes.
            self.requests.attempted_ids.add(id_)
            if self.requests.random.random() < self.behaviour.failing:
                return self.requests.random.choice(FAILURES)
        return 200


class ReceiverConnection(asyncio.Protocol):
    """One connection: reads a request with as little CPU as possible, and answers it."""

    transport: asyncio.Transport

    def __init__(self, door: Door) -> None:
        self.door = door
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.door.wires.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.door.wires.discard(self)

    def data_received(self, data: bytes) -> None:
        data = self.buffer + data
        end = data.find(b"\r\n\r\n")
        if end >= 0:
            head = data[:end].lower()
            length = int(_header(head, b"\r\ncontent-length:") or 0)
            if len(data) >= end + 4 + length:
                self.buffer = b""
                # The id is in lower case like the whole head; FOAM's ids have no capitals.
                self.answer(_header(head, b"\r\nwebhook-id:"), data[end + 4 :])
                return
        self.buffer = data

    def answer(self, id_: bytes, body: bytes) -> None:
        behaviour = self.door.behaviour
        status = self.door.status_for(id_)
        if not (behaviour.loses and self.door.requests.random.random() < behaviour.loses):
            self.door.requests.add(self.door.number, status, id_, body)
        if status == CUT:
            self.transport.abort()
        elif status != HUNG and behaviour.delay:
            loop = asyncio.get_running_loop()
            loop.call_later(behaviour.delay, self.transport.write, ANSWER[status])
        elif status != HUNG:
            self.transport.write(ANSWER[status])


def _header(head: bytes, name: bytes) -> bytes:
    at = head.find(name)
    if at < 0:
        return b""
    end = head.find(b"\r\n", at + len(name))
    return head[at + len(name) : end if end >= 0 else None].strip()


async def serve() -> None:
    """Run the command of each line of stdin, and answer with a line; end with stdin."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    setup = json.loads(await reader.readline())
    requests = Requests(bodies=setup["bodies"], seed=setup["seed"])
    behaviours = [Behaviour(**fields) for fields in setup["behaviours"]]
    doors = [Door(number, requests, Behaviour()) for number in range(len(behaviours))]
    for door, behaviour in zip(doors, behaviours, strict=True):
        await door.behave(behaviour)
    say([door.port for door in doors])
    while line := await reader.readline():
        command = json.loads(line)
        if "behave" in command:
            await doors[command["behave"]].behave(Behaviour(**command["as"]))
        if "write" in command:
            requests.write(command["write"])
        say(requests.accepted)


def say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(serve())
