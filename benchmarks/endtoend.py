"""Bursts from the due row to the recorded answer of the receiver, beside the usual alternatives."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, PeriodicTask

from benchmarks.baselines import posting, tasks
from benchmarks.bench import Bench
from benchmarks.report import Cell, Goal, Part, Spread, Table, at_least, at_most, ratios
from foam.processes.beat_rows import OWN
from reminders.models import Plan
from tools.testbed import seed
from tools.testbed.load import LoadResult, burst, channels, engine, percentile, receivers
from tools.testbed.receiver import Receiver
from tools.testbed.testbed import Rig

PATIENCE = 300
# As many as FOAM's deliverers.
WORKER = ["worker", "--queues", "baseline", "--concurrency", "2", "--loglevel", "INFO"]
CELERY = ["-m", "celery", "-A", "benchmarks.baselines.tasks"]
# Enqueued tasks a second, and the seconds in which beat starts: both before the due instant.
ENQUEUES = 400
BEAT_STARTS = 12

FOAM, SLOW_FOAM = "FOAM", "FOAM, 50 ms"
NAIVE, SLOW_NAIVE = "(a) a task and requests.post each", "(a), 50 ms"
PER_TASK, ETA = "(c) a PeriodicTask each", "(d) apply_async(eta=) each"
DELAY = 0.05


@dataclass(frozen=True)
class BaselineRun:
    """Messages a second up to the last arrival, and their lateness."""

    count: int
    late: Sequence[float]
    doubled: int

    @property
    def rate(self) -> float:
        return self.count / self.late[-1]


def measure(bench: Bench) -> Part:
    rig, scale = bench.rig, bench.scale
    seed.delete_all()
    bursts: dict[str, list[LoadResult]] = {FOAM: [], SLOW_FOAM: []}
    baseline_runs: dict[str, list[BaselineRun]] = {NAIVE: [], SLOW_NAIVE: [], PER_TASK: [], ETA: []}
    with receivers() as quick, receivers(DELAY) as slow, engine(rig), baseline(rig):
        quickly, slowly = channels(quick), channels(slow)
        for _ in bench.rounds():
            bursts[FOAM].append(burst(rig, quick, quickly, scale.burst))
            bursts[SLOW_FOAM].append(burst(rig, slow, slowly, scale.burst))
            with pause_tick(rig):
                for name, count, to, start in (
                    (NAIVE, scale.baseline, (quick, quickly), naive),
                    (SLOW_NAIVE, scale.baseline, (slow, slowly), naive),
                    (ETA, scale.baseline, (quick, quickly), eta),
                    (PER_TASK, scale.per_task, (quick, quickly), per_task),
                ):
                    baseline_runs[name].append(run(rig, *to, count, start))
    return report(bursts, baseline_runs)


@contextmanager
def baseline(rig: Rig) -> Iterator[None]:
    rig.start("baseline", [*CELERY, *WORKER])
    try:
        rig.wait_for_words("baseline", "ready.")
        yield
    finally:
        for name in ("baseline", "baseline beat"):
            if name in rig.programs:
                rig.kill(name)


@contextmanager
def pause_tick(rig: Rig) -> Iterator[None]:
    """Keep FOAM's tick from firing the reminders of a baseline."""
    beat = rig.programs["beat"]
    beat.send(signal.SIGSTOP)
    try:
        yield
    finally:
        beat.send(signal.SIGCONT)


Start = Callable[[Rig, list[int], datetime], None]


def run(rig: Rig, receiver: Receiver, to: Sequence[int], count: int, start: Start) -> BaselineRun:
    """Let a baseline remind of `count` reminders at one instant."""
    before, record_count = receiver.count(), len(receiver.records())
    now = timezone.now()
    wait = {naive: 2.0, eta: 2 + count / ENQUEUES, per_task: BEAT_STARTS}[start]
    due_at = seed.whole_second(now + timedelta(seconds=wait))
    seed.add_due(count, to, due_at, now)
    ids = list(Plan.objects.filter(next_fire_at=due_at).values_list("pk", flat=True))
    start(rig, ids, due_at)
    rig.wait_until(lambda: receiver.count() - before >= count, PATIENCE, "all have arrived")
    arrived = receiver.records()[record_count:]
    if start is per_task:
        rig.kill("baseline beat")
        PeriodicTask.objects.exclude(name__in=OWN).delete()
        PeriodicTask.objects.filter(name="tick").update(enabled=True)
    rig.wait_until(lambda: not Plan.objects.due(due_at).exists(), PATIENCE, "all have been saved")
    late = sorted(record.at - due_at.timestamp() for record in arrived)
    return BaselineRun(count, late, len(arrived) - len({record.id for record in arrived}))


