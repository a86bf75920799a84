"""gunicorn's threaded worker, which on SIGTERM also serves whoever had already connected.

gunicorn stops to accept, finishes what it has, and closes its socket last. Whoever connects in
between waits for up to half a minute in the socket's queue, and is then reset.

Health checks have threads of their own: requests that wait for a database that hangs keep none of
them waiting.
"""

import selectors
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from foam.processes import liveness

# The longest beginning of a request by which a health check is known.
PEEK = len(b"HEAD /healthz ")
# How long a connection may take to say what it wants, in seconds, while all threads are at work.
HESITATION = 0.02


class Worker(ThreadWorker):
    sockets: list[Any]
    tpool: ThreadPoolExecutor

    def init_process(self) -> None:
        self.in_hand = 0
        # The first never waits; the others do, for a few seconds.
        looks = ThreadPoolExecutor(2, "look")
        self.checks = {"/healthz": ThreadPoolExecutor(1, "health"), "/readyz": looks}
        self.checks["/metrics"] = looks
        super().init_process()

    def notify(self) -> None:
        """Tell gunicorn and systemd, about once a second, that this worker's loop goes round."""
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
        done = partial(self.method_queue.defer, self.finish_request, conn)
        pool.submit(self.handle, conn).add_done_callback(done)

    def finish_request(self, conn: Any, fs: Any) -> None:
        self.in_hand -= 1
        super().finish_request(conn, fs)

    def path_of(self, conn: Any) -> str:
        """Return the path of a request that asks for a health check; else maybe nothing."""
        if self.cfg.is_ssl:
            return ""
        if self.in_hand > self.cfg.threads:
            is_waited_at(conn.sock, HESITATION)
        try:
            words = conn.sock.recv(PEEK, socket.MSG_PEEK | socket.MSG_DONTWAIT).split(b" ")
        except OSError:
            return ""
        return words[1].partition(b"?")[0].decode("latin-1") if len(words) > 1 else ""

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        # Not when it begins: it may be told to end before that.
        if not enabled and not self.alive:
            self.close_the_door()

    def close_the_door(self) -> None:
        """Take in who waits, then close: when the last worker has, others are refused at once.

        A socket that systemd holds stays open, and they wait for the worker that comes next.
        """
        listeners, self.sockets = self.sockets, []
        for listener in listeners:
            while is_waited_at(listener):
                self.accept(listener)
            listener.close()


def is_waited_at(listener: Any, seconds: float = 0) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        return bool(selector.select(seconds))
