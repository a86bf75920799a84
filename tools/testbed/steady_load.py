"""A load of the same number of reminders each second, for a while."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from notifications.models import Delivery
from reminders.models import Reminder
from tools.local_stack.terminal import Problem
from tools.testbed import seed
from tools.testbed.burst_load import PATIENCE, STORES, percentile
from tools.testbed.cpu_usage import Usage, usage
from tools.testbed.receiver import Receiver, Record
from tools.testbed.testbed import Rig

# The wait after the last due instant; a message that takes longer counts as lost.
GRACE = 20.0


@dataclass(frozen=True)
class Flow:
    """`late` are the seconds from each due instant to the arrival, in order."""

    due: int
    late: Sequence[float]
    doubled: int
    usage: Usage

    @property
    def lost(self) -> int:
        return self.due - len(self.late)

    def percentile(self, share: float) -> float:
        return percentile(self.late, share)


def flow(
    rig: Rig,
    receiver: Receiver,
    to: Sequence[int],
    rate: int,
    seconds: int,
    *,
    hanging: Sequence[int] = (),
) -> Flow:
    """Let `rate` reminders come due at each of `seconds` whole seconds, while the engine runs.

    The `hanging` channels never answer; their messages are not counted.
    """
    seed.forget()
    record_count = len(receiver.records())
    now = timezone.now()
    first = seed.whole_second(now + timedelta(seconds=3 + 0.15 * seconds + rate * seconds / STORES))
    last = first + timedelta(seconds=seconds - 1)
    for second in range(seconds):
        seed.add_due(rate, to, first + timedelta(seconds=second), now)
    if timezone.now() >= first:
        raise Problem("This machine needs longer than planned to store what is to come due.")
    rig.wait_until(lambda: timezone.now() >= first, PATIENCE, "the first due instant comes")
    before = usage(rig.pids())
    rig.wait_until(lambda: timezone.now() >= last, seconds + GRACE, "the last due instant comes")
    rig.wait_until(lambda: is_over(last, hanging), GRACE, "all messages have ended")
    used = usage(rig.pids()).since(before)
    due = dict(counted_deliveries(hanging).values_list("pk", "due_at"))
    return judge(receiver.records()[record_count:], due, used)


def counted_deliveries(hanging: Sequence[int]) -> Any:
    return Delivery.objects.exclude(channel_id__in=hanging)


def is_over(last: datetime, hanging: Sequence[int]) -> bool:
    # Runs often, so it uses the index of unfinished deliveries.
    waiting = counted_deliveries(hanging).filter(next_attempt_at__isnull=False)
    return not Reminder.objects.due(last).exists() and not waiting.exists()


def judge(records: Iterable[Record], due: Mapping[int, datetime], used: Usage) -> Flow:
    """Return the result of a flow: each arrival against the due time of its delivery."""
    arrived: dict[int, float] = {}
    doubled = 0
    for record in records:
        delivery = int(record.id.split("_")[1])
        if record.is_accepted and delivery in due:
            doubled += delivery in arrived
            arrived.setdefault(delivery, record.at)
    late = sorted(at - due[delivery].timestamp() for delivery, at in arrived.items())
    return Flow(len(due), late, doubled, used)
