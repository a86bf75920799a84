"""The recurrence engine against dateutil, cronsim and arithmetic by hand. See README.md."""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from time import perf_counter, process_time
from zoneinfo import ZoneInfo

from cronsim import CronSim
from dateutil.rrule import rrulestr

from benchmarks import random_rules
from benchmarks.bench import Bench
from benchmarks.report import Cell, Goal, Part, Spread, Table
from reminders.recurrence import RecurrenceError, Schedule

NAME = "Europe/Berlin"
BERLIN = ZoneInfo(NAME)
START = datetime(2026, 1, 5, 9, 30)  # noqa: DTZ001, wall-clock times have no zone
RULES = {
    "daily": "FREQ=DAILY",
    "weekly by day": "FREQ=WEEKLY;BYDAY=MO,TH",
    "biweekly": "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO",
    "monthly by day": "FREQ=MONTHLY;BYMONTHDAY=15",
    "monthly last Friday": "FREQ=MONTHLY;BYDAY=-1FR",
    "yearly": "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24",
    "hourly": "FREQ=HOURLY",
    "every 15 minutes": "FREQ=MINUTELY;INTERVAL=15",
    "cron on weekdays": "0 9 * * 1-5",
    "cron every 5 minutes": "*/5 * * * *",
}
# dateutil with a parsed rule, against FOAM with a constructed schedule
ALONE = "dateutil alone"
MIX = 200
# the seconds of one measurement, unless a single call takes longer
SLICE = 0.004


@dataclass
class Comparison:
    """Microseconds per call; each ratio is of one round."""

    rule: str
    years: int
    against: str
    ratio: Spread
    foam: Spread
    foam_next: Spread
    baseline: Spread


Call = Callable[[datetime], object]


def foam(recurrence: str, at: datetime) -> datetime | None:
    return Schedule(starts_at=START, timezone=NAME, recurrence=recurrence).after(at)


def cronsim_next(expression: str, at: datetime) -> datetime:
    return next(CronSim(expression, at.astimezone(BERLIN))).astimezone(UTC)


def daily_by_hand(at: datetime) -> datetime:
    local = at.astimezone(BERLIN)
    due = datetime.combine(local, START.time(), BERLIN)
    if due <= at:
        due = datetime.combine(local + timedelta(days=1), START.time(), BERLIN)
    return due.astimezone(UTC)


def dateutil_next(recurrence: str, at: datetime) -> datetime | None:
    """Return the next wall time; dateutil need not compute the zone."""
    return rrulestr(recurrence, dtstart=START).after(at.replace(tzinfo=None))


def dateutil_parsed(recurrence: str) -> Call:
    rule = rrulestr(recurrence, dtstart=START)
    return lambda at: rule.after(at.replace(tzinfo=None))


def microseconds(call: Call, moments: list[datetime]) -> float:
    """Return the microseconds of a call, over as many moments as fit into SLICE."""
    calls, began = 0, perf_counter()
    while True:
        call(moments[calls % len(moments)])
        calls += 1
        spent = perf_counter() - began
        if spent >= SLICE:
            return spent / calls * 1e6


def contenders(recurrence: str) -> dict[str, Call]:
    if "FREQ" not in recurrence:
        return {"cronsim": partial(cronsim_next, recurrence)}
    by_hand: dict[str, Call] = {"by hand": daily_by_hand} if recurrence == "FREQ=DAILY" else {}
    return {
        "dateutil": partial(dateutil_next, recurrence),
        ALONE: dateutil_parsed(recurrence),
        **by_hand,
    }


def compare(rounds: int, years: tuple[int, ...]) -> list[Comparison]:
    """Compare all contenders, in turns within each round: a busy moment slows all alike."""
    plan = [
        (label, text, year, against, call)
        for label, text in RULES.items()
        for year in years
        for against, call in contenders(text).items()
    ]
    for text in RULES.values():
        foam(text, START.replace(tzinfo=UTC))
    times: dict[int, list[tuple[float, float, float]]] = {place: [] for place in range(len(plan))}
    for _ in range(rounds):
        for place, (_, text, year, _, baseline) in enumerate(plan):
            first = (START + timedelta(days=365.25 * year)).replace(tzinfo=UTC)
            moments = [first + timedelta(hours=7 * turn, minutes=turn) for turn in range(24)]
            whole = microseconds(partial(foam, text), moments)
            schedule = Schedule(starts_at=START, timezone=NAME, recurrence=text)
            alone = microseconds(schedule.after, moments)
            times[place].append((whole, alone, microseconds(baseline, moments)))
    return [
        row(label, year, against, times[place])
        for place, (label, _, year, against, _) in enumerate(plan)
    ]


