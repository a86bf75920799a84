"""Limits of files: sizes, and the processor time of a reading and of an import. Pure.

Every reader takes `Limits`, wraps its work in `time_limit`, and calls `check_time` in each loop
whose length a file decides.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from time import thread_time
from typing import NamedTuple

# Losses of one reading that are listed; of the others the number is told.
MAX_LOSSES = 1_000


class Unreadable(ValueError):
    """The file does not have the format; the message says at which place, and why."""


class TooMany(Unreadable):
    """The file has more reminders, channels and skipped instants than one request takes."""


class Limits(NamedTuple):
    """Sizes beyond which a file is refused as a whole.

    `items` are reminders, channels and skipped instants. Of a calendar, `entries` are VEVENT, VTODO
    and all other components beside them; `parts` also counts their alarms and the parts of time
    zones. `seconds` and `import_seconds` are processor time: of the reading, and of the import of
    what was read.
    """

    megabytes: int
    lines: int
    items: int
    entries: int
    parts: int
    seconds: int
    import_seconds: int


# Ten thousand ordinary series take five seconds to read, and fifteen to import.
WEB = Limits(
    megabytes=10,
    lines=300_000,
    items=10_000,
    entries=10_000,
    parts=100_000,
    seconds=10,
    import_seconds=60,
)
COMMAND = Limits(
    megabytes=1_000,
    lines=30_000_000,
    items=100_000_000,
    entries=1_000_000,
    parts=10_000_000,
    seconds=3_600,
    import_seconds=360_000,
)

_deadline: ContextVar[tuple[float, int]] = ContextVar("deadline", default=(inf, 0))


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Limit the processor time of this thread in the block: `check_time` raises after it."""
    token = _deadline.set(min(_deadline.get(), (thread_time() + seconds, seconds)))
    try:
        yield
    finally:
        _deadline.reset(token)


def check_time() -> None:
    """Raise Unreadable if the reading has taken its processor time."""
    end, seconds = _deadline.get()
    if thread_time() > end:
        raise Unreadable(f"It takes longer than {seconds} s to read. Import it in parts.")


def check_size(content: bytes, limits: Limits) -> None:
    """Raise Unreadable for a file with too many bytes or lines."""
    if len(content) > limits.megabytes * 1024 * 1024:
        raise Unreadable(f"It is larger than {limits.megabytes} MiB.")
    breaks = content.count(b"\n") + content.count(b"\r") - content.count(b"\r\n")
    if breaks > limits.lines:
        raise Unreadable(f"It holds more than {limits.lines} lines.")
