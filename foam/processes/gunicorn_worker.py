"""gunicorn's threaded worker, which on SIGTERM also serves clients that are already connected.

gunicorn itself stops to accept, finishes its requests, and closes its socket last. A client that
connects in between would wait for up to half a minute in the socket's queue, and then be reset.

Health checks have threads of their own, so that they answer while all other threads wait for a
database that hangs.
"""

import selectors
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from foam.processes import liveness

# The longest beginning of a request that tells a health check from other requests.
PEEK = len(b"HEAD /healthz ")
# How long the worker waits for the first bytes of a connection while all its threads are busy.
PEEK_WAIT_SECONDS = 0.02


class Worker(ThreadWorker):
    sockets: list[Any]
    tpool: ThreadPoolExecutor

    def init_process(self) -> None:
        self.in_hand = 0
        # /healthz never waits; the others wait for the database, for a few seconds.
        looks = ThreadPoolExecutor(2, "look")
        self.checks = {"/healthz": ThreadPoolExecutor(1, "health"), "/readyz": looks}
        self.checks["/metrics"] = looks
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

    def enqueue_req(self, conn: Any) -> None:
        self.in_hand += 1
        pool = self.checks.get(self.path_of(conn), self.tpool)
        finish = partial(self.method_queue.defer, self.finish_request, conn)
        pool.submit(self.handle, conn).add_done_callback(finish)

    def finish_request(self, conn: Any, fs: Any) -> None:
        self.in_hand -= 1
        super().finish_request(conn, fs)

    def path_of(self, conn: Any) -> str:
        """Return the path of a request if its first bytes hold it, as those of health checks do."""
        if self.cfg.is_ssl:
            return ""
        if self.in_hand > self.cfg.threads:
            is_readable(conn.sock, PEEK_WAIT_SECONDS)
        try:
            words = conn.sock.recv(PEEK, socket.MSG_PEEK | socket.MSG_DONTWAIT).split(b" ")
        except OSError:
            return ""
        return words[1].partition(b"?")[0].decode("latin-1") if len(words) > 1 else ""

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
