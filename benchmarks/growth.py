"""The same burst with more and more reminders stored, and with more processes."""

from django.utils import timezone

from benchmarks.bench import Bench
from benchmarks.report import Cell, Part, Spread, Table, at_most
from tools.testbed import seed
from tools.testbed.load import LoadResult, burst, channels, engine, receivers

MILLION = 1_000_000


def measure(bench: Bench) -> Part:
    sizes, processes = bench.scale.growth
    bursts_by_size: dict[tuple[int, int], list[LoadResult]] = {}
    seed.delete_all()
    stored = 0
    big: list[LoadResult] = []
    with receivers() as receiver:
        to = channels(receiver)
        for size in sizes:
            seed.add_stored(size - stored, to, timezone.now(), seed=size)
            seed.vacuum()
            stored = size
            for number in processes:
                with engine(bench.rig, number):
                    bursts_by_size[size, number] = [
                        burst(bench.rig, receiver, to, bench.scale.burst) for _ in bench.rounds()
                    ]
            if bench.scale.big and size == bench.scale.big[0]:
                with engine(bench.rig):
                    big = [
                        burst(bench.rig, receiver, to, bench.scale.big[1]) for _ in bench.rounds()
                    ]
    return report(bench, bursts_by_size, big)


def report(
    bench: Bench, bursts_by_size: dict[tuple[int, int], list[LoadResult]], big: list[LoadResult]
) -> Part:
    rows = [
        [f"{size:,}", number, *figures(bursts)] for (size, number), bursts in bursts_by_size.items()
    ]
    part = Part(
        "growth",
        "Growth",
        tables=[
            Table(
                f"{bench.scale.burst:,} due at one instant",
                ["stored", "deliverers", *FIGURES],
                rows,
            )
        ],
    )
    part.notes.append(
        "Sizes follow one another here, each in rounds of its own: a table that grows cannot "
        "shrink for its turn. CPU is told in shares of what FOAM, its servers, the receiver and "
        "what measures have used."
    )
    if big and bench.scale.big:
        stored, due = bench.scale.big
        late = Spread.of(burst.percentile(0.99) for burst in big)
        name = f"p99 lateness of {due:,} due at one instant, {stored:,} stored: 12 s"
        part.goals.append(at_most(name, 12, late, " s"))
        part.tables.append(
            Table(
                f"{due:,} due at one instant",
                ["stored", "deliverers", *FIGURES],
                [[f"{stored:,}", 2, *figures(big)]],
            )
        )
    return part


FIGURES = ["a second", "p50, s", "p99, s", "lost", "doubled", "busiest", "processors busy, %"]


def figures(bursts: list[LoadResult]) -> list[Cell]:
    return [
        Spread.of(burst.rate for burst in bursts),
        Spread.of(burst.percentile(0.5) for burst in bursts),
        Spread.of(burst.percentile(0.99) for burst in bursts),
        sum(burst.lost for burst in bursts),
        sum(burst.doubled for burst in bursts),
        shares(bursts),
        Spread.of(100 * burst.usage.busy / max(burst.usage.total, 0.01) for burst in bursts),
    ]


def shares(bursts: list[LoadResult]) -> str:
    """Return the three processes with the largest shares of the CPU time that all used."""
    used: dict[str, float] = {}
    for result in bursts:
        for name, seconds in result.usage.cpu.items():
            used[name] = used.get(name, 0.0) + seconds
    whole = sum(used.values()) or 1.0
    most = sorted(used, key=lambda name: -used[name])[:3]
    return ", ".join(f"{name} {100 * used[name] / whole:.0f} %" for name in most)