def naive(rig: Rig, ids: list[int], due_at: datetime) -> None:
    """Start one tick at the due instant, as overlapping ticks send messages again."""
    rig.wait_until(lambda: timezone.now() >= due_at, PATIENCE, "the due instant comes")
    tasks.tick.delay()


def eta(rig: Rig, ids: list[int], due_at: datetime) -> None:
    for id_ in ids:
        tasks.remind.apply_async((id_,), eta=due_at)
    in_time(due_at)


def per_task(rig: Rig, ids: list[int], due_at: datetime) -> None:
    # FOAM's own task in this table would be sent as well.
    PeriodicTask.objects.filter(name="tick").update(enabled=False)
    clocked = ClockedSchedule.objects.create(clocked_time=due_at)
    PeriodicTask.objects.bulk_create(
        PeriodicTask(
            name=f"Reminder {id_}",
            task=tasks.remind.name,
            clocked=clocked,
            one_off=True,
            args=f"[{id_}]",
        )
        for id_ in ids
    )
    rig.start("baseline beat", [*CELERY, "beat", "--pidfile", "", "--loglevel", "INFO"])
    rig.wait_for_words("baseline beat", "is starting.")
    in_time(due_at)


def in_time(due_at: datetime) -> None:
    late = timezone.now() - due_at
    assert late < timedelta(0), f"{late} too late to begin: a busy machine"


def report(
    bursts: dict[str, list[LoadResult]], baseline_runs: dict[str, list[BaselineRun]]
) -> Part:
    rates = {name: [run.rate for run in runs] for name, runs in (bursts | baseline_runs).items()}
    p99 = Spread.of(run.percentile(0.99) for run in bursts[FOAM])
    foam_runs = [run for runs in bursts.values() for run in runs]
    lost, doubled = sum(run.lost for run in foam_runs), sum(run.doubled for run in foam_runs)
    return Part(
        "endtoend",
        "End to end",
        goals=[
            at_least("75 x (a) run as one tick", 75, ratios(rates[FOAM], rates[NAIVE])),
            at_least("20 x (d)", 20, ratios(rates[FOAM], rates[ETA])),
            at_least(
                "150 x (a) where the receiver answers after 50 ms",
                150,
                ratios(rates[SLOW_FOAM], rates[SLOW_NAIVE]),
            ),
            at_least("6,000 messages a second", 6_000, Spread.of(rates[FOAM]), "/s"),
            at_most("p99 lateness 1.5 s", 1.5, p99, " s"),
            Goal("none lost, none doubled", f"{lost} lost, {doubled} doubled", lost + doubled == 0),
        ],
        tables=[table(bursts, baseline_runs, rates)],
        notes=[
            "FOAM's rate is that until the last outcome is in the database, the others' until the "
            f"last message has arrived. (a), (c) and (d) post with {posting.LIBRARY} in as many "
            "worker processes as FOAM has deliverers. Of them fewer are measured, which is in "
            "their favour: (a) and (c) slow down as there are more.",
        ],
    )


def table(
    bursts: dict[str, list[LoadResult]],
    baseline_runs: dict[str, list[BaselineRun]],
    rates: dict[str, list[float]],
) -> Table:
    rows: list[list[Cell]] = []
    for name, runs in (bursts | baseline_runs).items():
        like = SLOW_FOAM if "50 ms" in name else FOAM
        rows.append(
            [
                name,
                len(runs[0].late),
                ratios(rates[like], rates[name]),
                Spread.of(rates[name]),
                Spread.of(percentile(run.late, 0.5) for run in runs),
                Spread.of(percentile(run.late, 0.99) for run in runs),
                Spread.of(run.late[-1] for run in runs),
            ]
        )
    columns = ["", "N", "FOAM is faster by", "a second", "p50, s", "p99, s", "last, s"]
    return Table("N reminders due at one instant, one webhook each", columns, rows)
