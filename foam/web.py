"""gunicorn's threaded worker, which on SIGTERM also serves whoever had already connected.

gunicorn stops to accept, finishes what it has, and closes its socket last. Whoever connects in
between waits for up to half a minute in the socket's queue, and is then reset.
"""

import selectors
from typing import Any

from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):
    sockets: list[Any]

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


def is_waited_at(listener: Any) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        return bool(selector.select(0))
