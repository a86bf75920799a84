"""gunicorn's threaded worker, which lets no slow client hold a thread.

The loop reads each request, head and body, and hands it to a thread only when it is complete. A
thread leaves its answer to the loop, which sends it as fast as the client reads. Every wait for a
client has a deadline. When there are too many clients, the worker closes the connections
that are idle for longest.

On SIGTERM the worker also serves clients that are already connected. gunicorn itself stops to
accept, finishes its requests, and closes its socket last. A client that connects in between would
wait for up to half a minute in the socket's queue, and then be reset.

Health checks have threads of their own, so that they answer while all other threads wait for a
database that hangs.
"""

import errno
import selectors
import socket
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from django.conf import settings
from gunicorn import http
from gunicorn import sock as gunicorn_sock
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from foam.processes import liveness
from foam.processes.file_limit import connection_limit
from foam.processes.http_connection import ClientConnection, ConnectionState, Disconnected, Peer

# The loop accepts no more at once before it turns to the clients that it has.
ACCEPT_BATCH_SIZE = 16
# What all clients together may leave waiting in a worker, to be read by a thread or by the client.
WAITING_SIZE = 256 * 1024 * 1024
# The kernel holds no more that is not sent for a client that does not read.
UNSENT_SIZE = 128 * 1024
# A client that has been idle for so long between two requests gives way to new clients first.
IDLE_SECONDS = 1.0
# How often the worker looks for clients whose time is up.
LOOK_SECONDS = 0.5


