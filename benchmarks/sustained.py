"""A steady flow for a while, and the same with a tenth of the channels hanging."""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.bench import Bench
from benchmarks.report import Cell, Goal, Part, Spread, Table, at_most, ratios
from notifications.models import Delivery
from tools.testbed import seed
from tools.testbed.load import PATIENCE, LoadResult, channels, engine, flow
from tools.testbed.receiver import Behaviour, Receiver
from tools.testbed.testbed import Rig

DOORS = 20
CHANNELS = 100
HANGING = 2
WELL, ILL = "all well", "a tenth of the channels hanging"


def measure(bench: Bench) -> Part:
    rate, seconds = bench.scale.sustained
    flows_by_case: dict[str, list[LoadResult]] = {WELL: [], ILL: []}
    seed.delete_all()
    with (
        Receiver([Behaviour()] * DOORS) as receiver,
        engine(bench.rig),
    ):
        to = channels(receiver, CHANNELS)
        hanging = [id_ for number, id_ in enumerate(to) if number % DOORS >= DOORS - HANGING]
        for _ in bench.rounds():
            flows_by_case[WELL].append(flow(bench.rig, receiver, to, rate, seconds))
            behave(receiver, hangs=True)
            flows_by_case[ILL].append(flow(bench.rig, receiver, to, rate, seconds, hanging=hanging))
            recover(bench.rig, receiver, hanging)
    return report(rate, seconds, flows_by_case)


def recover(rig: Rig, receiver: Receiver, hanging: Sequence[int]) -> None:
    """Wait for what still hangs to be given up, which would hold its channel in the next round."""
    behave(receiver, hangs=False)
    sending = Delivery.objects.filter(next_attempt_at__isnull=False, leased_until__isnull=False)
    rig.wait_until(lambda: not sending.exists(), PATIENCE, "what hangs is given up")
    seed.release(hanging)


def behave(receiver: Receiver, *, hangs: bool) -> None:
    for door in range(DOORS - HANGING, DOORS):
        receiver.behave(door, replace(Behaviour(), hangs=hangs))


def report(rate: int, seconds: int, flows_by_case: dict[str, list[LoadResult]]) -> Part:
    p99 = {name: [flow.percentile(0.99) for flow in flows] for name, flows in flows_by_case.items()}
    rows: list[list[Cell]] = [
        [
            name,
            flows[0].due,
            ratios(p99[name], p99[WELL]),
            Spread.of(flow.percentile(0.5) for flow in flows),
            Spread.of(p99[name]),
            Spread.of(flow.percentile(1) for flow in flows),
            sum(flow.lost for flow in flows),
            sum(flow.doubled for flow in flows),
        ]
        for name, flows in flows_by_case.items()
    ]
    wrong = sum(flow.lost + flow.doubled for flows in flows_by_case.values() for flow in flows)
    return Part(
        "sustained",
        "A steady flow",
        goals=[
            at_most(f"p99 lateness 1 s at {rate:,} due a second", 1, Spread.of(p99[WELL]), " s"),
            at_most(
                "the others' p99 within 1.5 x while a tenth of the channels hang",
                1.5,
                ratios(p99[ILL], p99[WELL]),
            ),
            Goal("none lost, none doubled in the flow", f"{wrong} lost or doubled", wrong == 0),
        ],
        tables=[
            Table(
                f"{rate:,} due a second for {seconds} s; hanging channels left out",
                ["", "N", "p99 of all well", "p50, s", "p99, s", "last, s", "lost", "doubled"],
                rows,
            )
        ],
    )
