"""A mail server that takes everything and keeps nothing, too cheap to be what is measured.

Runs in a process of its own; knows pipelining (RFC 2920).
"""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from foam.stack.folder import PROJECT
from foam.stack.processes import die_with_parent

GREETING = b"220 sink ESMTP\r\n"
EXTENSIONS = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 10000000\r\n"
OK, BYE, GO_ON = b"250 OK\r\n", b"221 Bye\r\n", b"354 Go on\r\n"
END = b"\r\n.\r\n"


@contextmanager
def sink() -> Iterator[int]:
    """Run one; yield its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.smtpsink"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    assert process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


class Wire(asyncio.Protocol):
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""
        self.is_in_data = False
        transport.write(GREETING)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        answers = []
        while answer := self.step():
            answers.append(answer)
        self.transport.write(b"".join(answers))
        if answers and answers[-1] is BYE:
            self.transport.close()

    def step(self) -> bytes:
        """Take the next command, or the end of a message, off the buffer and answer it."""
        end = END if self.is_in_data else b"\r\n"
        taken, found, rest = self.buffer.partition(end)
        if not found:
            return b""
        self.buffer = rest
        if self.is_in_data:
            self.is_in_data = False
            return OK
        verb = taken[:4].upper()
        self.is_in_data = verb == b"DATA"
        return {b"EHLO": EXTENSIONS, b"DATA": GO_ON, b"QUIT": BYE}.get(verb, OK)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Wire, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(serve())
