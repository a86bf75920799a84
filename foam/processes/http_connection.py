"""One client of the web server: its socket, its deadline, and what waits to be read or sent.

The loop of the worker is the only reader of the socket and never waits for it. A thread gets a
request once all of it is there, and leaves its answer here, so that no client can hold a thread.
gunicorn reads and writes through `recv` and `sendall`, as if this were the socket.
"""

import errno
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import IO, Any, NamedTuple

from gunicorn.http.body import Body, ChunkedReader, LengthReader
from gunicorn.http.message import Request
from gunicorn.http.unreader import SocketUnreader

from foam.processes.byte_queue import ByteQueue
from foam.processes.chunk_scanner import ChunkScanner

BLOCKED = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
RECEIVE_SIZE = 64 * 1024
TLS_RECORD_SIZE = 16 * 1024
FILE_PART_SIZE = 256 * 1024
# The loop reads no more from one client before it turns to the next.
TURN_SIZE = 256 * 1024

# A whole head has to come within these seconds after the client connected, or after its first byte
# on a connection that was kept alive.
HEAD_SECONDS = 10.0
HEAD_SIZE = 64 * 1024
# A body has as long, and as long again as it takes at the slowest rate. So has the reader of an
# answer, while some of the answer waits.
BODY_SECONDS = 20.0
READER_SECONDS = 30.0
SLOWEST_RATE = 16 * 1024
# A thread waits for the reader only if an answer is larger than this, and not for long.
ANSWER_SIZE = 64 * 1024 * 1024
ROOM_SECONDS = 30.0
# A client that still sends after its answer is read until it stops, so that it sees the answer
# (RFC 9112, 9.6).
LINGER_SECONDS = 2.0
LINGER_LIMIT_SECONDS = 30.0

HEAD_END = b"\r\n\r\n"
_BARE_LF = re.compile(rb"(?<!\r)\n")


class ConnectionState(Enum):
    """The next thing that has to happen on a connection."""

    IDLE = auto()  # the first byte of a next request
    HEAD = auto()
    BODY = auto()
    THREAD = auto()  # a thread has the request
    READER = auto()  # the answer is complete, and the client has not taken all of it
    LINGER = auto()  # the answer is sent, and the client may still be sending


class Disconnected(OSError):
    """The client is gone, or too slow."""

    def __init__(self) -> None:
        super().__init__(errno.EPIPE, "the client does not take the answer")


class Peer(NamedTuple):
    """gunicorn's settings, and the addresses of the client and of the server's socket."""

    cfg: Any
    client: Any
    server: Any


