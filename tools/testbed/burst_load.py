"""A load of many reminders due at one instant, from their rows to the receiver."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from notifications.models import Delivery
from reminders.engine import tick
from reminders.models import Occurrence, Reminder
from tools.local_stack.run import answers
from tools.local_stack.terminal import Problem
from tools.testbed import seed
from tools.testbed.cpu_usage import Usage, usage, with_ours
from tools.testbed.receiver import Behaviour, Receiver, Record
from tools.testbed.testbed import Rig, beat, web, worker

# The rate at which a slow machine stores due reminders, a second.
STORES = 8_000
CHANNELS = 100
PATIENCE = 300


@dataclass(frozen=True)
class Burst:
    """The result of `due` messages at one instant.

    `late` are the seconds until each arrived, in order; `recorded` the seconds until every outcome
    was in the database.
    """

    due: int
    late: Sequence[float]
    lost: int
    doubled: int
    recorded: float
    usage: Usage

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


def burst(rig: Rig, receiver: Receiver, to: Sequence[int], count: int) -> Burst:
    """Let `count` reminders come due at one instant while the engine runs."""
    seed.forget()
    before = receiver.count()
    now = timezone.now()
    due_at = seed.whole_second(now + timedelta(seconds=2 + count / STORES))
    seed.add_due(count, to, due_at, now)
    if timezone.now() >= due_at:
        raise Problem(f"This machine needs longer than planned to store {count} reminders.")
    rig.wait_until(lambda: timezone.now() >= due_at, PATIENCE, "the due instant comes")
    pids = with_ours(rig.pids(), receiver.pid)
    began = usage(pids)
    rig.wait_until(lambda: receiver.count() - before >= count, PATIENCE, f"{count} messages arrive")
    rig.wait_until(lambda: is_over(due_at), PATIENCE, "every outcome is recorded")
    used = usage(pids).since(began)
    # FOAM's own canary is due at each whole minute.
    if (fired := Occurrence.objects.exclude_system().filter(due_at=due_at).count()) != count:
        raise Problem(f"{fired} occurrences are recorded of {count}.")
    return judge(receiver.records(), due_at, count, used)


def is_over(due_at: datetime) -> bool:
    """Whether all due reminders have fired and all deliveries have ended."""
    # Runs often, so it uses the index of unfinished deliveries.
    waiting = Delivery.objects.filter(next_attempt_at__isnull=False)
    return not Reminder.objects.due(due_at).exists() and not waiting.exists()


def judge(records: Sequence[Record], due_at: datetime, count: int, used: Usage) -> Burst:
    """Return the result of a burst, from the requests since its due instant."""
    due = due_at.timestamp()
    arrived = [record for record in records if record.at >= due and record.is_accepted]
    different = len({record.id for record in arrived})
    last = Delivery.objects.order_by("-finished_at").values_list("finished_at", flat=True).first()
    assert last is not None
    return Burst(
        due=count,
        late=sorted(record.at - due for record in arrived),
        lost=count - different,
        doubled=len(arrived) - different,
        recorded=(last - due_at).total_seconds(),
        usage=used,
    )
