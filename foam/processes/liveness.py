"""Heartbeats of workers and beat, every few seconds: for a probe, systemd and a watchdog.

A probe reads the age of a file alone. That starts no Python and asks no broker: a worker that waits
for Redis must not be killed. The watchdog ends a process that hangs, so that Docker, systemd or
`make run` starts it again.
"""

import logging
import os
import socket
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from django.conf import settings

log = logging.getLogger(__name__)

# In seconds. After a minute without a heartbeat a probe, systemd and the watchdog take the process
# for dead.
EVERY = 5.0
LONGEST = 60.0


class Watchdog:
    """Ends this process after LONGEST without a heartbeat.

    It counts its own rounds, not the time: after a machine slept, the process gets LONGEST again.
    """

    def __init__(self) -> None:
        self._rounds = 0
        self._ended = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._watch, name="watchdog", daemon=True)
            self._thread.start()

    def feed(self) -> None:
        self._rounds = 0

    def end(self) -> None:
        """Stop watching: a process that shuts down may finish its tasks, however long they take."""
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(EVERY):
            self._rounds += 1
            if self._rounds * EVERY >= LONGEST:
                log.critical("no sign of life for %d s: this process ends", LONGEST)
                os._exit(os.EX_SOFTWARE)


watchdog = Watchdog()


def send_heartbeat(name: str) -> None:
    """Tell the watchdog and systemd that this process is alive, and touch its file for probes."""
    watchdog.feed()
    notify("WATCHDOG=1")
    if not settings.FOAM_ALIVE_DIR:
        return
    folder = Path(settings.FOAM_ALIVE_DIR)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / name.replace(os.sep, "_")
        file.touch()
    except OSError as error:
        log.error("cannot touch a file in FOAM_ALIVE_DIR: %s", error.strerror)


def notify(state: str) -> None:
    """Send a state to systemd, if it started this process (sd_notify)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.setblocking(False)
        with suppress(OSError):
            sender.sendto(state.encode(), address.replace("@", "\0", 1))
