"""A progress bar on the terminal of a long command."""

import time
from typing import Any

WIDTH = 30
# Seconds before the bar is first drawn: a shorter run needs none.
AFTER = 2.0
# Seconds between two drawings.
EVERY = 0.2


class Progress:
    """A progress bar, drawn on `stream` after AFTER seconds, if that is a terminal."""

    def __init__(self, stream: Any, total: int) -> None:
        self.stream = stream
        self.total = total
        self.done = 0
        self.is_drawn = False
        self.is_terminal = stream.isatty()
        self.next_at = time.monotonic() + AFTER

    def step(self, count: int = 1) -> None:
        self.done += count
        if self.is_terminal and time.monotonic() >= self.next_at:
            self.next_at = time.monotonic() + EVERY
            share = min(1.0, self.done / max(1, self.total))
            bar = "#" * int(share * WIDTH)
            self._write(f"\r[{bar:<{WIDTH}}] {share:4.0%}  {self.done} of {self.total}")
            self.is_drawn = True

    def clear(self) -> None:
        """Erase the bar before other output, or at the end."""
        if self.is_drawn:
            self._write("\r\033[K")
            self.is_drawn = False

    def _write(self, text: str) -> None:
        self.stream.write(text, ending="")
        self.stream.flush()
