"""Metrics in the database, so that every process adds to the same sums.

A transaction writes its own counts, which are lost if it is rolled back. Rows are only appended, so
that no process waits for another; the sum of a series' rows is its value, and `compact` merges
them. Counts without a transaction, such as errors of the database, are buffered in this process
until `flush` can write them.
"""

import time
from bisect import bisect_right
from collections import Counter as Sums
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from django.db import Error, connection, transaction

from notifications.sql import bulk_cursor

# Buffered counts are written after this many seconds at the latest; infinite in tests.
FLUSH_SECONDS = 5.0
# Reading this many rows is cheaper than merging them.
COMPACT_ABOVE = 1000
COMPACT_BATCH_SIZE = 50_000


@lru_cache(maxsize=10_000)
def _series(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    text = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels)
    return f"{name}{{{text}}}" if text else name


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


@dataclass(frozen=True, slots=True)
class Counter:
    """A Prometheus counter, with a series for each combination of labels."""

    name: str

    def series(self, **labels: str) -> str:
        return _series(self.name, tuple(labels.items()))


@dataclass(frozen=True, slots=True)
class Histogram:
    """A Prometheus histogram, but each value is counted in one bucket only, not in all above."""

    name: str
    bounds: tuple[float, ...]

    def of(self, values: Sequence[float], **labels: str) -> "Sums[str]":
        """Return what `values` add to each series, in one pass over the bounds."""
        sums: Sums[str] = Sums()
        ordered, before = sorted(values), 0
        for bound in (*self.bounds, float("inf")):
            upto = bisect_right(ordered, bound)
            if upto > before:
                sums[self.bucket(bound, **labels)] += upto - before
            before = upto
        if values:
            sums[_series(f"{self.name}_sum", tuple(labels.items()))] += sum(values)  # type: ignore[assignment]
        return sums

    def bucket(self, bound: float, **labels: str) -> str:
        return _series(f"{self.name}_bucket", (*labels.items(), ("le", le(bound))))


def le(bound: float) -> str:
    return "+Inf" if bound == float("inf") else f"{bound:g}"


# `foam.monitoring.metrics` describes each series and its labels.
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
LATENESS = Histogram("foam_lateness_seconds", _SECONDS)
ATTEMPT = Histogram("foam_attempt_seconds", (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 20))
BATCH = Histogram("foam_batch_size", (1, 5, 10, 50, 100, 250, 500, 1000, 2000))
ATTEMPTS = Counter("foam_attempts_total")
FAILURES = Counter("foam_attempt_failures_total")
BOUNCES = Counter("foam_bounces_total")
ENDED = Counter("foam_deliveries_ended_total")
LOST = Counter("foam_leases_lost_total")
ERRORS = Counter("foam_errors_total")

APPEND = """
INSERT INTO notifications_meter (series, value)
SELECT * FROM unnest(%(series)b::text[], %(values)b::float8[])
"""


def add(sums: "Sums[str]") -> None:
    """Write counts within the caller's transaction, or at once without one."""
    if sums:
        with bulk_cursor() as cursor:
            cursor.execute(APPEND, arrays(sums))


def arrays(sums: "Sums[str]") -> dict[str, list]:
    return {"series": list(sums), "values": [float(value) for value in sums.values()]}


_buffered: "Sums[str]" = Sums()
_lock = Lock()
_flushed_at = time.monotonic()


def buffer(series: str, value: float = 1) -> None:
    """Count in this process, even if the database is down; `flush` writes it."""
    with _lock:
        _buffered[series] += value  # type: ignore[assignment]


def buffer_all(sums: "Sums[str]") -> None:
    with _lock:
        _buffered.update(sums)


def error(where: str) -> None:
    """Count a failure of FOAM itself."""
    buffer(ERRORS.series(where=where))


def flush(every: float | None = None) -> None:
    """Write the buffered counts, if the last flush is `every` seconds ago.

    It does nothing within a transaction, and keeps counts that the database does not take.
    """
    global _buffered, _flushed_at  # noqa: PLW0603 - one for each process
    if (
        time.monotonic() - _flushed_at < (FLUSH_SECONDS if every is None else every)
        or not _buffered
    ):
        return
    if connection.in_atomic_block:
        return
    with _lock:
        counts, _buffered = _buffered, Sums()
    _flushed_at = time.monotonic()
    try:
        add(counts)
    except Error:
        buffer_all(counts)


# One statement, so that a reader sees either the rows or their sums. SKIP LOCKED skips the rows
# that another process is merging.
COMPACT = """
WITH merged AS (
    DELETE FROM notifications_meter WHERE id IN (
        SELECT id FROM notifications_meter LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    RETURNING series, value
)
INSERT INTO notifications_meter (series, value)
SELECT series, sum(value) FROM merged GROUP BY series
"""
COUNT_ROWS = "SELECT count(*) FROM (SELECT 1 FROM notifications_meter LIMIT %(limit)s) AS m"


def compact() -> bool:
    """Merge the rows of each series into one if there are many; return whether there were."""
    with transaction.atomic(), bulk_cursor() as cursor:
        cursor.execute(COUNT_ROWS, {"limit": COMPACT_ABOVE + 1})
        (count,) = cursor.fetchone() or (0,)
        if count <= COMPACT_ABOVE:
            return False
        cursor.execute(COMPACT, {"limit": COMPACT_BATCH_SIZE})
    return True


def sums() -> dict[str, float]:
    """Return the value of each series."""
    with bulk_cursor() as cursor:
        cursor.execute("SELECT series, sum(value) FROM notifications_meter GROUP BY series")
        return dict(cursor.fetchall())
