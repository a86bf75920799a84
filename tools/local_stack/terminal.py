"""What the person at the terminal reads."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


output = sys.stdout


class Problem(Exception):
    """One clear sentence, shown instead of a traceback."""


def paint(text: str, colour: str) -> str:
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain or not output.isatty() else f"\033[{COLOURS[colour]}m{text}\033[0m"


def leave_stdout_alone() -> None:
    """Talk on stderr, where a command of the caller's owns stdout."""
    global output  # noqa: PLW0603
    output = sys.stderr


def say(line: str = "") -> None:
    try:
        print(line, file=output, flush=True)
    except OSError:
        # The terminal is gone, and stopping in good order matters more than saying so.
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, output.fileno())
        os.close(silent)


@contextmanager
def step(done: str = "") -> Iterator[list[str]]:
    """Say what was done and how long it took, once it is done; the words may come late."""
    words = [done] if done else []
    started = time.monotonic()
    yield words
    took = time.monotonic() - started
    say(f"  {paint('✓', 'green')} {' '.join(words):<34} {took:4.1f} s")
