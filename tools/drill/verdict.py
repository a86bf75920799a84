"""What was expected, beside what the receivers saw."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reminders.recurrence import Fire
from tools.drill.expected import Fate

# Reminder, due instant, length of the lead in seconds.
Saying = tuple[int, datetime, int]
# ... and to which receiver.
Key = tuple[int, datetime, int, int]
SHOWN = 5
# After its receiver has accepted a message: that receiver is slow, and outcomes are gathered.
RECORDED_WITHIN = timedelta(seconds=15)


@dataclass(frozen=True)
class Expected:
    """One thing that a reminder was to say, and where."""

    reminder_id: int
    fire: Fire
    fate: Fate
    misfire: str
    places: tuple[int, ...]

    @property
    def saying(self) -> Saying:
        return self.reminder_id, self.fire.due_at, self.fire.lead.length


@dataclass
class Seen:
    """What the receivers accepted, and what the database tells of the rest."""

    # When each message was accepted, under which ids.
    accepted: dict[Key, dict[str, list[datetime]]] = field(default_factory=dict)
    fired: set[Saying] = field(default_factory=set)
    missed: set[Saying] = field(default_factory=set)
    waiting: set[Key] = field(default_factory=set)
    uncertain: Mapping[str, int] = field(default_factory=dict)
    # From when until when something died that sends or records.
    deaths: list[tuple[datetime, datetime]] = field(default_factory=list)

    def accept(self, key: Key, id_: str, at: datetime) -> None:
        self.accepted.setdefault(key, {}).setdefault(id_, []).append(at)

    def is_followed_by_death(self, at: datetime) -> bool:
        """Tell whether the outcome of what was accepted then may have died with its worker."""
        return any(ended >= at and began <= at + RECORDED_WITHIN for began, ended in self.deaths)


@dataclass
class Verdict:
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
        """Return the lateness, in seconds, that this share of the messages did not exceed."""
        if not self.lateness:
            return 0.0
        ordered = sorted(self.lateness)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def compare(
    expected: Iterable[Expected], seen: Seen, patient: Iterable[int], up_by: datetime
) -> Verdict:
    """Judge; only messages to `patient` places, whose receivers never answer, may still wait."""
    verdict = Verdict(uncertain=sum(seen.uncertain.values()))
    patient = set(patient)
    wanted: set[Key] = set()
    for each in expected:
        wanted |= _saying(verdict, each, seen, patient, up_by)
    verdict.unexpected += [format_instant(key) for key in seen.accepted.keys() - wanted]
    for key, ids in seen.accepted.items():
        _repeats(verdict, key, ids, seen)
    return verdict


def _saying(
    verdict: Verdict, each: Expected, seen: Seen, patient: set[int], up_by: datetime
) -> set[Key]:
    """Judge one thing said; return the keys under which it may have been."""
    keys = {(*each.saying, place) for place in each.places}
    is_missed = each.saying in seen.missed
    verdict.due += 1
    verdict.fired_expected += each.fate == Fate.FIRES
    verdict.missed_expected += each.fate == Fate.MISSED
    verdict.either += each.fate == Fate.EITHER
    verdict.fired += each.saying in seen.fired
    verdict.missed[each.misfire] += is_missed
    if each.fate == Fate.MISSED or (each.fate == Fate.EITHER and is_missed):
        if not is_missed:
            verdict.missing.append(f"{format_instant(each.saying)}: not recorded as missed")
        return set()
    for key in keys:
        verdict.messages += 1
        if ids := seen.accepted.get(key):
            verdict.delivered += 1
            if key[3] not in patient and each.fire.fire_at > up_by:
                first = min(min(times) for times in ids.values())
                verdict.lateness.append((first - each.fire.fire_at).total_seconds())
        elif key in seen.waiting and key[3] in patient:
            verdict.waiting += 1
        else:
            where = " (queued)" if key in seen.waiting else ""
            verdict.missing.append(format_instant(key) + where)
    return keys


def _repeats(verdict: Verdict, key: Key, ids: Mapping[str, list[datetime]], seen: Seen) -> None:
    """A repeat is explained by a death after the copy before it, which left no outcome of it."""
    if len(ids) > 1:
        verdict.unexplained.append(f"{format_instant(key)}: under {len(ids)} ids")
    for id_, times in ids.items():
        repeated = sorted(times)[:-1]
        died = sum(seen.is_followed_by_death(at) for at in repeated)
        explained = min(died, seen.uncertain.get(id_, 0))
        verdict.explained += explained
        if len(repeated) > explained:
            verdict.unexplained.append(f"{format_instant(key)}: {len(times)} times, as {id_}")


def format_instant(key: Saying | Key) -> str:
    reminder_id, due_at, length = key[:3]
    ahead = f", {length} s ahead" if length else ""
    place = f", receiver {key[3]}" if len(key) == 4 else ""
    return f"reminder {reminder_id} due {due_at:%H:%M:%S}{ahead}{place}"
