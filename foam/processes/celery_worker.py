"""A Celery worker that takes wake-ups alone, and sends heartbeats also without its broker."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from celery import bootsteps
from celery.worker.consumer import Consumer as CeleryConsumer

from foam.processes import liveness, wake_ups


class HeartbeatStep(bootsteps.StartStopStep):
    """Sends heartbeats from the worker's event loop, so that they end when the loop hangs."""

    requires = ("celery.worker.components:Timer",)

    def start(self, worker: Any) -> None:
        name = str(worker.hostname)
        liveness.send_heartbeat(name)
        liveness.watchdog.start()
        worker.timer.call_repeatedly(liveness.EVERY, liveness.send_heartbeat, (name,))


class Consumer(CeleryConsumer):
    connection_errors: tuple[type[Exception], ...]

    def ensure_connected(self, conn: Any) -> Any:
        """Wait for the broker, with heartbeats from a thread: the event loop stands still."""
        with heartbeats(str(self.hostname)):
            return super().ensure_connected(conn)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        receive = super().create_task_handler(*args, **kwargs)
        return wake_ups.only_wake_ups(receive, self.app.tasks, self.connection_errors)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Drop a message that cannot be decoded, without its words in the log."""
        wake_ups.drop(message, f"it raises {type(exc).__name__}", self.connection_errors)


@contextmanager
def heartbeats(name: str) -> Iterator[None]:
    """Send heartbeats from a thread of their own until the block ends."""
    end = Event()

    def send_until_end() -> None:
        while not end.wait(liveness.EVERY):
            liveness.send_heartbeat(name)

    thread = Thread(target=send_until_end, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
