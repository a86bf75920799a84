"""A process that runs Apprise's plug-ins, as seen by who asks it. It dies with who started it."""

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
# One that waits for longer ends by itself soon.
IDLE = 60.0
# Nothing of ours: no database, no keys.
ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": str(PROJECT)}


def wait_for(helpers: Iterable["Helper"], seconds: float) -> None:
    """Wait until one of them has something to say, for so long at the most."""
    poll = select.poll()
    for helper in helpers:
        poll.register(helper, select.POLLIN)
    poll.poll(max(0, seconds) * 1000)


class Pool:
    """The helpers of one process that have nothing to do at the moment."""

    def __init__(self) -> None:
        self._idle: list[Helper] = []

    def take(self) -> "Helper":
        """Return one that waits for work, or a new one, which takes a second to be ready."""
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


class Ended(Exception):
    """The process is gone."""


class Helper:
    """Takes one request at a time. `has_begun`: something may have gone out for it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            COMMAND,
            bufsize=0,
            cwd=PROJECT,
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Ctrl-C at the terminal is for us: we end it when we are done.
            start_new_session=True,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._requests, self._replies = self._process.stdin, self._process.stdout
        os.set_blocking(self._replies.fileno(), False)
        self._unread = b""
        self._told_at = time.monotonic()
        self.has_begun = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def fileno(self) -> int:
        """Make it known to `select` when there is something to read."""
        return self._replies.fileno()

    def is_fresh(self) -> bool:
        """Tell whether it is there and has been of use lately."""
        return self._process.poll() is None and time.monotonic() - self._told_at < IDLE

    def tell(self, request: dict[str, Any]) -> None:
        self.has_begun = False
        self._told_at = time.monotonic()
        try:
            self._requests.write(orjson.dumps(request) + b"\n")
        except OSError:
            raise Ended from None

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Return the reply to a request; TimeoutError or Ended instead."""
        self.tell(request)
        until = time.monotonic() + seconds
        while (reply := self.reply()) is None:
            if time.monotonic() >= until:
                raise TimeoutError
            wait_for([self], until - time.monotonic())
        return reply

    def reply(self) -> dict[str, Any] | None:
        """Return the reply to the request, None while there is none; Ended when none will come."""
        while True:
            line, found, rest = self._unread.partition(b"\n")
            if not found:
                if not self._read():
                    return None
                continue
            self._unread = rest
            reply: dict[str, Any] = orjson.loads(line)
            if "begun" not in reply:
                return reply
            self.has_begun = True

    def _read(self) -> bool:
        octets = self._replies.read(65536)
        if octets == b"":
            raise Ended
        self._unread += octets or b""
        return bool(octets)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._requests.close()
        self._replies.close()
