"""Signs of life of workers and beat, every few seconds: for a probe, for systemd, for a watchdog.

A probe looks at nothing but the age of a file. That costs no start of Python and asks no broker: a
worker that waits for Redis is not to be killed. The watchdog ends a process that hangs, so that
whoever looks after it starts it anew.
"""

import logging
import os
import socket
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from django.conf import settings

log = logging.getLogger(__name__)

# In seconds; a probe takes a minute without a sign for death, and so do systemd and the watchdog.
EVERY = 5.0
LONGEST = 60.0


class Watchdog:
    """Ends this process when it has given no sign for LONGEST.

    It counts its own rounds, not the time: a machine that was asleep is given as long again.
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
        """Watch no longer: a process that is told to end finishes what it has first."""
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(EVERY):
            self._rounds += 1
            if self._rounds * EVERY >= LONGEST:
                log.critical("no sign of life for %d s: this process ends", LONGEST)
                os._exit(os.EX_SOFTWARE)


watchdog = Watchdog()


def leave_word(name: str) -> None:
    """Give a sign of life: to the watchdog, to systemd, and to the file in FOAM_ALIVE_DIR."""
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
        log.error("cannot leave word in FOAM_ALIVE_DIR: %s", error.strerror)


def notify(state: str) -> None:
    """Tell systemd, if it is there to hear it (sd_notify)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.setblocking(False)
        with suppress(OSError):
            sender.sendto(state.encode(), address.replace("@", "\0", 1))