class Worker(ThreadWorker):
    sockets: list[Any]
    tpool: ThreadPoolExecutor

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Believe no header about the scheme, the path or the host, of any peer.

        gunicorn would believe its neighbours on loopback: X-Forwarded-Proto, and SCRIPT_NAME, which
        moves the path. FOAM_TRUST_PROXY is the one setting that believes a proxy.
        """
        super().check_config(cfg, log)
        cfg.set("forwarder_headers", "")
        cfg.set("secure_scheme_headers", {})

    def init_process(self) -> None:
        # /healthz never waits; the others wait for the database, for a few seconds.
        looks = ThreadPoolExecutor(2, "look")
        self.checks = {"/healthz": ThreadPoolExecutor(1, "health"), "/readyz": looks}
        self.checks["/metrics"] = looks
        # Connections by their state, the longest in it first.
        self.waiting: dict[ConnectionState, OrderedDict[ClientConnection, None]] = {
            state: OrderedDict() for state in ConnectionState
        }
        self.next_look = 0.0
        # Bytes of answers that wait for their readers: too many rather than too few.
        self.answers_size = 0
        self.body_limit = settings.FOAM_IMPORT_MAX_SIZE
        self.connection_limit = connection_limit(self.cfg.worker_connections)
        # gunicorn stops to accept at this number: when no connection can give way.
        self.worker_connections = self.connection_limit + 1
        super().init_process()

    def notify(self) -> None:
        """Send a heartbeat of this worker's loop to gunicorn and systemd, about once a second."""
        super().notify()
        liveness.notify("WATCHDOG=1")

    def run(self) -> None:
        try:
            super().run()
        finally:
            for pool in self.checks.values():
                pool.shutdown(wait=False)

    # Accept

    def accept(self, listener: Any) -> None:
        for _ in range(ACCEPT_BATCH_SIZE):
            try:
                raw, client = listener.accept()
            except OSError as error:
                if error.errno in {errno.EMFILE, errno.ENFILE}:
                    self.make_room()
                elif error.errno not in {errno.EAGAIN, errno.ECONNABORTED}:
                    raise
                return
            self.nr_conns += 1
            self.begin(raw, client, listener)
            if self.nr_conns > self.connection_limit and not self.make_room():
                return

    def begin(self, raw: Any, client: Any, listener: Any) -> None:
        raw.setblocking(False)
        if raw.family in {socket.AF_INET, socket.AF_INET6} and sys.platform == "linux":
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_SIZE)
        try:
            if self.cfg.is_ssl:
                raw = gunicorn_sock.ssl_wrap_socket(raw, self.cfg)
            peer = Peer(self.cfg, client, listener.getsockname())
        except OSError:
            raw.close()
            self.nr_conns -= 1
            return
        on_output = partial(self.method_queue.defer, self.watch_output)
        connection = ClientConnection(raw, peer, time.monotonic(), self.body_limit, on_output)
        self.move(connection, ConnectionState.HEAD)
        # The request of an honest client is there already, so that it does not have to give way.
        self.take_turn(self.read, connection)

    def make_room(self) -> bool:
        """Close the client that has waited for longest, one between two requests first.

        A request that a thread has never gives way. Return whether there was any other.
        """
        now = time.monotonic()
        longest = [
            next(iter(connections))
            for state, connections in self.waiting.items()
            if connections and state is not ConnectionState.THREAD
        ]
        longest.sort(key=lambda connection: connection.since)
        idle = [
            connection
            for connection in longest
            if connection.state is ConnectionState.IDLE and now - connection.since > IDLE_SECONDS
        ]
        for connection in (idle or longest)[:1]:
            self.drop(connection)
        return bool(longest)

    # The loop's turns

    def move(self, connection: ClientConnection, state: ConnectionState) -> None:
        """Change a connection's state and what the selector watches for it."""
        self.waiting[connection.state].pop(connection, None)
        connection.state, connection.since = state, time.monotonic()
        self.waiting[state][connection] = None
        events = {ConnectionState.READER: selectors.EVENT_WRITE, ConnectionState.THREAD: 0}
        self.watch(connection, events.get(state, selectors.EVENT_READ))

    def watch(self, connection: ClientConnection, events: int) -> None:
        if events == connection.events:
            return
        if not events:
            self.poller.unregister(connection.raw)
        else:
            change = self.poller.modify if connection.events else self.poller.register
            turn = self.send if events == selectors.EVENT_WRITE else self.read
            change(connection.raw, events, lambda _socket: self.take_turn(turn, connection))
        connection.events = events

    def take_turn(
        self, turn: Callable[[ClientConnection], None], connection: ClientConnection
    ) -> None:
        """Let no client end the loop: an error, such as of a full disk, ends its connection."""
        try:
            turn(connection)
        except Exception:
            self.log.exception("A connection ends by an error.")
            self.drop(connection)

    def watch_output(self, connection: ClientConnection) -> None:
        """Send the answer of a thread that goes on, when the client takes more of it."""
        if connection.state is ConnectionState.THREAD and connection.output:
            self.watch(connection, selectors.EVENT_WRITE)

    def read(self, connection: ClientConnection) -> None:
        try:
            data = connection.receive()
        except OSError:
            self.drop(connection)
            return
        now = time.monotonic()
        if data is None:
            return
        if not data:
            # The end of what the client sends. It cannot complete a request any more.
            self.drop(connection)
        elif connection.state is ConnectionState.LINGER:
            connection.linger(now)
        else:
            connection.received += data
            self.go_on(connection, now)

    def go_on(self, connection: ClientConnection, now: float) -> None:
        """Take a request as far as the received bytes allow."""
        if connection.state is ConnectionState.IDLE:
            connection.begin_head(now)
            self.move(connection, ConnectionState.HEAD)
        if connection.state is ConnectionState.HEAD:
            if not connection.has_head():
                if connection.is_head_too_large():
                    has_line = b"\r\n" in connection.received
                    head = b"431 Request Header Fields Too Large"
                    self.refuse(connection, head if has_line else b"414 URI Too Long")
                return
            if not self.read_head(connection, now):
                return
        connection.take_body()
        if connection.is_body_malformed():
            self.refuse(connection, b"400 Bad Request")
        elif connection.has_body():
            self.enqueue_req(connection)
        elif connection.state is ConnectionState.HEAD:
            self.move(connection, ConnectionState.BODY)
            if connection.expects_continue():
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def read_head(self, connection: ClientConnection, now: float) -> bool:
        """Parse a head, and return whether its body may come."""
        try:
            connection.read_head()
            connection.begin_body(now)
        except (StopIteration, http.errors.NoMoreData):
            self.drop(connection)
            return False
        except Exception as error:
            self.handle_error(connection.request, connection, connection.client, error)
            self.end(connection, keeps_alive=False)
            return False
        return True

    def send(self, connection: ClientConnection) -> None:
        if not connection.flush():
            return
        if connection.state is ConnectionState.THREAD:
            self.watch(connection, 0)
        elif connection.is_broken:
            self.drop(connection)
        else:
            self.end(connection, keeps_alive=connection.keeps_alive)

    def enqueue_req(self, connection: ClientConnection) -> None:
        """Give a complete request to a thread."""
        self.move(connection, ConnectionState.THREAD)
        pool = self.checks.get(connection.request.path, self.tpool)
        finish = partial(self.method_queue.defer, self.finish_request, connection)
        pool.submit(self.handle, connection).add_done_callback(finish)

    def handle(self, connection: ClientConnection) -> bool:
        """Answer a request, in a thread; return whether the connection can be kept alive."""
        try:
            return bool(self.handle_request(connection.request, connection))
        except StopIteration:
            self.log.debug("Closing connection.")
        except OSError as error:
            # The client went away, or its body is no body in chunks.
            self.log.debug("The client is gone: %s", error)
        except Exception as error:
            self.handle_error(connection.request, connection, connection.client, error)
        return False

    def finish_request(self, connection: ClientConnection, future: Future[bool]) -> None:
        keeps_alive = not future.cancelled() and future.result()
        self.end(connection, keeps_alive=keeps_alive)

    def end(self, connection: ClientConnection, *, keeps_alive: bool) -> None:
        """Go on after an answer: send the rest of it, wait for the next request, or close."""
        connection.keeps_alive = keeps_alive
        connection.end_request()
        if connection.is_broken:
            self.drop(connection)
        elif not connection.flush():
            self.move(connection, ConnectionState.READER)
            self.answers_size += connection.output.size
            if self.answers_size > WAITING_SIZE:
                self.limit_waiting_bytes()
        elif keeps_alive:
            self.keep_alive(connection)
        else:
            self.linger(connection)

    def keep_alive(self, connection: ClientConnection) -> None:
        now = time.monotonic()
        patience = self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER
        connection.deadline = now + patience
        self.move(connection, ConnectionState.IDLE)
        if connection.received:
            self.go_on(connection, now)

    def linger(self, connection: ClientConnection) -> None:
        try:
            connection.begin_linger(time.monotonic())
        except OSError:
            self.drop(connection)
        else:
            self.move(connection, ConnectionState.LINGER)

    def refuse(self, connection: ClientConnection, status: bytes) -> None:
        """Answer a request that never became complete, and close."""
        head = b"HTTP/1.1 %b\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        with suppress(Disconnected):
            connection.sendall(head % status)
        self.end(connection, keeps_alive=False)

    def drop(self, connection: ClientConnection) -> None:
        """Close a connection at once."""
        connection.break_off()
        self.watch(connection, 0)
        if connection in self.waiting[connection.state]:
            del self.waiting[connection.state][connection]
            connection.end_request()
            connection.raw.close()
            self.nr_conns -= 1

    # Deadlines

    def murder_keepalived(self, force: bool = False) -> None:
        """Close the clients whose time is up; with `force` all that are idle."""
        now = time.monotonic()
        # gunicorn calls this after each turn of its loop, and a look at all connections takes time.
        if not force and now < self.next_look:
            return
        self.next_look = now + LOOK_SECONDS
        if force:
            for connection in list(self.waiting[ConnectionState.IDLE]):
                self.drop(connection)
        late = [
            client for clients in self.waiting.values() for client in clients if client.is_late(now)
        ]
        for connection in late:
            if connection.state is ConnectionState.THREAD:
                # Its thread finds out when it sends the next part.
                connection.break_off()
            elif connection.state is ConnectionState.BODY or (
                connection.state is ConnectionState.HEAD and connection.received
            ):
                self.refuse(connection, b"408 Request Timeout")
            else:
                self.drop(connection)
        self.limit_waiting_bytes()

    def murder_pending(self) -> None:
        """Do nothing: `murder_keepalived` looks at all connections."""

    def limit_waiting_bytes(self) -> None:
        """Close the clients for which the most bytes wait, if all wait for too many."""
        sizes = {
            connection: connection.body.size + connection.output.size
            for state in (ConnectionState.BODY, ConnectionState.READER)
            for connection in self.waiting[state]
        }
        total = sum(sizes.values())
        for connection in sorted(sizes, key=sizes.__getitem__, reverse=True):
            if total <= WAITING_SIZE:
                break
            total -= sizes[connection]
            self.drop(connection)
        self.answers_size = total

    # Stop

    def _cap_keepalive(self, deadline: float) -> None:
        """Give those from whom no byte of a request has come no longer than `deadline`."""
        for state in (ConnectionState.IDLE, ConnectionState.HEAD):
            for connection in self.waiting[state]:
                connection.deadline = min(connection.deadline, deadline)

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        # Only at the end: gunicorn also calls this when the worker starts.
        if not enabled and not self.alive:
            self.close_listeners()

    def close_listeners(self) -> None:
        """Accept the clients in the queue, then close the sockets, so that new clients are refused.

        A socket that systemd holds stays open: new clients wait there for the next worker.
        """
        listeners, self.sockets = self.sockets, []
        for listener in listeners:
            while is_readable(listener):
                self.accept(listener)
            listener.close()


def is_readable(listener: Any, seconds: float = 0) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        return bool(selector.select(seconds))
