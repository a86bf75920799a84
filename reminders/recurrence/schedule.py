"""A schedule: the instants at which a reminder is due, and at which it fires."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple, NoReturn, Self

from . import clock_changes as changes
from . import describe, limits, nominal
from .clock_changes import ClockChange
from .errors import RecurrenceError, as_tuple
from .grammar import parse
from .implied import explicit_text
from .lead import NO_LEAD, ON_TIME, Lead, checked_leads
from .timeline import Timeline
from .tzif import DAY
from .wall_clock import FOREVER, Fold, Gap, WallClock, instant, instant_seconds, seconds, zone_clock

EARLIEST = datetime(1900, 1, 1)
LATEST = datetime(2999, 12, 31, 23, 59, 59)

_GAPS = {gap.value: gap for gap in Gap}
_FOLDS = {fold.value: fold for fold in Fold}
_UNKNOWN = -FOREVER


class Fire(NamedTuple):
    """A fire: `fire_at` is `lead` before `due_at`; both aware, in UTC."""

    fire_at: datetime
    due_at: datetime
    lead: Lead

    @property
    def order(self) -> tuple[datetime, Lead, datetime]:
        """The sort key of fires, and the arguments with which `Schedule.next_fire` continues."""
        return self.fire_at, self.lead, self.due_at


class Schedule:
    """The schedule of a reminder: immutable, pure, cheap to make from a stored row.

    `starts_at`, `exdates` and `rdates` are naive wall-clock times in `timezone`, an IANA name;
    nothing is due before `starts_at`. `recurrence` is empty (once), an RFC 5545 rule or a 5-field
    cron expression. `gap` and `fold` are the policies for local times that the clock skips or
    repeats, also for the local times of leads with days. Each of `leads` fires that long before
    each due instant.

    Instants come out as aware datetimes in UTC, in whole seconds. Construction raises
    RecurrenceError for invalid arguments; `validate` also for a schedule that can never occur.
    """

    # The columns of a reminder that make its schedule: one list for all that read or write them.
    FIELDS = (
        "starts_at",
        "timezone",
        "recurrence",
        "exdates",
        "rdates",
        "gap",
        "fold",
        "leads",
    )
    __slots__ = (*FIELDS, "_added_instants", "_excluded_instants", "_last", "_timeline")

    starts_at: datetime
    timezone: str
    # in canonical form
    recurrence: str
    exdates: tuple[datetime, ...]
    rdates: tuple[datetime, ...]
    gap: Gap
    fold: Fold
    leads: tuple[Lead, ...]
    _timeline: Timeline
    _excluded_instants: frozenset[int]
    _added_instants: tuple[int, ...]
    _last: int | None

    def __init__(
        self,
        *,
        starts_at: datetime,
        timezone: str,
        recurrence: str = "",
        exdates: Iterable[datetime] = (),
        rdates: Iterable[datetime] = (),
        gap: str = Gap.AFTER,
        fold: str = Fold.FIRST,
        leads: Iterable[Lead | timedelta] = NO_LEAD,
    ) -> None:
        start = _wall("starts_at", starts_at)
        _text("timezone", timezone)
        parsed = parse(recurrence)
        put = super().__setattr__
        put("starts_at", starts_at)
        put("timezone", timezone)
        put("recurrence", parsed.text if parsed else "")
        put("gap", _choice("gap", gap, _GAPS))
        put("fold", _choice("fold", fold, _FOLDS))
        put("leads", checked_leads(leads))
        put("_timeline", Timeline(parsed, start, timezone, self.gap, self.fold))
        put("exdates", _walls("exdates", exdates) if exdates else ())
        put("rdates", _walls("rdates", rdates) if rdates else ())
        put("_excluded_instants", self._exclusions() if self.exdates else frozenset())
        put("_added_instants", self._additions() if self.rdates else ())
        put("_last", _UNKNOWN)

    @classmethod
    def fields_of(cls, row: Any) -> dict[str, Any]:
        """Return the fields of a row, such as a reminder, that make its schedule."""
        return {name: getattr(row, name) for name in cls.FIELDS}

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(**cls.fields_of(row))

    @classmethod
    def validate(cls, **fields: Any) -> Self:
        """Make a Schedule from the same fields and refuse it if it can never be due.

        For new schedules: slower than construction, but bounded to some milliseconds. Raises
        RecurrenceError, which names the field at fault.
        """
        schedule = cls(**fields)
        limits.check(
            schedule._timeline,
            schedule.starts_at,
            schedule.timezone,
            schedule.exdates,
            schedule.rdates,
        )
        if schedule.next_due(-FOREVER) is None:
            raise RecurrenceError("exdates", "exclude every occurrence; nothing is left to be due")
        return schedule

    def after(self, instant_: datetime) -> datetime | None:
        """Return the first due instant strictly after an aware instant, None if there is none."""
        due = self.next_due(instant_seconds(instant_))
        return None if due is None else instant(due)

    def upcoming(self, after: datetime, count: int) -> list[datetime]:
        """Return up to `count` due instants strictly after an aware instant."""
        instants: list[datetime] = []
        at: int | None = instant_seconds(after)
        while len(instants) < count:
            at = self.next_due(at)  # type: ignore[arg-type]
            if at is None:
                break
            instants.append(instant(at))
        return instants

    def next_fire(
        self,
        fire_at: datetime,
        lead: Lead | None = None,
        due_at: datetime | None = None,
    ) -> Fire | None:
        """Return the first Fire after (fire_at, lead, due_at), over all leads, in that order.

        Without `lead`: the first after every Fire at `fire_at`; without `due_at`: after every one
        of that lead.
        """
        at = instant_seconds(fire_at)
        if self.leads is NO_LEAD:
            on_time = self.next_due(at)
            return None if on_time is None else Fire(moment := instant(on_time), moment, ON_TIME)
        is_within = bool(fire_at.microsecond)
        best: tuple[int, Lead, int] | None = None
        for candidate in self.leads:
            passed = lead is None or is_within or candidate is lead or candidate <= lead
            if candidate.days:
                last = FOREVER if passed else -FOREVER
                if due_at is not None and not is_within and candidate == lead:
                    last = instant_seconds(due_at)
                pair = self.first_of(candidate, (at, last))
            else:
                ahead = candidate.seconds
                due = self.next_due(at + ahead if passed else at + ahead - 1)
                pair = None if due is None else (due - ahead, due)
            if pair is not None and (best is None or (pair[0], candidate, pair[1]) < best):
                best = pair[0], candidate, pair[1]
        if best is None:
            return None
        return Fire(instant(best[0]), instant(best[2]), best[1])

    def first_of(
        self, lead: Lead, after: tuple[int, int], floor: int = -FOREVER
    ) -> tuple[int, int] | None:
        """Return the first (fire, due) of a lead later than `after`, and due after `floor`.

        In seconds since 1970, UTC.
        """
        if lead.days:
            clock = nominal.clock_of(self.timezone, self.gap, self.fold)
            return nominal.first(
                clock, lead, after, floor, next_due=self.next_due, rule_wall=self.rule_wall
            )
        fire, last = after
        due = self.next_due(max(fire + lead.seconds - (fire + lead.seconds > last), floor))
        return None if due is None else (due - lead.seconds, due)

    def fire(self, due_at: datetime, lead: Lead) -> Fire:
        """Return the fire of a lead for a due instant."""
        if lead is ON_TIME:
            return Fire(due_at, due_at, lead)
        if not lead.days:
            return Fire(due_at - timedelta(0, lead.seconds), due_at, lead)
        due = instant_seconds(due_at)
        clock = nominal.clock_of(self.timezone, self.gap, self.fold)
        return Fire(instant(nominal.fire_at(clock, lead, due, self.rule_wall(due))), due_at, lead)

    def wall_ahead(self, fire: int, lead: Lead) -> int:
        """Return the due wall time that a lead announces at the instant `fire`; both in seconds."""
        return self.wall(fire + lead.seconds) + lead.days * DAY

    def last(self) -> datetime | None:
        """Return the last due instant; None if the schedule is endless or never due."""
        if self._last == _UNKNOWN:
            super().__setattr__("_last", self._find_last())
        return None if self._last is None else instant(self._last)

    def _find_last(self) -> int | None:
        if self._timeline.is_endless:
            return None
        low = self.next_due(-FOREVER)
        if low is None:
            return None
        return self._narrow(low, max([low, self._timeline.bound(), *self._added_instants[-1:]]))

    def before(self, instant_: datetime) -> datetime | None:
        """Return the last due instant strictly before an aware instant, None if there is none."""
        low, high = self.next_due(-FOREVER), instant_seconds(instant_) - (not instant_.microsecond)
        return None if low is None or low > high else instant(self._narrow(low, high))

    def _narrow(self, low: int, high: int) -> int:
        """Return the last due instant up to `high`; `low` is a due instant."""
        while low < high:
            middle = (low + high) // 2
            due = self.next_due(middle)
            if due is None or due > high:
                high = middle
            else:
                low = due
        return low

    @property
    def text(self) -> str:
        """The schedule in English words, with times of the wall clock and the zone."""
        recurrence = self._timeline.recurrence
        rdates = [wall for wall in self.rdates if wall >= self.starts_at]
        return describe.schedule_text(
            recurrence, self.starts_at, self.timezone, self.exdates, rdates
        )

    def clock_change(self, due_at: datetime) -> ClockChange | None:
        """Return the clock change that the occurrence due at an instant meets, or None."""
        return changes.at(self._clock, self._local_times, instant_seconds(due_at))

    def clock_changes(self, after: datetime, until: datetime) -> list[ClockChange]:
        """Return the clock changes in (after, until] that move, repeat or skip occurrences."""
        return changes.between(
            self._clock,
            self._local_times,
            self.next_due,
            instant_seconds(after),
            instant_seconds(until),
        )

    def wall(self, at: int) -> int:
        """Return the wall time of an instant; both in seconds since 1970."""
        return at + self._clock.stretch(at).offset

    def rule_wall(self, due: int) -> int:
        """Return the wall time in the rule of a due instant: before the move if a gap moved it."""
        stretch = self._clock.stretch(due)
        wall = due + stretch.gap_offset
        if stretch.gap_low <= wall < stretch.gap_high and self._local_times(wall, wall + 1):
            return wall
        return due + stretch.offset

    def next_due(self, at: int) -> int | None:
        """As `after`, in seconds since 1970, UTC."""
        excluded, added = self._excluded_instants, self._added_instants
        if not excluded and not added:
            return self._timeline.next(at)
        while True:
            due = self._timeline.next(at)
            place = bisect_right(added, at)
            if place < len(added) and (due is None or added[place] < due):
                due = added[place]
            if due is None or due not in excluded:
                return due
            at = due

    @property
    def _clock(self) -> WallClock:
        """The clock of a one-off; the timeline's clock may keep real pace."""
        return zone_clock(self.timezone, self.gap, self.fold)

    def _exclusions(self) -> frozenset[int]:
        # At real pace an excluded time is excluded both times the clock shows it.
        clocks = {self._timeline.clock, self._clock}
        walls = map(seconds, self.exdates)
        return frozenset(due for wall in walls for clock in clocks for due in clock.instants(wall))

    def _additions(self) -> tuple[int, ...]:
        clock = self._clock
        walls = [seconds(wall) for wall in self.rdates if wall >= self.starts_at]
        return tuple(sorted({due for wall in walls for due in clock.instants(wall)}))

    def _local_times(self, low: int, high: int) -> list[int]:
        """Return the schedule's wall times in [low, high), before any clock change."""
        first = max(low, seconds(self.starts_at))
        walls = [wall for wall in map(seconds, self.rdates) if first <= wall < high]
        walls += self._timeline.walls(low, high)
        return sorted(set(walls).difference(map(seconds, self.exdates)))

    def _identity(self) -> tuple[object, ...]:
        return (
            self.starts_at,
            self.timezone,
            # Rules with the same meaning from this start on are equal.
            explicit_text(self.recurrence, self.starts_at, self.timezone),
            self.exdates,
            self.rdates,
            self.gap,
            self.fold,
            self.leads,
        )

    def __eq__(self, value: object) -> bool:
        if not isinstance(value, Schedule):
            return NotImplemented
        return self._identity() == value._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"<Schedule {self.text}>"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a Schedule does not change; {name} cannot be set")


def _wall(field: str, value: object) -> int:
    if not isinstance(value, datetime) or value.tzinfo is not None:
        raise RecurrenceError(field, "must be a local date and time, without an offset")
    if value.microsecond:
        raise RecurrenceError(field, "must be in whole seconds")
    if not EARLIEST <= value <= LATEST:
        raise RecurrenceError(field, f"must be in the years {EARLIEST.year} to {LATEST.year}")
    return seconds(value)


def _text(field: str, value: object) -> None:
    if not isinstance(value, str):
        raise RecurrenceError(field, "must be text")


def _walls(field: str, values: Iterable[datetime]) -> tuple[datetime, ...]:
    items = as_tuple(field, values)
    for value in items:
        _wall(field, value)
    return tuple(sorted({value.replace(fold=0) for value in items}))


def _choice(field: str, value: str, choices: dict[str, Any]) -> Any:
    try:
        return choices[value]
    except (KeyError, TypeError):
        raise RecurrenceError(field, f"must be one of {', '.join(choices)}") from None
