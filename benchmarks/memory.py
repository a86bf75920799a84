"""The memory of the processes: at rest, at the peak of a burst, and after a long steady flow."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.bench import Bench
from benchmarks.report import Cell, Goal, Part, Table
from tools.testbed import seed
from tools.testbed.cpu_usage import memory
from tools.testbed.load import burst, channels, engine, flow, receivers, website

NAMES = ("dispatch", "deliver", "beat", "web")
EVERY = 0.25
SOAK_RATE = 100
# Allocators vary by this much; less is no growth.
NOISE = 3.0


@dataclass
class Watch:
    """Samples of the memory, in MiB by process name."""

    samples: list[dict[str, float]] = field(default_factory=list)

    def peak(self, name: str) -> float:
        return max((sample.get(name, 0.0) for sample in self.samples), default=0.0)


def measure(bench: Bench) -> Part:
    rig = bench.rig
    seed.delete_all()
    with receivers() as receiver, engine(rig), website(rig):
        to = channels(receiver)
        at_rest = memory(rig.pids())
        with watch_memory(rig.pids()) as watch:
            for _ in bench.rounds():
                burst(rig, receiver, to, bench.scale.burst)
        soaked = [memory(rig.pids(), OWN)]
        # In parts, so that there are figures on the way; the first ones warm up.
        for _ in range(PARTS):
            seconds = max(1, int(bench.scale.soak / PARTS))
            flow(rig, receiver, to, SOAK_RATE, seconds)
            soaked.append(memory(rig.pids(), OWN))
    return report(bench, at_rest, watch, soaked)


PARTS = 6
# Without pages that are shared with other programs: see `memory`.
OWN = "Pss_Anon"


@contextmanager
def watch_memory(pids: Mapping[str, int]) -> Iterator[Watch]:
    watch, over = Watch(), threading.Event()

    def look() -> None:
        while not over.wait(EVERY):
            watch.samples.append(memory(pids))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()


def report(
    bench: Bench, at_rest: dict[str, float], watch: Watch, soaked: list[dict[str, float]]
) -> Part:
    growth = {name: soaked[-1][name] - soaked[PARTS // 3][name] for name in NAMES}
    rows: list[list[Cell]] = [
        [
            name,
            at_rest[name],
            watch.peak(name),
            *(soaked[at][name] for at in (0, PARTS // 3, PARTS)),
            growth[name],
        ]
        for name in NAMES
    ]
    worst = max(growth, key=lambda name: growth[name])
    return Part(
        "memory",
        "Memory",
        goals=[
            Goal(
                f"no growth over {bench.scale.soak:.0f} s of {SOAK_RATE} a second",
                f"{growth[worst]:+.1f} MiB ({worst})",
                growth[worst] <= NOISE,
            )
        ],
        tables=[
            Table(
                "MiB, children and all; what is shared is counted once (PSS)",
                [
                    "",
                    "at rest",
                    f"peak, bursts of {bench.scale.burst:,}",
                    "soak: before",
                    "a third in",
                    "after",
                    "grown",
                ],
                rows,
            )
        ],
        notes=[
            "The soak's figures are of what the processes have written themselves (anonymous "
            "pages). Growth is from a third into the soak to its end, and less than "
            f"{NOISE:.0f} MiB is none. `deliver` has two processes and their parent, as `web` has."
        ],
    )