class ClientConnection:
    """A client's connection. The loop owns all of it but `output`, which has a lock."""

    def __init__(
        self,
        raw: socket.socket,
        peer: Peer,
        now: float,
        body_limit: int,
        on_output: Callable[["ClientConnection"], None],
    ) -> None:
        self.raw = raw
        self.cfg, self.client, self.server = peer
        self.body_limit = body_limit
        # Called in a thread when output begins to wait for the client.
        self._on_output = on_output
        self.state, self.since = ConnectionState.HEAD, now
        self.deadline = now + HEAD_SECONDS
        # The selector's events, 0 if it does not watch this connection.
        self.events = 0
        self.received = bytearray()
        # How many of the received bytes were searched for the end of the head.
        self._searched = 0
        self.request_number = 0
        self.request: Any = None
        self.body = ByteQueue()
        self._head = b""
        self._body_left = 0
        self._chunks: ChunkScanner | None = None
        self._body_began = 0.0
        self._body_size = 0
        self._lingers_until = 0.0
        # The answer's bytes that the client has not taken yet.
        self.output = ByteQueue()
        self.lock = threading.Lock()
        self._has_room = threading.Condition(self.lock)
        self._output_began = 0.0
        self._output_sent = 0
        self.is_broken = self.keeps_alive = False

    @property
    def sock(self) -> "ClientConnection":
        """The socket as gunicorn's code sees it."""
        return self

    # The loop reads.

    def receive(self) -> bytes | None:
        """Return what the client has sent, b"" after its end, None if nothing is there."""
        parts: list[bytes] = []
        size = 0
        while size < TURN_SIZE or self._has_decrypted():
            try:
                part = self.raw.recv(RECEIVE_SIZE)
            except BLOCKED:
                return b"".join(parts) or None
            if not part:
                break
            parts.append(part)
            size += len(part)
            if len(part) < RECEIVE_SIZE and not isinstance(self.raw, ssl.SSLSocket):
                break
        return b"".join(parts)

    def _has_decrypted(self) -> bool:
        return isinstance(self.raw, ssl.SSLSocket) and self.raw.pending() > 0

    def begin_head(self, now: float) -> None:
        self.deadline = now + HEAD_SECONDS

    def has_head(self) -> bool:
        """Whether the head is complete, or is so wrong that gunicorn can refuse it."""
        start, self._searched = self._searched, len(self.received)
        end = self.received.find(HEAD_END, max(0, start - len(HEAD_END)))
        if end >= 0:
            return end <= HEAD_SIZE
        return _BARE_LF.search(self.received, max(0, start - 1)) is not None

    def is_head_too_large(self) -> bool:
        return len(self.received) > HEAD_SIZE

    def read_head(self) -> None:
        """Parse the head. Raises what gunicorn's parser raises."""
        end = self.received.find(HEAD_END)
        end = end + len(HEAD_END) if end >= 0 else len(self.received)
        self._head = bytes(self.received[:end])
        del self.received[:end]
        self._searched = 0
        self.request_number += 1
        self.request = None
        self.request = Request(self.cfg, SocketUnreader(self), self.client, self.request_number)

    def begin_body(self, now: float) -> None:
        """Prepare for the body that the head announces, and refuse to read too large a body.

        Of such a body the application sees the length and no bytes, and the connection is closed.
        """
        self._body_began, self._body_size = now, 0
        reader = self.request.body.reader
        self._chunks = ChunkScanner(self.body_limit) if isinstance(reader, ChunkedReader) else None
        self._body_left = reader.length if isinstance(reader, LengthReader) else 0
        if self._body_left > self.body_limit:
            self._leave_body()
        self.deadline = now + BODY_SECONDS

    def take_body(self) -> None:
        """Move what belongs to the body from the received bytes into the body's queue."""
        if self._chunks is not None:
            count = self._chunks.scan(bytes(self.received))
        else:
            count = min(self._body_left, len(self.received))
            self._body_left -= count
        if count:
            self.body.append(bytes(self.received[:count]))
            del self.received[:count]
            self._body_size += count
            self.deadline = self._body_began + BODY_SECONDS + self._body_size / SLOWEST_RATE
        if self._chunks is not None and self._chunks.is_too_large:
            headers = [
                (name, text) for name, text in self.request.headers if name != "TRANSFER-ENCODING"
            ]
            self.request.headers = [*headers, ("CONTENT-LENGTH", str(self.body_limit + 1))]
            self._leave_body()

    def has_body(self) -> bool:
        return self._chunks.is_complete if self._chunks is not None else self._body_left == 0

    def is_body_malformed(self) -> bool:
        return self._chunks is not None and self._chunks.is_malformed

    def _leave_body(self) -> None:
        self._chunks, self._body_left = None, 0
        self.body.clear()
        self.request.body = Body(LengthReader(self.request.unreader, 0))
        self.request.force_close()

    def expects_continue(self) -> bool:
        """Whether the client waits for 100 before it sends the body (RFC 9110, 10.1.1)."""
        expects, self.request._expected_100_continue = self.request._expected_100_continue, False
        return expects and not self.has_body()

    def end_request(self) -> None:
        """Drop the unread rest of the request, as the next one begins behind it."""
        self.request = None
        self._head = b""
        self.body.clear()

    def recv(self, size: int) -> bytes:
        """Return the next bytes of the request, b"" after its end."""
        data, self._head = self._head[:size], self._head[size:]
        return data or self.body.read(size)

    # Both the loop and a thread write.

    def sendall(self, data: bytes | memoryview) -> None:
        """Send `data`, or queue what the client does not take at once.

        A thread waits here only for the reader of an answer that is larger than ANSWER_SIZE.
        """
        with self.lock:
            if self.is_broken:
                raise Disconnected
            was_waiting = bool(self.output)
            sent = 0 if was_waiting else self._send(data)
            if self.is_broken:
                raise Disconnected
            if sent < len(data):
                self._queue(memoryview(data)[sent:])
                if not was_waiting:
                    self._output_began, self._output_sent = time.monotonic(), 0
                    self._on_output(self)
            if self.output.size > ANSWER_SIZE:
                self._wait_for_room()

    def _queue(self, data: memoryview) -> None:
        try:
            self.output.append(data)
        except OSError:
            # The disk is full. What was sent is no whole answer, so the connection ends.
            self.is_broken = True
            raise

    def send(self, data: bytes) -> int:
        self.sendall(data)
        return len(data)

    def sendfile(self, file: IO[bytes], offset: int = 0, count: int | None = None) -> int:
        file.seek(offset)
        remaining = count if count is not None else 2**63
        while remaining and (data := file.read(min(remaining, FILE_PART_SIZE))):
            self.sendall(data)
            remaining -= len(data)
        return 0

    def flush(self) -> bool:
        """Send what waits; return whether nothing waits any more."""
        with self.lock:
            while self.output:
                part = self.output.peek()
                sent = self._send(part)
                if not sent:
                    break
                self._output_sent += sent
                self.output.remove(sent)
            if self.is_broken:
                self.output.clear()
            if self.output.size <= ANSWER_SIZE // 2:
                self._has_room.notify_all()
            return not self.output

    def is_late(self, now: float) -> bool:
        """Tell whether the time for what has to happen next is over."""
        if self.state in {ConnectionState.THREAD, ConnectionState.READER}:
            return self.is_reader_late(now)
        return now > self.deadline

    def is_reader_late(self, now: float) -> bool:
        with self.lock:
            if not self.output:
                return False
            seconds = READER_SECONDS + self._output_sent / SLOWEST_RATE
            return now > self._output_began + seconds

    def break_off(self) -> None:
        """Let no thread wait for this client or send to it any more."""
        with self.lock:
            self.is_broken = True
            self.output.clear()
            self._has_room.notify_all()

    def _send(self, data: bytes | memoryview) -> int:
        """Return how many bytes the socket took. Retries over TLS repeat the same bytes."""
        if isinstance(self.raw, ssl.SSLSocket):
            data = data[:TLS_RECORD_SIZE]
        try:
            return self.raw.send(data)
        except BLOCKED:
            return 0
        except OSError:
            self.is_broken = True
            return 0

    def _wait_for_room(self) -> None:
        deadline = time.monotonic() + ROOM_SECONDS
        while self.output.size > ANSWER_SIZE // 2 and not self.is_broken:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                self.is_broken = True
            else:
                self._has_room.wait(remaining)
        if self.is_broken:
            self.output.clear()
            raise Disconnected

    # The end of a connection.

    def begin_linger(self, now: float) -> None:
        """Say that nothing more comes, and read on for a moment: an unread byte would reset."""
        self.deadline = now + LINGER_SECONDS
        self._lingers_until = now + LINGER_LIMIT_SECONDS
        self.received.clear()
        self.raw.shutdown(socket.SHUT_WR)

    def linger(self, now: float) -> None:
        self.deadline = min(now + LINGER_SECONDS, self._lingers_until)

    def fileno(self) -> int:
        return self.raw.fileno()

    def shutdown(self, _how: int) -> None:
        """Do nothing, as `settimeout` and `close`: the loop ends the connection."""

    def gettimeout(self) -> float:
        """Return 0.0, as for a socket that never waits."""
        return 0.0

    def settimeout(self, _seconds: float | None) -> None: ...

    def close(self) -> None: ...
