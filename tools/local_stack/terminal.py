"""Output for the person at the terminal."""

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
    """Write to stderr from now on, as stdout belongs to the command that runs."""
    global output  # noqa: PLW0603
    output = sys.stderr


def say(line: str = "") -> None:
    try:
        print(line, file=output, flush=True)
    except OSError:
        # The terminal is gone; the stack still has to stop in good order.
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, output.fileno())
        os.close(silent)


@contextmanager
def step(text: str = "") -> Iterator[list[str]]:
    """Print the text of a step and its seconds at its end; the step may append to the text."""
    words = [text] if text else []
    started = time.monotonic()
    yield words
    took = time.monotonic() - started
    say(f"  {paint('✓', 'green')} {' '.join(words):<34} {took:4.1f} s")
