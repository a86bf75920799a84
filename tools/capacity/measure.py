"""Measures rates, lateness, sizes and memory on a test bed that this process has entered."""

import os
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from statistics import median

from django.db import connection
from django.utils import timezone

from reminders.engine import tick
from tools.capacity.estimate import CapacityResult, Share, round_down
from tools.local_stack.terminal import step
from tools.testbed import seed
from tools.testbed.cpu_usage import MEASURING, RECEIVER, Usage, memory
from tools.testbed.load import LoadResult, burst, channels, engine, flow, receivers
from tools.testbed.receiver import Receiver
from tools.testbed.testbed import Rig

TICKS = 100
# The shares of the burst's rate that are tried as a steady flow; the first to stay within
# LATE_SECONDS is sustained.
FLOW_SHARES = (0.7, 0.5, 0.3)
FLOW_SECONDS = 6
LATE_SECONDS = 1.0
SLOW_RECEIVER_SECONDS = 0.05
SENT_TABLES = ("reminders_occurrence", "notifications_delivery", "notifications_attempt")
STORED_TABLES = ("reminders_reminder", "reminders_plan", "reminders_reminder_channels")


def measure_capacity(rig: Rig, stored: int, due: int, deliverers: int) -> CapacityResult:
    seed.delete_all()
    with receivers() as instant, receivers(SLOW_RECEIVER_SECONDS) as slow:
        to, to_slow = channels(instant), channels(slow)
        with step(f"{stored:,} reminders stored"):
            seed.add_stored(stored, to, timezone.now())
            seed.vacuum()
        bytes_stored = size(STORED_TABLES) / stored
        with step("Ticks that find nothing"):
            idle = median(seconds_of(lambda: tick.run(timezone.now())) for _ in range(TICKS))
        with step(f"{due:,} reminders fired"):
            dispatched = dispatch_rate(to, due)
        with engine(rig, deliverers):
            with step(f"{due:,} messages, receivers that answer at once"):
                quick = burst(rig, instant, to, due)
            bytes_sent = size(SENT_TABLES) / due
            with step(f"{due:,} messages, receivers that take 50 ms"):
                slow_burst = burst(rig, slow, to_slow, due)
            with step("A steady flow"):
                sustained, steady = sustain(rig, instant, to, quick)
            mib = memory(rig.pids())
    return CapacityResult(
        processors=os.cpu_count() or 1,
        deliverers=deliverers,
        stored=stored,
        dispatched=dispatched,
        instant=quick.rate,
        slow=slow_burst.rate,
        late=quick.percentile(0.99),
        idle_tick=idle,
        sustained=sustained,
        sustained_late=steady.percentile(0.99),
        bytes_stored=bytes_stored,
        bytes_sent=bytes_sent,
        memory=mib,
        share=share_of(quick.usage),
    )


def share_of(usage: Usage) -> Share:
    tools = (RECEIVER, MEASURING)
    foam = {name: cpu for name, cpu in usage.cpu.items() if name not in tools}
    measuring = sum(usage.cpu[name] for name in tools)
    return Share(foam, measuring, usage.busy, usage.waiting, usage.total)


def dispatch_rate(to: Sequence[int], due: int) -> float:
    """Fire `due` reminders in this process; return the number a second."""
    now = timezone.now()
    due_at = seed.whole_second(now + timedelta(seconds=1))
    seed.add_due(due, to, due_at, now)
    seconds = seconds_of(lambda: tick.run(due_at))
    seed.delete_occurrences()
    return due / seconds


def sustain(
    rig: Rig, receiver: Receiver, to: Sequence[int], best: LoadResult
) -> tuple[int, LoadResult]:
    """Return the highest rate that was sent in time, with its flow; else 0 and the last flow."""
    for share in FLOW_SHARES:
        rate = max(1, round_down(share * best.rate))
        steady = flow(rig, receiver, to, rate, FLOW_SECONDS)
        if steady.percentile(0.99) <= LATE_SECONDS and not steady.lost:
            return rate, steady
    return 0, steady


def size(tables: Sequence[str]) -> float:
    """Return the bytes of tables and their partitions, with indexes and TOAST."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
            " WHERE oid = ANY (%(tables)s::regclass[]) OR oid IN ("
            " SELECT inhrelid FROM pg_inherits WHERE inhparent = ANY (%(tables)s::regclass[]))",
            {"tables": list(tables)},
        )
        row = cursor.fetchone()
    return float(row[0]) if row else 0.0


def seconds_of(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
