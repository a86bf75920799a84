"""Loads on a test bed, from due reminders to the receiver: a burst and a steady flow."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max, QuerySet
from django.utils import timezone

from notifications.models import Delivery
from reminders.engine import tick
from reminders.models import Reminder
from tools.local_stack.programs import beat, web, worker
from tools.local_stack.run import answers
from tools.local_stack.terminal import Problem
from tools.testbed import seed
from tools.testbed.cpu_usage import Usage, add_own_pids, usage
from tools.testbed.receiver import Behaviour, Receiver, Record
from tools.testbed.testbed import Rig

# The rate at which a slow machine stores due reminders, a second.
STORES = 8_000
CHANNELS = 100
PATIENCE = 300
# The wait after the last due instant of a flow; a message that takes longer counts as lost.
GRACE = 20.0


@dataclass(frozen=True)
class LoadResult:
    """The result of `due` messages.

    `late` are the seconds from each due instant to the first arrival, in order; `recorded` the
    seconds from the first due instant until every outcome was in the database.
    """

    due: int
    late: Sequence[float]
    doubled: int
    recorded: float
    usage: Usage

    @property
    def lost(self) -> int:
        return self.due - len(self.late)

    @property
    def rate(self) -> float:
        """Messages a second until every one of them was recorded."""
        return self.due / self.recorded

    def percentile(self, share: float) -> float:
        return percentile(self.late, share)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the percentile of ordered values, by nearest rank."""
    if not ordered:
        return float("inf")
    return ordered[min(len(ordered), max(1, -int(-len(ordered) * share // 1))) - 1]


@contextmanager
def engine(rig: Rig, processes: int = 2) -> Iterator[None]:
    """Run beat, a dispatcher and a deliverer with this number of processes."""
    began = timezone.now()
    rig.start("dispatch", worker("dispatch", 1))
    rig.start("deliver", worker("deliver", processes))
    rig.start("beat", beat())
    try:
        rig.wait_for_words("deliver", "ready.")
        rig.wait_until(lambda: (tick.last_tick() or began) > began, PATIENCE, "a tick runs")
        yield
    finally:
        for name in ("beat", "dispatch", "deliver"):
            if name in rig.programs:
                rig.kill(name)


@contextmanager
def website(rig: Rig) -> Iterator[None]:
    """Run the web server, once it answers."""
    rig.start("web", web(rig.port, 2))
    try:
        rig.wait_until(lambda: answers(rig.port), PATIENCE, "the web server answers")
        yield
    finally:
        rig.kill("web")


def receivers(delay: float = 0.0, count: int = 8) -> Receiver:
    """Return a receiver with `count` ports, which FOAM takes for as many hosts."""
    return Receiver([Behaviour(delay=delay)] * count)


def channels(receiver: Receiver, count: int = CHANNELS) -> list[int]:
    """Store channels that lead to the ports of a receiver in turn."""
    doors = len(receiver.urls)
    return seed.add_channels(
        [f"{receiver.urls[number % doors]}/{number}" for number in range(count)]
    )


def burst(rig: Rig, receiver: Receiver, to: Sequence[int], count: int) -> LoadResult:
    """Let `count` reminders come due at one instant while the engine runs."""
    seed.delete_occurrences()
    before, record_count = receiver.count(), len(receiver.records())
    due_at = add_due(to, count, [timedelta(0)], 2 + count / STORES)
    began, pids = begin(rig, receiver, due_at)
    rig.wait_until(lambda: receiver.count() - before >= count, PATIENCE, f"{count} messages arrive")
    rig.wait_until(lambda: is_over(due_at), PATIENCE, "every outcome is recorded")
    cpu_usage = usage(pids).since(began)
    result = judge(receiver.records()[record_count:], counted_deliveries(), cpu_usage)
    if result.due != count:
        raise Problem(f"{result.due} deliveries are recorded of {count}.")
    return result


def flow(
    rig: Rig,
    receiver: Receiver,
    to: Sequence[int],
    rate: int,
    seconds: int,
    *,
    hanging: Sequence[int] = (),
) -> LoadResult:
    """Let `rate` reminders come due at each of `seconds` whole seconds, while the engine runs.

    The `hanging` channels never answer; their messages are not counted.
    """
    seed.delete_occurrences()
    record_count = len(receiver.records())
    offsets = [timedelta(seconds=second) for second in range(seconds)]
    first = add_due(to, rate, offsets, 3 + 0.15 * seconds + rate * seconds / STORES)
    last = first + offsets[-1]
    began, pids = begin(rig, receiver, first)
    rig.wait_until(lambda: timezone.now() >= last, seconds + GRACE, "the last due instant comes")
    rig.wait_until(lambda: is_over(last, hanging), GRACE, "all messages have ended")
    cpu_usage = usage(pids).since(began)
    return judge(receiver.records()[record_count:], counted_deliveries(hanging), cpu_usage)


def add_due(
    to: Sequence[int], count: int, offsets: Sequence[timedelta], seconds: float
) -> datetime:
    """Store `count` reminders due at each offset from an instant in `seconds`; return the instant.

    Raises Problem if the instant has come before all are stored.
    """
    now = timezone.now()
    first = seed.whole_second(now + timedelta(seconds=seconds))
    for offset in offsets:
        seed.add_due(count, to, first + offset, now)
    if timezone.now() >= first:
        raise Problem("This machine needs longer than planned to store the due reminders.")
    return first


def begin(rig: Rig, receiver: Receiver, due_at: datetime) -> tuple[Usage, Mapping[str, int]]:
    """Wait for the due instant; return the CPU usage at it, and the processes it counts."""
    rig.wait_until(lambda: timezone.now() >= due_at, PATIENCE, "the due instant comes")
    pids = add_own_pids(rig.pids(), receiver.pid)
    return usage(pids), pids


def counted_deliveries(hanging: Sequence[int] = ()) -> QuerySet[Delivery]:
    """Return the deliveries to the channels of the load, without `hanging` ones."""
    # FOAM's own canary is due at each whole minute.
    ours = Delivery.objects.filter(channel__owner=seed.seed_owner())
    return ours.exclude(channel_id__in=hanging)


def is_over(last: datetime, hanging: Sequence[int] = ()) -> bool:
    """Whether all due reminders have fired and all counted deliveries have ended."""
    # Runs often, so it uses the index of unfinished deliveries.
    waiting = Delivery.objects.filter(next_attempt_at__isnull=False)
    waiting = waiting.exclude(channel_id__in=hanging)
    return not Reminder.objects.due(last).exists() and not waiting.exists()


def judge(
    records: Iterable[Record], deliveries: QuerySet[Delivery], cpu_usage: Usage
) -> LoadResult:
    """Return the result of a load: each arrival against the due time of its delivery."""
    due = dict(deliveries.values_list("pk", "due_at"))
    arrived: dict[int, float] = {}
    doubled = 0
    for record in records:
        delivery = int(record.id.split("_")[1])
        if record.is_accepted and delivery in due:
            doubled += delivery in arrived
            arrived.setdefault(delivery, record.at)
    late = sorted(at - due[delivery].timestamp() for delivery, at in arrived.items())
    last = deliveries.aggregate(at=Max("finished_at"))["at"]
    recorded = (last - min(due.values())).total_seconds() if last else float("inf")
    return LoadResult(len(due), late, doubled, recorded, cpu_usage)
