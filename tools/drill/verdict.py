"""Compares the expected messages with the ones in the receivers and the database."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reminders.recurrence import Fire
from tools.drill.expected import Fate

# Reminder, due instant, length of the lead in seconds.
Saying = tuple[int, datetime, int]
# The same with the number of the receiver.
Key = tuple[int, datetime, int, int]
MOST_LINES = 5
# An outcome is recorded within this time after the receiver accepted the message: receivers are
# slow, and outcomes are written in batches.
RECORDED_WITHIN = timedelta(seconds=15)


@dataclass(frozen=True)
class ExpectedFiring:
    """One firing of a reminder, its fate, and its receivers."""

    reminder_id: int
    fire: Fire
    fate: Fate
    misfire: str
    places: tuple[int, ...]

    @property
    def saying(self) -> Saying:
        return self.reminder_id, self.fire.due_at, self.fire.lead.length


@dataclass
class Observations:
    """The messages that the receivers accepted, and the state of the others in the database."""

    # The times at which each message was accepted, by message id.
    accepted: dict[Key, dict[str, list[datetime]]] = field(default_factory=dict)
    fired: set[Saying] = field(default_factory=set)
    missed: set[Saying] = field(default_factory=set)
    waiting: set[Key] = field(default_factory=set)
    uncertain: Mapping[str, int] = field(default_factory=dict)
    # The begin and end of each fault that may have killed a worker.
    deaths: list[tuple[datetime, datetime]] = field(default_factory=list)

    def accept(self, key: Key, id_: str, at: datetime) -> None:
        self.accepted.setdefault(key, {}).setdefault(id_, []).append(at)

    def is_followed_by_death(self, at: datetime) -> bool:
        """Whether the outcome of a message accepted at `at` may be lost with its worker."""
        return any(ended >= at and began <= at + RECORDED_WITHIN for began, ended in self.deaths)


@dataclass
class DrillVerdict:
    due: int = 0
    fired: int = 0
    fired_expected: int = 0
    missed: Counter[str] = field(default_factory=Counter)
    missed_expected: int = 0
    either: int = 0
    messages: int = 0
    delivered: int = 0
    waiting: int = 0
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    explained: int = 0
    unexplained: list[str] = field(default_factory=list)
    uncertain: int = 0
    lateness: list[float] = field(default_factory=list)
    ledger: str = ""
    is_balanced: bool = True

    @property
    def is_green(self) -> bool:
        wrong = self.missing or self.unexpected or self.unexplained
        return not wrong and self.is_balanced

    def late(self, share: float) -> float:
        """Return the percentile of the lateness, in seconds."""
        if not self.lateness:
            return 0.0
        ordered = sorted(self.lateness)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def compare(
    expected: Iterable[ExpectedFiring],
    observations: Observations,
    silent: Iterable[int],
    up_by: datetime,
) -> DrillVerdict:
    """Return the verdict; only messages to `silent` receivers, which never answer, may wait."""
    verdict = DrillVerdict(uncertain=sum(observations.uncertain.values()))
    silent = set(silent)
    expected_keys: set[Key] = set()
    for firing in expected:
        expected_keys |= _judge_firing(verdict, firing, observations, silent, up_by)
    verdict.unexpected += [
        format_instant(key) for key in observations.accepted.keys() - expected_keys
    ]
    for key, ids in observations.accepted.items():
        _judge_repeats(verdict, key, ids, observations)
    return verdict


def _judge_firing(
    verdict: DrillVerdict,
    firing: ExpectedFiring,
    observations: Observations,
    silent: set[int],
    up_by: datetime,
) -> set[Key]:
    """Add one firing to the verdict; return the keys of its messages."""
    keys = {(*firing.saying, place) for place in firing.places}
    is_missed = firing.saying in observations.missed
    verdict.due += 1
    verdict.fired_expected += firing.fate == Fate.FIRES
    verdict.missed_expected += firing.fate == Fate.MISSED
    verdict.either += firing.fate == Fate.EITHER
    verdict.fired += firing.saying in observations.fired
    verdict.missed[firing.misfire] += is_missed
    if firing.fate == Fate.MISSED or (firing.fate == Fate.EITHER and is_missed):
        if not is_missed:
            verdict.missing.append(f"{format_instant(firing.saying)}: not recorded as missed")
        return set()
    for key in keys:
        verdict.messages += 1
        if ids := observations.accepted.get(key):
            verdict.delivered += 1
            if key[3] not in silent and firing.fire.fire_at > up_by:
                first = min(min(times) for times in ids.values())
                verdict.lateness.append((first - firing.fire.fire_at).total_seconds())
        elif key in observations.waiting and key[3] in silent:
            verdict.waiting += 1
        else:
            where = " (queued)" if key in observations.waiting else ""
            verdict.missing.append(format_instant(key) + where)
    return keys


def _judge_repeats(
    verdict: DrillVerdict, key: Key, ids: Mapping[str, list[datetime]], observations: Observations
) -> None:
    """Add repeated messages to the verdict.

    A repeat is explained if a worker died after the copy before it, and left an attempt without an
    outcome.
    """
    if len(ids) > 1:
        verdict.unexplained.append(f"{format_instant(key)}: under {len(ids)} ids")
    for id_, times in ids.items():
        repeated = sorted(times)[:-1]
        deaths = sum(observations.is_followed_by_death(at) for at in repeated)
        explained = min(deaths, observations.uncertain.get(id_, 0))
        verdict.explained += explained
        if len(repeated) > explained:
            verdict.unexplained.append(f"{format_instant(key)}: {len(times)} times, as {id_}")


def format_instant(key: Saying | Key) -> str:
    reminder_id, due_at, length = key[:3]
    ahead = f", {length} s ahead" if length else ""
    place = f", receiver {key[3]}" if len(key) == 4 else ""
    return f"reminder {reminder_id} due {due_at:%H:%M:%S}{ahead}{place}"
