"""Dispatch alone: from the claim to committed occurrences and deliveries."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from benchmarks import databases
from benchmarks.baselines import dispatching
from benchmarks.bench import Bench, Cost, measure_cost
from benchmarks.report import Cell, Part, Spread, Table, at_least, ratios
from foam.celery import collect_seldom
from notifications.models import Delivery
from reminders.engine import tick
from reminders.models import Occurrence
from tools.testbed import seed

FOAM, FLOOR, ORM = "FOAM", "one SQL statement", "ORM in bulk"
CHANNELS = 1_000
FILLED, COPY = "bench_dispatch", "bench_dispatch_copy"

Batch = Callable[[datetime], int]


CONTENDERS: dict[str, Batch] = {
    FOAM: tick.run,
    FLOOR: lambda now: dispatching.floor(now, tick.BATCH),
    ORM: lambda now: dispatching.orm(now, tick.BATCH),
}


def measure(bench: Bench) -> Part:
    stored, due = bench.scale.dispatch
    costs: dict[str, list[Cost]] = {name: [] for name in CONTENDERS}
    sizes: dict[str, float] = {}
    databases.copy(databases.EMPTY, FILLED)
    before = databases.use(FILLED)
    now = prepare(stored, due)
    # As in a worker's process.
    collect_seldom()
    for turn in bench.rounds():
        # Each contender goes first in some rounds, as later ones find warmer caches.
        names = list(CONTENDERS)
        for name in names[turn % 3 :] + names[: turn % 3]:
            databases.copy(FILLED, COPY)
            databases.use(COPY)
            count = share(name, due)
            costs[name].append(
                measure_cost(bench.rig, lambda: drain(CONTENDERS[name], now, count))  # noqa: B023
            )
            check(count)
            sizes[name] = row_size()
    databases.use(before)
    databases.drop(COPY)
    databases.drop(FILLED)
    return report(due, stored, costs, sizes)


def prepare(stored: int, due: int) -> datetime:
    """Fill an empty database; return the instant at which `due` of `stored` come due."""
    now = timezone.now()
    channels = seed.add_channels([f"http://127.0.0.1:9/{number}" for number in range(CHANNELS)])
    due_at = seed.whole_second(now).replace(second=0) + timedelta(minutes=2)
    seed.add_stored(stored - due, channels, now)
    seed.add_due(due, channels, due_at, now)
    seed.vacuum()
    return due_at


def share(name: str, due: int) -> int:
    """Return the number of reminders that a contender fires: the slowest fires fewer."""
    return min(due, tick.BATCH) if name == ORM else due


def drain(batch: Batch, now: datetime, count: int) -> None:
    while count > 0:
        count -= batch(now)


def check(count: int) -> None:
    """Assert that a contender has done all of its work."""
    counts = Occurrence.objects.count(), Delivery.objects.unfinished().count()
    assert counts == (count, count), counts


def row_size() -> float:
    """Return the bytes of one firing, to show that all contenders write about the same."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT avg(pg_column_size(d)) FROM notifications_delivery d)"
            " + (SELECT avg(pg_column_size(o)) FROM reminders_occurrence o)"
        )
        return float(cursor.fetchone()[0])


def report(due: int, stored: int, costs: dict[str, list[Cost]], sizes: dict[str, float]) -> Part:
    def microseconds(name: str, part: str) -> list[float]:
        """Return the microseconds of each reminder, by round."""
        return [1e6 * getattr(cost, part) / share(name, due) for cost in costs[name]]

    rows: list[list[Cell]] = [
        [
            name,
            ratios(microseconds(FLOOR, "wall"), microseconds(name, "wall")),
            Spread.of(1e6 / wall for wall in microseconds(name, "wall")),
            Spread.of(microseconds(name, "cpu")),
            Spread.of(microseconds(name, "postgres")),
            sizes[name],
        ]
        for name in CONTENDERS
    ]
    of_floor = ratios(microseconds(FLOOR, "wall"), microseconds(FOAM, "wall"))
    against_orm = ratios(microseconds(ORM, "wall"), microseconds(FOAM, "wall"))
    return Part(
        "dispatch",
        "Dispatch alone",
        goals=[
            at_least("dispatch at 70 % of one SQL statement that knows the answers", 0.7, of_floor),
            at_least("dispatch 8 x the ORM in bulk", 8, against_orm),
        ],
        tables=[
            Table(
                f"{due:,} due at once of {stored:,} stored, {tick.BATCH:,} a transaction",
                [
                    "",
                    "of the floor",
                    "reminders/s",
                    "our CPU, us each",
                    "PostgreSQL's CPU, us each",
                    "bytes each",
                ],
                rows,
            )
        ],
    )