def row(
    label: str, year: int, against: str, rounds: list[tuple[float, float, float]]
) -> Comparison:
    whole, alone, baseline = (list(values) for values in zip(*rounds, strict=True))
    like = alone if against == ALONE else whole
    ratios = [slow / fast for slow, fast in zip(baseline, like, strict=True)]
    return Comparison(label, year, against, *map(Spread.of, (ratios, whole, alone, baseline)))


def per_second(rounds: int) -> tuple[Spread, Spread]:
    """Return the calls of next-after a second over all rules: with construction, and without."""
    some = Random(1)
    moments = [
        datetime(2027, 1, 1, tzinfo=UTC) + timedelta(minutes=some.randrange(5_000_000))
        for _ in range(MIX)
    ]
    schedules = [
        Schedule(starts_at=START, timezone=NAME, recurrence=text) for text in RULES.values()
    ]
    whole, alone = [], []
    for _ in range(rounds):
        began = perf_counter()
        for text in RULES.values():
            for at in moments:
                foam(text, at)
        middle = perf_counter()
        for schedule in schedules:
            for at in moments:
                schedule.after(at)
        whole.append(len(RULES) * MIX / (middle - began))
        alone.append(len(RULES) * MIX / (perf_counter() - middle))
    return Spread.of(whole), Spread.of(alone)


def slowest(size: int) -> tuple[float, str, int]:
    """Return the most milliseconds of CPU of one construction and next-after of random rules."""
    some = Random(3)
    worst, text, accepted = 0.0, "", 0
    for number in range(size):
        recurrence = random_rules.cron(some) if number % 5 == 0 else random_rules.rule(some)
        try:
            Schedule.validate(starts_at=START, timezone="UTC", recurrence=recurrence)
        except RecurrenceError:
            continue
        accepted += 1
        for year in (2026, 2027, 2036, 2500):
            began = process_time()
            foam(recurrence, datetime(year, 6, 1, tzinfo=UTC))
            spent = (process_time() - began) * 1e3
            if spent > worst:
                worst, text = spent, recurrence
    return worst, text, accepted


def goals(rows: list[Comparison], rate: Spread, slow: tuple[float, str, int]) -> list[Goal]:
    def ratio(name: str, rule: str, years: int, least: float) -> list[Goal]:
        return [
            Goal(name, f"{row.ratio.text(',.0f')} x", row.ratio.middle >= least)
            for row in rows
            if (row.rule, row.years) == (rule, years) and row.against in ("dateutil", "cronsim")
        ]

    worst, text, accepted = slow
    return [
        *ratio("30 x dateutil, daily, one year on", "daily", 1, 30),
        *ratio("30 x dateutil, weekly by day, one year on", "weekly by day", 1, 30),
        *ratio("1,000 x dateutil, hourly, ten years on", "hourly", 10, 1_000),
        *ratio("ahead of cronsim, weekdays", "cron on weekdays", 1, 1),
        *ratio("ahead of cronsim, every 5 minutes", "cron every 5 minutes", 1, 1),
        Goal("40,000 next-after a second, common mix", rate.text(",.0f"), rate.middle >= 40_000),
        Goal(
            "5 ms for the slowest accepted random rule",
            f"{worst:.2f} ms of {accepted:,} rules ({text})",
            worst <= 5,
        ),
    ]


def measure(bench: Bench) -> Part:
    is_full = bench.scale.name == "full"
    rounds = 7 if is_full else 2
    gc.collect()
    gc.disable()
    comparisons = compare(rounds, (1, 10) if is_full else (1,))
    rate, alone = per_second(rounds)
    slow = slowest(4_000 if is_full else 200)
    gc.enable()
    rows: list[list[Cell]] = [
        [row.rule, row.years, row.against, row.ratio, row.foam, row.foam_next, row.baseline]
        for row in comparisons
    ]
    columns = ["", "years on", "against", "times faster", "FOAM, us", "next alone, us", "it, us"]
    return Part(
        "recurrence",
        "The recurrence engine",
        goals=goals(comparisons, rate, slow),
        tables=[Table("The first due instant after a moment", columns, rows)],
        notes=[
            f"Next-after a second over the common mix: {rate.text(',.0f')} constructed, "
            f"{alone.text(',.0f')} alone."
        ],
    )
