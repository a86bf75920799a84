"""The faults of a drill and their times, in seconds after the first live reminder is due."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from tools.drill.options import INSTANT, Options
from tools.testbed.receiver import BEHAVIOURS, Receiver
from tools.testbed.testbed import Rig

RESTART_SECONDS = 2.0
RECOVERY_SECONDS = 60.0


@dataclass(frozen=True)
class DrillFault:
    at: float
    words: str
    strike: Callable[[], None]
    # Whether a worker may die of it between sending and recording.
    is_deadly: bool = False


@dataclass(frozen=True)
class Faults:
    options: Options
    rig: Rig
    receiver: Receiver

    def timeline(self, length: float, bursts: Sequence[float]) -> list[DrillFault]:
        """Return the faults of the options within `length` seconds, in the order of time."""
        faults: list[DrillFault] = []
        if self.options.kill9:
            faults += self.kills(bursts)
        if self.options.flush_broker:
            flush, restart = self.rig.flush_broker, self.rig.restart_redis
            faults.append(DrillFault(0.05 * length, "flushed the broker", flush))
            faults.append(
                DrillFault(0.4 * length, "restarted Redis, empty", restart, is_deadly=True)
            )
            faults.append(DrillFault(0.7 * length, "flushed the broker", flush))
        if self.options.restart_postgres:
            crash = partial(self.rig.restart_postgres, crash=True)
            faults.append(
                DrillFault(0.25 * length, "crashed and restarted PostgreSQL", crash, is_deadly=True)
            )
        return sorted([*faults, *self.recoveries(length)], key=lambda fault: fault.at)

    def kills(self, bursts: Sequence[float]) -> Iterator[DrillFault]:
        """Kill all delivering workers in the first burst, a dispatcher in the second, then a beat.

        A full drill goes on to kill one process after the other.
        """
        first, second = bursts
        workers, beats = self.options.workers, self.options.beats
        for number in range(workers):
            yield from self.kill_and_restart("deliver", number, workers, first + 0.2)
        yield from self.kill_and_restart("dispatch", 0, workers, second + 0.05)
        yield from self.kill_and_restart("beat", 0, beats, second + 1)
        for number in range(1, 1 if self.options.quick else 4):
            later = second + number * 2 * RESTART_SECONDS
            yield from self.kill_and_restart("deliver", number, workers, later)
            yield from self.kill_and_restart("dispatch", number, workers, later + 1)
            yield from self.kill_and_restart("beat", number, beats, later + 2)

    def kill_and_restart(
        self, kind: str, number: int, count: int, at: float
    ) -> Iterator[DrillFault]:
        """Yield the kill and the restart of the process with this number, modulo `count`."""
        name = f"{kind}{number % count + 1}"
        kill = partial(self.rig.kill, name)
        yield DrillFault(at, f"killed {name} (SIGKILL)", kill, is_deadly=kind == "deliver")
        yield DrillFault(
            at + RESTART_SECONDS, f"started {name} again", partial(self.rig.start_again, name)
        )

    def recoveries(self, length: float) -> Iterator[DrillFault]:
        """Yield the recoveries of misbehaving receivers, in time for FOAM's third attempt.

        Dead and hanging receivers of a quick drill never recover: that attempt comes after five
        minutes.
        """
        lasting = ("forgetful", "dead", "hang") if self.options.quick else ("forgetful",)
        for number, provider in enumerate(self.options.providers, start=INSTANT):
            if provider not in lasting:
                words = f"receiver {number} ({provider}) is well again"
                well = partial(self.receiver.behave, number, BEHAVIOURS["instant"])
                yield DrillFault(min(length, RECOVERY_SECONDS), words, well)
