"""The client of a helper: a process that runs Apprise's plug-ins and ends with its client."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

PROJECT = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-m", "notifications.transports.apprise_worker"]
# A helper that is idle for longer is not used again: it ends by itself soon.
IDLE_SECONDS = 60.0
# Without FOAM's variables: no database, no keys.
ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": str(PROJECT)}


def wait_for(helpers: Iterable["Helper"], seconds: float) -> None:
    """Wait until one of the helpers has sent something, for up to `seconds`."""
    poll = select.poll()
    for helper in helpers:
        poll.register(helper, select.POLLIN)
    poll.poll(max(0, seconds) * 1000)


class HelperPool:
    """The idle helpers of one process."""

    def __init__(self) -> None:
        self._idle: list[Helper] = []

    def take(self) -> "Helper":
        """Return an idle helper, or a new one, which takes a second to start."""
        while self._idle:
            helper = self._idle.pop()
            if helper.is_fresh():
                return helper
            helper.end()
        return Helper()

    def give_back(self, helper: "Helper") -> None:
        self._idle.append(helper)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().end()


class HelperEnded(Exception):
    """The process of the helper has ended."""


class Helper:
    """Runs one request at a time. `has_begun`: something may have been sent for it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603  fixed words
            COMMAND,
            bufsize=0,
            cwd=PROJECT,
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Ctrl-C at the terminal must not reach it: the client ends it.
            start_new_session=True,
        )
        assert self._process.stdin  # noqa: S101  for the type checker
        assert self._process.stdout  # noqa: S101  for the type checker
        self._requests, self._replies = self._process.stdin, self._process.stdout
        os.set_blocking(self._replies.fileno(), False)
        self._unread = b""
        self._asked_at = time.monotonic()
        self.has_begun = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def fileno(self) -> int:
        """Return the descriptor of its replies, for `select`."""
        return self._replies.fileno()

    def is_fresh(self) -> bool:
        """Tell whether the process runs and had a request lately."""
        return self._process.poll() is None and time.monotonic() - self._asked_at < IDLE_SECONDS

    def send_request(self, request: dict[str, Any]) -> None:
        self.has_begun = False
        self._asked_at = time.monotonic()
        try:
            self._requests.write(orjson.dumps(request) + b"\n")
        except OSError:
            raise HelperEnded from None

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send a request and return its reply; TimeoutError or HelperEnded."""
        self.send_request(request)
        until = time.monotonic() + seconds
        while (reply := self.reply()) is None:
            if time.monotonic() >= until:
                raise TimeoutError
            wait_for([self], until - time.monotonic())
        return reply

    def reply(self) -> dict[str, Any] | None:
        """Return the reply to the request, None before it arrives; HelperEnded if it never will."""
        while True:
            line, newline, following = self._unread.partition(b"\n")
            if not newline:
                if not self._read():
                    return None
                continue
            self._unread = following
            reply: dict[str, Any] = orjson.loads(line)
            if "begun" not in reply:
                return reply
            self.has_begun = True

    def _read(self) -> bool:
        octets = self._replies.read(65536)
        if octets == b"":
            raise HelperEnded
        self._unread += octets or b""
        return bool(octets)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._requests.close()
        self._replies.close()
