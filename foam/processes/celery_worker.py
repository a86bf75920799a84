"""A Celery worker that leaves word that it is alive, whether its broker is or not."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from celery import bootsteps
from celery.worker.consumer import Consumer as CeleryConsumer

from foam.processes import liveness


class LeaveWord(bootsteps.StartStopStep):
    """From the worker's event loop: when that hangs nobody leaves word."""

    requires = ("celery.worker.components:Timer",)

    def start(self, worker: Any) -> None:
        name = str(worker.hostname)
        liveness.leave_word(name)
        liveness.watchdog.start()
        worker.timer.call_repeatedly(liveness.EVERY, liveness.leave_word, (name,))


class Consumer(CeleryConsumer):
    def ensure_connected(self, conn: Any) -> Any:
        """The event loop stands still until there is a broker: not a reason to end the worker."""
        with leaving_word(str(self.hostname)):
            return super().ensure_connected(conn)


@contextmanager
def leaving_word(name: str) -> Iterator[None]:
    done = Event()

    def go_on() -> None:
        while not done.wait(liveness.EVERY):
            liveness.leave_word(name)

    beside = Thread(target=go_on, daemon=True)
    beside.start()
    try:
        yield
    finally:
        done.set()
        beside.join()
