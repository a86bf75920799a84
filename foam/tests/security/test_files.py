"""Hostile files: read or refused in bounded time and memory, in a time that is linear in size."""

import json
import os
import resource
import time
from contextlib import suppress

import pytest

from foam.tests.security.hostile_files import SHAPES
from reminders.exchange import formats
from reminders.exchange.limits import MAX_LOSSES, WEB, Unreadable

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
# Just below the limit of an upload.
LARGE, MEDIUM = 10_300_000, 500_000
MOST_MEGABYTES = 190
# A step of a reading may go on for so long after its time is over.
LATE_SECONDS = 3
# Twice a size, and the noise of a machine that runs other tests.
SMALL, FACTOR, SLACK = 60_000, 2.5, 0.05


def content_of(format: str, shape: str, size: int) -> bytes:
    return SHAPES[format][shape](size).encode("utf-8", "surrogatepass")


def seconds_of(format: str, content: bytes) -> float:
    best = float("inf")
    for _ in range(3):
        began = time.thread_time()
        with suppress(Unreadable):
            formats.read(content, formats.FORMATS[format], "UTC")
        best = min(best, time.thread_time() - began)
    return best


def high_water() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def reading_of(format: str, content: bytes) -> tuple[float, float, str, int]:
    """Read in a child process; return its seconds, megabytes, an error, and what it answers."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        base, began, error, size = high_water(), time.thread_time(), "", 0
        try:
            result = formats.read(content, formats.FORMATS[format], "UTC")
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
    seconds, megabytes, error, size = reading_of(format, content_of(format, shape, size))
    assert not error
    assert seconds < WEB.seconds + LATE_SECONDS
    assert megabytes < MOST_MEGABYTES
    assert size < 800_000


@pytest.mark.parametrize(("format", "shape"), EVERY)
def test_twice_as_large_a_file_takes_about_twice_as_long(format, shape):
    once, twice = (content_of(format, shape, size) for size in (SMALL, 2 * SMALL))
    # Fills the caches.
    seconds_of(format, once)
    assert seconds_of(format, twice) <= FACTOR * seconds_of(format, once) + SLACK
