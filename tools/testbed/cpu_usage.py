"""Measures the CPU and memory of processes from /proc; without it all figures are empty."""

import os
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
RECEIVER, MEASURING = "receiver", "measuring"


@dataclass(frozen=True, slots=True)
class Process:
    parent: int
    cpu: float  # seconds, those of children that have ended among them


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds of named processes with their descendants, and of the whole machine."""

    cpu: Mapping[str, float]  # seconds
    busy: float  # seconds of all processors
    waiting: float  # for disks
    total: float

    def since(self, before: "Usage") -> "Usage":
        cpu = {name: used - before.cpu.get(name, 0.0) for name, used in self.cpu.items()}
        return Usage(
            cpu,
            self.busy - before.busy,
            self.waiting - before.waiting,
            self.total - before.total,
        )


def add_own_pids(roots: Mapping[str, int], receiver: int) -> dict[str, int]:
    """Add the processes of the receiver and of the measurement, which are no part of FOAM."""
    return {**roots, RECEIVER: receiver, MEASURING: os.getpid()}


def usage(roots: Mapping[str, int]) -> Usage:
    processes = _processes()
    cpu = {
        name: sum(processes[pid].cpu for pid in family)
        for name, family in _families(roots, processes).items()
    }
    user, nice, system, idle, waiting, *interrupts = _machine()
    busy = user + nice + system + sum(interrupts)
    return Usage(cpu, busy, waiting, busy + idle + waiting)


def memory(roots: Mapping[str, int], kind: str = "Pss") -> dict[str, float]:
    """Return the MiB of each name: proportional set size, which counts a shared page once.

    `Pss_Anon` counts only pages that the processes have written, without programs and libraries:
    FOAM's share of those grows when another process with the same pages ends.
    """
    processes = _processes()
    return {
        name: sum(_pss(pid, kind) for pid in family) / 1024
        for name, family in _families(roots, processes).items()
        if family
    }


def _families(roots: Mapping[str, int], processes: Mapping[int, Process]) -> dict[str, list[int]]:
    children: defaultdict[int, list[int]] = defaultdict(list)
    for pid, process in processes.items():
        children[process.parent].append(pid)
    families = {}
    for name, root in roots.items():
        family = [root] if root in processes else []
        for pid in family:
            # A child with a name of its own counts for itself alone.
            family += [child for child in children[pid] if child not in roots.values()]
        families[name] = family
    return families


def _processes() -> dict[int, Process]:
    ticks = os.sysconf("SC_CLK_TCK")
    processes = {}
    for path in PROC.glob("[0-9]*/stat"):
        # Any process may end meanwhile.
        with suppress(OSError):
            # The name, which stands in brackets, may hold anything.
            fields = path.read_text().rpartition(")")[2].split()
            cpu = sum(int(field) for field in fields[11:15]) / ticks
            processes[int(path.parent.name)] = Process(int(fields[1]), cpu)
    return processes


def _pss(pid: int, kind: str) -> int:
    with suppress(OSError):
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith(f"{kind}:"):
                return int(line.split()[1])
    return 0


def _machine() -> list[float]:
    """Return the seconds of all processors: user, nice, system, idle, waiting, interrupts."""
    try:
        fields = (PROC / "stat").read_text().split("\n", 1)[0].split()[1:8]
    except OSError:
        return [0.0] * 7
    return [int(field) / os.sysconf("SC_CLK_TCK") for field in fields]
