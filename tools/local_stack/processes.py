"""Child processes that never outlive this process, and the signals that stop it."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Protocol

ON_LINUX: bool = sys.platform == "linux"
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if ON_LINUX else None
POLL = 0.02
HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# The most characters of a log line on the terminal.
LINE = 200


class Stop(Exception):
    """A signal told this process to stop."""

    def __init__(self, number: int) -> None:
        self.signal = number


class Signals:
    """Remember signals; only `check` raises Stop for them.

    An exception in a handler could strike between the start of a child and its entry in a list.
    """

    def __init__(self) -> None:
        self.received: list[int] = []
        self.first_at = 0.0
        # A killed make cannot pass the signal on.
        self.parent = os.getppid() if "MAKELEVEL" in os.environ else None
        for number in HANDLED:
            signal.signal(number, self._remember)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.first_at = self.first_at or time.monotonic()
        self.received.append(number)

    def check(self) -> None:
        if self.received:
            raise Stop(self.received[0])
        if self.orphaned:
            raise Stop(signal.SIGHUP)

    @property
    def orphaned(self) -> bool:
        return self.parent is not None and os.getppid() != self.parent

    @property
    def impatient(self) -> bool:
        """Whether Ctrl-C came twice."""
        return self.received.count(signal.SIGINT) > 1


class ChildProcess(Protocol):
    """The part of subprocess.Popen that a child needs."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self) -> object: ...
    def send_signal(self, number: int) -> None: ...


@dataclass
class Child:
    name: str
    process: ChildProcess
    log: Path | None
    stop_signal: int
    hurry_signal: int
    began: float = field(default_factory=time.monotonic)

    @property
    def exit_code(self) -> int | None:
        return self.process.poll()

    def send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def last_words(self, lines: int = 12) -> list[str]:
        if self.log is None or not self.log.exists():
            return []
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - 20_000))
            last = file.read().decode(errors="replace").splitlines()[-lines:]
        return [line[:LINE] for line in last]


def start(
    name: str,
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    shows_output: bool = False,
    stdin: bytes = b"",
    user: Mapping[str, object] | None = None,
    cwd: Path = Path("/"),
    stop_signal: int = signal.SIGTERM,
    hurry_signal: int = signal.SIGKILL,
    death_signal: int | None = None,
) -> Child:
    """Start a child in a session of its own: the terminal's Ctrl-C reaches this process only."""
    output = log.open("ab") if log else subprocess.DEVNULL
    process = subprocess.Popen(
        [str(part) for part in command],
        env=dict(env) if env is not None else None,
        cwd=cwd,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=None if shows_output else output,
        stderr=output,
        start_new_session=True,
        preexec_fn=die_with_parent(death_signal or stop_signal),
        **(user or {}),  # type: ignore[call-overload]
    )
    if log:
        output.close()  # type: ignore[union-attr]
    if stdin and process.stdin:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(stdin)
            process.stdin.close()
    return Child(name, process, log, stop_signal, hurry_signal)


def die_with_parent(number: int):  # type: ignore[no-untyped-def]
    """Return a preexec_fn: the kernel sends the child signal `number` when its parent is gone.

    The kernel watches the thread that forked, so children are started from the main thread only.
    """
    parent = os.getpid()

    def ask_the_kernel() -> None:
        if LIBC is None:
            return
        LIBC.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask_the_kernel


def stop(child: Child, signals: Signals, patience: float) -> None:
    """Send the stop signal, then the hurry signal; last kill the child's process group."""
    child.send(child.stop_signal)
    if not wait(child, signals, patience):
        child.send(child.hurry_signal)
        if child.hurry_signal == signal.SIGKILL or not wait(child, None, 3):
            kill_group(child)
            child.process.wait()
    kill_group(child)


def wait(child: Child, signals: Signals | None, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while child.exit_code is None:
        if time.monotonic() > deadline or (signals and signals.impatient):
            return False
        time.sleep(POLL)
    return True


def kill_group(child: Child) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process.pid, signal.SIGKILL)
