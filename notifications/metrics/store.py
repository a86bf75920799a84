"""What FOAM counts for operators: sums in the database, so that every process adds to the same.

What happens within a transaction is counted by it, and is counted if that is committed. Rows are
only ever appended: whoever counts waits for nobody. Their sums are what counts, and `fold` makes
one row of the many of a series. What has no transaction of its own, such as an error of the
database, is kept in this process until `settle` finds the database well.
"""

import time
from bisect import bisect_right
from collections import Counter as Sums
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from django.db import Error, connection, transaction

from notifications.sql import bulk_cursor

# How long what is kept may wait to be written, in seconds; infinite in tests.
EVERY = 5.0
# Below so many rows to read them is cheaper than to make one of them.
FOLD_AT = 1000
FOLD_AT_ONCE = 50_000


@lru_cache(maxsize=10_000)
def _series(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    told = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels)
    return f"{name}{{{told}}}" if told else name


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


@dataclass(frozen=True, slots=True)
class Counter:
    """A number that only grows; one for each combination of labels, whose values are few."""

    name: str

    def series(self, **labels: str) -> str:
        return _series(self.name, tuple(labels.items()))


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many values were at most so large. In the database each is in one bucket only."""

    name: str
    bounds: tuple[float, ...]

    def of(self, values: Sequence[float], **labels: str) -> "Sums[str]":
        """Return what many values add to, in one pass over the bounds."""
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


# Which labels a series may have is told in foam.metrics, beside what it means.
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
    """Count within the caller's transaction, or at once where there is none."""
    if sums:
        with bulk_cursor() as cursor:
            cursor.execute(APPEND, arrays(sums))


def arrays(sums: "Sums[str]") -> dict[str, list]:
    return {"series": list(sums), "values": [float(value) for value in sums.values()]}


_kept: "Sums[str]" = Sums()
_lock = Lock()
_settled_at = time.monotonic()


def keep(series: str, value: float = 1) -> None:
    """Count in this process, whatever state the database is in; `settle` writes it."""
    with _lock:
        _kept[series] += value  # type: ignore[assignment]


def keep_all(sums: "Sums[str]") -> None:
    with _lock:
        _kept.update(sums)


def error(where: str) -> None:
    """Count something that went wrong on our side."""
    keep(ERRORS.series(where=where))


def settle(every: float | None = None) -> None:
    """Write what is kept, if the last time is `every` seconds ago; not within a transaction.

    What the database does not take is kept on.
    """
    global _kept, _settled_at  # noqa: PLW0603 - one for each process
    if time.monotonic() - _settled_at < (EVERY if every is None else every) or not _kept:
        return
    if connection.in_atomic_block:
        return
    with _lock:
        taken, _kept = _kept, Sums()
    _settled_at = time.monotonic()
    try:
        add(taken)
    except Error:
        keep_all(taken)


# One statement: whoever reads finds the rows or their sums, and never both. What somebody else is
# folding is left to them.
FOLD = """
WITH gone AS (
    DELETE FROM notifications_meter WHERE id IN (
        SELECT id FROM notifications_meter LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    RETURNING series, value
)
INSERT INTO notifications_meter (series, value)
SELECT series, sum(value) FROM gone GROUP BY series
"""
MANY = "SELECT count(*) FROM (SELECT 1 FROM notifications_meter LIMIT %(limit)s) AS m"


def fold() -> bool:
    """Make one row of the many of each series, when there are many; tell whether there were."""
    with transaction.atomic(), bulk_cursor() as cursor:
        cursor.execute(MANY, {"limit": FOLD_AT + 1})
        (count,) = cursor.fetchone() or (0,)
        if count <= FOLD_AT:
            return False
        cursor.execute(FOLD, {"limit": FOLD_AT_ONCE})
    return True


def sums() -> dict[str, float]:
    """Return how far each series has come."""
    with bulk_cursor() as cursor:
        cursor.execute("SELECT series, sum(value) FROM notifications_meter GROUP BY series")
        return dict(cursor.fetchall())


def count_by(keys: Iterable[tuple[str, ...]], counter: Counter, *names: str) -> "Sums[str]":
    """Return what `counter` grows by, from the values of its labels."""
    counted: Sums[str] = Sums()
    for key, number in Sums(keys).items():
        counted[counter.series(**dict(zip(names, key, strict=True)))] += number
    return counted
