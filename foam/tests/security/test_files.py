"""Hostile files: read or refused in bounded time and memory, in a time that is linear in size."""

import gc
import json
import os
import resource
import time
from contextlib import suppress

import pytest

from foam.tests.security.hostile_files import SHAPES
from reminders.exchange import formats
from reminders.exchange.limits import MAX_LOSSES, WEB, Limits, Unreadable

EVERY = [(format, shape) for format, shapes in SHAPES.items() for shape in shapes]
# The shapes that take the most time or memory for their size: the others are read at a size that
# takes a tenth of the time.
WORST = [
    ("crontab", "variables"),
    ("jsonl", "lists of lists"),
    *(
        ("icalendar", shape)
        for shape in (
            *("x-props distinct", "aalarm", "v1 fold", "uid repeat", "changes of one"),
            *("rare rule", "series", "9990 tz events"),
        )
    ),
]
# Sizes, the first just below the limit of an upload, and the memory that a reading may take.
LARGE, MEDIUM = 10_300_000, 200_000
MOST_MEGABYTES = {LARGE: 190, MEDIUM: 60}
# The web's limits, but for a tenth of its time. A step may go on for a while after the time.
LIMITS = WEB._replace(seconds=1)
LATE_SECONDS = 3
# Twice a size, and the noise of a machine that runs other tests. A cache that the larger of two
# files overflows makes a step, so that larger files are compared before it counts.
SMALL, FACTOR, SLACK = 60_000, 2.5, 0.05
# The limit of time ends these at any of the sizes, so that there is nothing to compare.
ENDED_BY_TIME = {"early start", "early start min", "zones rules", "uid masters x changes min"}


def content_of(format: str, shape: str, size: int) -> bytes:
    return SHAPES[format][shape](size).encode("utf-8", "surrogatepass")


def seconds_of(format: str, content: bytes) -> float:
    # A collection looks at all that the tests before have made, in whatever reading it comes.
    gc.disable()
    began = time.thread_time()
    with suppress(Unreadable):
        formats.read(content, formats.FORMATS[format], "UTC")
    seconds = time.thread_time() - began
    gc.enable()
    return seconds


def high_water() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def reading_of(format: str, content: bytes, limits: Limits) -> tuple[float, float, str, int]:
    """Read in a child process; return its seconds, megabytes, an error, and what it answers."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        base, began, error, size = high_water(), time.thread_time(), "", 0
        try:
            result = formats.read(content, formats.FORMATS[format], "UTC", limits)
            size = sum(len(loss.where) + len(loss.what) for loss in result.losses)
            assert len(result.losses) <= MAX_LOSSES + 2
            assert len(result.drafts) <= WEB.items
        except Unreadable as refusal:
            size = len(str(refusal))
        except BaseException as unexpected:
            error = repr(unexpected)
        took = [time.thread_time() - began, high_water() - base, error, size]
        os.write(writer, json.dumps(took).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        seconds, megabytes, error, size = json.loads(stream.read())
    os.waitpid(child, 0)
    return seconds, megabytes, error, size


@pytest.mark.parametrize(
    ("format", "shape", "size"),
    [(*one, MEDIUM) for one in EVERY] + [(*one, LARGE) for one in WORST],
)
def test_file_takes_bounded_time_and_memory(format, shape, size):
    limits = WEB if size == LARGE else LIMITS
    seconds, megabytes, error, length = reading_of(format, content_of(format, shape, size), limits)
    assert not error
    assert seconds < limits.seconds + LATE_SECONDS
    assert megabytes < MOST_MEGABYTES[size]
    assert length < 800_000


@pytest.mark.parametrize(("format", "shape"), [one for one in EVERY if one[1] not in ENDED_BY_TIME])
def test_twice_as_large_a_file_takes_about_twice_as_long(format, shape):
    # Fills the caches.
    seconds_of(format, content_of(format, shape, SMALL // 10))
    for size in (SMALL, 2 * SMALL, 4 * SMALL):
        once, twice = (
            seconds_of(format, content_of(format, shape, length)) for length in (size, 2 * size)
        )
        if twice <= FACTOR * once + SLACK:
            return
    raise AssertionError(f"{once:.2f} s for {size} bytes, but {twice:.2f} s for twice as many")
