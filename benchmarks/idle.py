"""A tick without due reminders, by the number of stored ones; and the whole stack at rest."""

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
from tools.testbed.cpu_usage import memory, usage
from tools.testbed.load import engine, website

TICKS = 200
CHANNELS = 1_000
MILLION = 1_000_000
# The values of a statement in PostgreSQL's log: $1 = 'text', $2 = NULL.
VALUE = re.compile(r"\$(\d+) = (NULL|'(?:[^']|'')*')")


def measure(bench: Bench) -> Part:
    sizes = bench.scale.idle
    before = databases.use(databases.EMPTY)
    for size in sizes:
        databases.fill(size, CHANNELS)
        seed.vacuum()
    ticks: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in bench.rounds():
        for size in sizes:
            databases.use(databases.name_of(size))
            ticks[size].append(tick_seconds() * 1e6)
    plans = {f"The claim at {sizes[-1]:,} stored": explain_claim(timezone.now())}
    microseconds, plans_after = after_drain(bench.scale.drain)
    databases.use(before)
    for size in sizes:
        databases.drop(databases.name_of(size))
    return report(ticks, microseconds, plans | plans_after, rest_table(bench))


def tick_seconds(ticks: int = TICKS) -> float:
    """Return the seconds of a tick without due reminders: the median of many."""
    durations = []
    for _ in range(ticks):
        began = time.perf_counter()
        fired = tick.run(timezone.now())
        durations.append(time.perf_counter() - began)
        assert fired == 0
    return median(durations)


def after_drain(count: int) -> tuple[dict[str, float], dict[str, str]]:
    """Fire many at once, in the largest database, and measure the claims after that.

    Each firing leaves a dead index entry where the claim begins to read. Then do it again while a
    transaction holds an old snapshot, as pg_dump does, so that no dead entry can be skipped.
    """
    drain(count)
    plan = explain_claim(timezone.now())
    microseconds = {
        f"the first claim after {count:,} have fired": 1e3 * execution_ms(plan),
        "those that follow, whole ticks": tick_seconds() * 1e6,
    }
    with snapshot():
        drain(count)
        dumping = tick_seconds(20) * 1e6
    microseconds[f"{count:,} fired while an old snapshot is held"] = dumping
    microseconds["after it was let go, the first claim"] = 1e3 * execution_ms(
        explain_claim(timezone.now())
    )
    return microseconds, {f"The first claim after {count:,} have fired, nothing vacuumed": plan}


def drain(count: int) -> None:
    now = timezone.now()
    due_at = seed.whole_second(now + timedelta(seconds=1))
    to = list(Channel.objects.values_list("pk", flat=True)[:CHANNELS])
    seed.add_due(count, to, due_at, now)
    while count > 0:
        count -= tick.fire_batch(due_at)[1]
    seed.delete_occurrences()


@contextmanager
def snapshot() -> Iterator[None]:
    """Hold a snapshot of the database."""
    with psycopg.connect(**connection.get_connection_params()) as session:
        session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        session.execute("SELECT 1 FROM reminders_plan LIMIT 1")
        yield


def explain_claim(now: datetime) -> str:
    """Return EXPLAIN (ANALYZE, BUFFERS) of the claim statement that the tick sends."""
    claim = next(
        text for text in statements_of(lambda: tick.fire_batch(now)) if "reminders_plan" in text
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + claim.replace("%", "%%"))
        plan = "\n".join(line for (line,) in cursor.fetchall())
        transaction.set_rollback(True)
    return plan


def execution_ms(plan: str) -> float:
    match = re.search(r"Execution Time: ([\d.]+) ms", plan)
    assert match
    return float(match[1])


def statements_of(call: Callable[[], object]) -> list[str]:
    """Return the statements, with their values, that a call sends over Django's connection."""
    statements: list[str] = []

    def collect(notice: psycopg.errors.Diagnostic) -> None:
        text = re.sub(r"^(statement|execute [^:]*): ", "", notice.message_primary or "")
        values = dict(VALUE.findall(notice.message_detail or ""))
        statements.append(re.sub(r"\$(\d+)", lambda place: values[place[1]], text))

    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("SET log_statement = 'all'")
        cursor.execute("SET client_min_messages = log")
        connection.connection.add_notice_handler(collect)
        try:
            call()
        finally:
            connection.connection.remove_notice_handler(collect)
            cursor.execute("RESET client_min_messages")
            cursor.execute("RESET log_statement")
    return statements


def rest_table(bench: Bench) -> Table:
    """Return the CPU and memory of the whole stack while nothing is due."""
    stored = min(max(bench.scale.idle), MILLION)
    seed.delete_all()
    seed.add_stored(stored, seed.add_channels(["http://127.0.0.1:9/"]), timezone.now())
    seed.vacuum()
    rig, seconds = bench.rig, bench.scale.rest_seconds
    shares: dict[str, list[float]] = defaultdict(list)
    with engine(rig), website(rig):
        for _ in bench.rounds():
            before, began = usage(rig.pids()), time.monotonic()
            end = began + seconds
            rig.wait_until(partial(has_passed, end), 2 * seconds + 9, "it rests")
            used = usage(rig.pids()).since(before)
            for name, cpu in used.cpu.items():
                shares[name].append(100 * cpu / (time.monotonic() - began))
        mib = memory(rig.pids())
    totals = [sum(round_shares) for round_shares in zip(*shares.values(), strict=True)]
    rows: list[list[Cell]] = [
        [name, Spread.of(share), mib.get(name, 0.0)] for name, share in shares.items()
    ]
    rows.append(["all", Spread.of(totals), sum(mib.values())])
    return Table(
        f"The whole stack with {stored:,} stored and nothing due, over {seconds:.0f} s",
        ["", "% of one processor", "MiB"],
        rows,
    )


def has_passed(moment: float) -> bool:
    return time.monotonic() >= moment


def report(
    ticks: dict[int, list[float]],
    microseconds: dict[str, float],
    plans: dict[str, str],
    rest_table: Table,
) -> Part:
    least, most = min(ticks), max(ticks)
    grown = ratios(ticks[most], ticks[least])
    rows: list[list[Cell]] = [
        [f"{size:,}", Spread.of(times), ratios(times, ticks[least])]
        for size, times in ticks.items()
    ]
    after: list[list[Cell]] = [[case, time] for case, time in microseconds.items()]
    return Part(
        "idle",
        "A tick that finds nothing",
        goals=[at_most(f"idle tick within 1.5 x from {least:,} to {most:,} stored", 1.5, grown)],
        tables=[
            Table(f"Median of {TICKS} ticks", ["stored", "us", "of the least"], rows),
            Table(f"Dead index entries, {most:,} stored", ["", "us"], after),
            rest_table,
        ],
        listings=plans,
    )
