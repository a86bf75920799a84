"""The base of all parts: test bed, scale, rounds, and the cost of a call."""

import gc
import os
import platform
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.db import connection

from tools.local_stack.data_dir import PROJECT
from tools.testbed.cpu_usage import usage
from tools.testbed.testbed import Rig


@dataclass(frozen=True)
class Scale:
    """The size of a measurement. `tiny` only shows that everything runs."""

    name: str
    rounds: int
    dispatch: tuple[int, int]  # stored, due
    burst: int
    baseline: int
    per_task: int  # PeriodicTask per reminder
    big: tuple[int, int] | None  # stored, due
    idle: tuple[int, ...]
    drain: int
    rest_seconds: float  # seconds at rest for the whole stack
    sustained: tuple[int, float]  # a second, for seconds
    messages: int
    soak: float
    growth: tuple[tuple[int, ...], tuple[int, ...]]  # stored, processes
    api: tuple[int, int]  # stored
    requests: int
    calls: int  # of one request in one process
    batch: int


TINY = Scale(
    name="tiny",
    rounds=1,
    dispatch=(300, 100),
    burst=50,
    baseline=10,
    per_task=5,
    big=None,
    idle=(100, 300),
    drain=100,
    rest_seconds=0.5,
    sustained=(20, 2),
    messages=50,
    soak=2,
    growth=((200,), (1,)),
    api=(100, 300),
    requests=20,
    calls=3,
    batch=20,
)
QUICK = Scale(
    name="quick",
    rounds=3,
    dispatch=(10_000, 4_000),
    burst=2_000,
    baseline=100,
    per_task=50,
    big=None,
    idle=(5_000, 20_000),
    drain=5_000,
    rest_seconds=2,
    sustained=(500, 3),
    messages=500,
    soak=4,
    growth=((5_000, 20_000), (1,)),
    api=(1_000, 20_000),
    requests=120,
    calls=30,
    batch=100,
)
FULL = Scale(
    name="full",
    rounds=3,
    dispatch=(100_000, 20_000),
    burst=10_000,
    baseline=1_000,
    per_task=1_000,
    big=(1_000_000, 100_000),
    idle=(10_000, 100_000, 1_000_000, 10_000_000),
    drain=100_000,
    rest_seconds=30,
    sustained=(500, 60),
    messages=10_000,
    soak=600,
    growth=((10_000, 100_000, 1_000_000, 10_000_000), (1, 2, 4)),
    api=(1_000, 1_000_000),
    requests=300,
    calls=400,
    batch=1_000,
)
SCALES = {scale.name: scale for scale in (TINY, QUICK, FULL)}


@dataclass(frozen=True)
class Bench:
    rig: Rig
    scale: Scale

    def rounds(self) -> range:
        return range(self.scale.rounds)


@dataclass(frozen=True)
class Cost:
    """The cost of a call in seconds: by the clock, of this process's CPU, of PostgreSQL's CPU."""

    wall: float
    cpu: float
    postgres: float


def measure_cost(rig: Rig, call: Callable[[], object]) -> Cost:
    """Return the cost of a call that works in this process and in PostgreSQL."""
    connection.ensure_connection()
    gc.collect()
    before = usage(rig.pids())
    began = clocks()
    call()
    wall, cpu = (end - begin for end, begin in zip(clocks(), began, strict=True))
    return Cost(wall, cpu, usage(rig.pids()).since(before).cpu["postgres"])


def clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def describe_machine(scale: Scale) -> dict[str, str]:
    """Return a description of the machine and its software."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT split_part(version(), ' on ', 1), current_setting('fsync'),"
            " current_setting('synchronous_commit'), current_setting('shared_buffers')"
        )
        postgres, fsync, commit, buffers = cursor.fetchone()
    return {
        "how much": f"{scale.name}, {scale.rounds} rounds",
        "processor": f"{os.cpu_count()} x {_line('/proc/cpuinfo', 'model name')}",
        "memory": _line("/proc/meminfo", "MemTotal"),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": f"{postgres}; fsync {fsync}, synchronous_commit {commit}, "
        f"shared_buffers {buffers}",
        "everything": "database, broker, workers, receiver and what measures share this machine",
    }


def describe_occasion() -> dict[str, str]:
    """Return the commit, the time, and the load of the machine before a measurement."""
    return {
        "commit": _commit(),
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "load before": " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }


def _line(path: str, name: str) -> str:
    with suppress(OSError):
        for line in Path(path).read_text().splitlines():
            if line.startswith(name):
                return line.partition(":")[2].strip()
    return "unknown"


def _commit() -> str:
    process = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    return process.stdout.strip() or "unknown"
