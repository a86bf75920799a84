"""A tick that finds nothing, however many reminders sleep; and the whole stack at rest."""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from statistics import median

import psycopg
from django.db import connection, transaction
from django.utils import timezone

from benchmarks import databases
from benchmarks.bench import Bench
from benchmarks.report import Cell, Part, Spread, Table, at_most, ratios
from notifications.models import Channel
from reminders.engine import tick
from tools.testbed import seed
from tools.testbed.burst_load import engine, website
from tools.testbed.cpu_usage import memory, usage

TICKS = 200
CHANNELS = 1_000
PREFIX = "bench_idle_"
MILLION = 1_000_000
# As PostgreSQL writes the values of a statement: $1 = 'text', $2 = NULL.
VALUE = re.compile(r"\$(\d+) = (NULL|'(?:[^']|'')*')")


def measure(bench: Bench) -> Part:
    sizes = bench.scale.idle
    before = databases.use(databases.EMPTY)
    for size in sizes:
        make(size)
    found: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in bench.rounds():
        for size in sizes:
            databases.use(name(size))
            found[size].append(tick_seconds() * 1e6)
    plans = {f"The claim at {sizes[-1]:,} stored": explained(timezone.now())}
    drained, plans_after = after_drain(bench.scale.drain)
    databases.use(before)
    for size in sizes:
        databases.drop(name(size))
    return report(found, drained, plans | plans_after, at_rest(bench))


def name(size: int) -> str:
    return f"{PREFIX}{size}"


def make(size: int) -> None:
    databases.copy(databases.EMPTY, name(size))
    databases.use(name(size))
    to = seed.add_channels([f"http://127.0.0.1:9/{number}" for number in range(CHANNELS)])
    seed.add_stored(size, to, timezone.now())
    seed.settle()


def tick_seconds(ticks: int = TICKS) -> float:
    """Return how long a tick takes that finds nothing: the median of many."""
    found = []
    for _ in range(ticks):
        began = time.perf_counter()
        fired = tick.run(timezone.now())
        found.append(time.perf_counter() - began)
        assert fired == 0
    return median(found)


def after_drain(count: int) -> tuple[dict[str, float], dict[str, str]]:
    """Fire many at once, in the largest database, and look at the claims that follow.

    Each leaves a dead entry at the very place where the claim begins to read. Then once more while
    an old snapshot is held, as a dump of the database does, so that none of them can be passed by.
    """
    drain(count)
    plan = explained(timezone.now())
    microseconds = {
        f"the first claim after {count:,} have fired": 1e3 * execution_ms(plan),
        "those that follow, whole ticks": tick_seconds() * 1e6,
    }
    with snapshot():
        drain(count)
        dumping = tick_seconds(20) * 1e6
    microseconds[f"{count:,} fired while an old snapshot is held"] = dumping
    microseconds["after it was let go, the first claim"] = 1e3 * execution_ms(
        explained(timezone.now())
    )
    return microseconds, {f"The first claim after {count:,} have fired, nothing vacuumed": plan}


def drain(count: int) -> None:
    now = timezone.now()
    due_at = seed.whole_second(now + timedelta(seconds=1))
    to = list(Channel.objects.values_list("pk", flat=True)[:CHANNELS])
    seed.add_due(count, to, due_at, now)
    while count > 0:
        count -= tick.fire_batch(due_at)[1]
    seed.forget()


@contextmanager
def snapshot() -> Iterator[None]:
    """Hold a view of the database as it is now."""
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        other.execute("SELECT 1 FROM reminders_reminder LIMIT 1")
        yield


def explained(now: datetime) -> str:
    """Return EXPLAIN (ANALYZE, BUFFERS) of the claim, as dispatch says it to the database."""
    claim = next(
        text for text in said(lambda: tick.fire_batch(now)) if "reminders_reminder" in text
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + claim.replace("%", "%%"))
        plan = "\n".join(line for (line,) in cursor.fetchall())
        transaction.set_rollback(True)
    return plan


def execution_ms(plan: str) -> float:
    found = re.search(r"Execution Time: ([\d.]+) ms", plan)
    assert found
    return float(found[1])


def said(call: Callable[[], object]) -> list[str]:
    """Return the statements that a call sends over Django's connection, with their values."""
    heard: list[str] = []

    def hear(notice: psycopg.errors.Diagnostic) -> None:
        text = re.sub(r"^(statement|execute [^:]*): ", "", notice.message_primary or "")
        values = dict(VALUE.findall(notice.message_detail or ""))
        heard.append(re.sub(r"\$(\d+)", lambda place: values[place[1]], text))

    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("SET log_statement = 'all'")
        cursor.execute("SET client_min_messages = log")
        connection.connection.add_notice_handler(hear)
        try:
            call()
        finally:
            connection.connection.remove_notice_handler(hear)
            cursor.execute("RESET client_min_messages")
            cursor.execute("RESET log_statement")
    return heard


def at_rest(bench: Bench) -> Table:
    """Watch the whole stack while nothing is due."""
    stored = min(max(bench.scale.idle), MILLION)
    seed.empty()
    seed.add_stored(stored, seed.add_channels(["http://127.0.0.1:9/"]), timezone.now())
    seed.settle()
    rig, seconds = bench.rig, bench.scale.rest
    found: dict[str, list[float]] = defaultdict(list)
    with engine(rig), website(rig):
        for _ in bench.rounds():
            before, began = usage(rig.pids()), time.monotonic()
            end = began + seconds
            rig.wait_until(partial(has_passed, end), 2 * seconds + 9, "it rests")
            used = usage(rig.pids()).since(before)
            for name, cpu in used.cpu.items():
                found[name].append(100 * cpu / (time.monotonic() - began))
        held = memory(rig.pids())
    every = [sum(each) for each in zip(*found.values(), strict=True)]
    rows: list[list[Cell]] = [
        [name, Spread.of(share), held.get(name, 0.0)] for name, share in found.items()
    ]
    rows.append(["all", Spread.of(every), sum(held.values())])
    return Table(
        f"The whole stack with {stored:,} stored and nothing due, over {seconds:.0f} s",
        ["", "% of one processor", "MiB"],
        rows,
    )


def has_passed(moment: float) -> bool:
    return time.monotonic() >= moment


def report(
    found: dict[int, list[float]],
    drained: dict[str, float],
    plans: dict[str, str],
    rest: Table,
) -> Part:
    least, most = min(found), max(found)
    grown = ratios(found[most], found[least])
    rows: list[list[Cell]] = [
        [f"{size:,}", Spread.of(times), ratios(times, found[least])]
        for size, times in found.items()
    ]
    after: list[list[Cell]] = [[which, time] for which, time in drained.items()]
    return Part(
        "idle",
        "A tick that finds nothing",
        goals=[at_most(f"idle tick within 1.5 x from {least:,} to {most:,} stored", 1.5, grown)],
        tables=[
            Table(f"Median of {TICKS} ticks", ["stored", "us", "of the least"], rows),
            Table(f"Dead index entries, {most:,} stored", ["", "us"], after),
            rest,
        ],
        listings=plans,
    )
