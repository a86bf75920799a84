"""Measures what the rule is made of, on a rig that this process has entered."""

import os
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from statistics import median

from django.db import connection
from django.utils import timezone

from reminders.engine import tick
from tools.capacity.estimate import Measured, Share, rounded
from tools.local_stack.terminal import step
from tools.testbed import seed
from tools.testbed.burst_load import Burst, burst, channels, engine, receivers
from tools.testbed.cpu_usage import MEASURING, RECEIVER, Usage, memory
from tools.testbed.receiver import Receiver
from tools.testbed.steady_load import Flow, flow
from tools.testbed.testbed import Rig

TICKS = 100
# Of what a burst reaches: the first of these that stays within a second is what is sustained.
TRIED = (0.7, 0.5, 0.3)
SECONDS = 6
WITHIN = 1.0
DELAY = 0.05
HOT = ("reminders_occurrence", "notifications_delivery", "notifications_attempt")
STORED = ("reminders_reminder", "reminders_reminder_channels")


def measure(rig: Rig, stored: int, due: int, deliverers: int) -> Measured:
    seed.empty()
    with receivers() as instant, receivers(DELAY) as slow:
        to, to_slow = channels(instant), channels(slow)
        with step(f"{stored:,} reminders stored"):
            seed.add_stored(stored, to, timezone.now())
            seed.settle()
        bytes_stored = size(STORED) / stored
        with step("Ticks that find nothing"):
            idle = median(seconds_of(lambda: tick.tick(timezone.now())) for _ in range(TICKS))
        with step(f"{due:,} reminders fired"):
            dispatched = dispatch_rate(to, due)
        with engine(rig, deliverers):
            with step(f"{due:,} messages, receivers that answer at once"):
                quick = burst(rig, instant, to, due)
            bytes_sent = size(HOT) / due
            with step(f"{due:,} messages, receivers that take 50 ms"):
                slowly = burst(rig, slow, to_slow, due)
            with step("A steady flow"):
                sustained, held = sustain(rig, instant, to, quick)
            used = memory(rig.pids())
    return Measured(
        processors=os.cpu_count() or 1,
        deliverers=deliverers,
        stored=stored,
        dispatched=dispatched,
        instant=quick.rate,
        slow=slowly.rate,
        late=quick.percentile(0.99),
        idle_tick=idle,
        sustained=sustained,
        sustained_late=held.percentile(0.99),
        bytes_stored=bytes_stored,
        bytes_sent=bytes_sent,
        memory=used,
        share=share_of(quick.usage),
    )


def share_of(used: Usage) -> Share:
    ours = (RECEIVER, MEASURING)
    foam = {name: cpu for name, cpu in used.cpu.items() if name not in ours}
    measuring = sum(used.cpu[name] for name in ours)
    return Share(foam, measuring, used.busy, used.waiting, used.total)


def dispatch_rate(to: Sequence[int], due: int) -> float:
    """Fire reminders in this process; return how many a second."""
    now = timezone.now()
    due_at = seed.whole_second(now + timedelta(seconds=1))
    seed.add_due(due, to, due_at, now)
    seconds = seconds_of(lambda: tick.tick(due_at))
    seed.forget()
    return due / seconds


def sustain(rig: Rig, receiver: Receiver, to: Sequence[int], best: Burst) -> tuple[int, Flow]:
    """Return the highest rate tried that was sent in time, or 0 and the last one tried."""
    for share in TRIED:
        rate = max(1, rounded(share * best.rate))
        tried = flow(rig, receiver, to, rate, SECONDS)
        if tried.percentile(0.99) <= WITHIN and not tried.lost:
            return rate, tried
    return 0, tried


def size(tables: Sequence[str]) -> float:
    """Return the bytes of tables with all that belongs to them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest(%s::text[]) AS name",
            [list(tables)],
        )
        row = cursor.fetchone()
    return float(row[0]) if row else 0.0


def seconds_of(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
