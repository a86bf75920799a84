"""P7 and P1 together: whatever rules change when, each wall time fires once, at each lead."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from reminders.recurrence import Fire, Schedule, to_utc
from reminders.schedule import misfire, wall_times
from reminders.tests.engine import tz_rules

update_rules = tz_rules.update_rules

ZONE = "Europe/Berlin"
# Rules that it has before and after: no clock change in November and the first half of December.
RULES = [
    ZONE,
    "Europe/London",
    "Europe/Helsinki",
    "Asia/Kathmandu",
    "America/New_York",
    "Asia/Kolkata",
]
RECURRENCES = [
    "FREQ=DAILY",
    "FREQ=WEEKLY;BYDAY=MO,TU,FR",
    "0 18,19 * * *",
    "0,15 9,10,18 * * *",
    "FREQ=HOURLY",
    "FREQ=HOURLY;INTERVAL=5",
    "FREQ=MINUTELY;INTERVAL=25",
    "FREQ=DAILY;COUNT=9",
]
DAY = timedelta(days=1)
LEADS = [timedelta(0), timedelta(minutes=10), timedelta(hours=1), DAY]
START = datetime(2026, 11, 20, 0, 15)
BEGIN = datetime(2026, 11, 21, tzinfo=UTC)
END = BEGIN + timedelta(days=14)


class Told:
    """A reminder without a database: its plan, and what has fired, by wall time and lead."""

    def __init__(self, begin=BEGIN, **fields):
        self.fields = fields
        self.fired = Counter()
        self.instants = set()
        self.plan = self.schedule.next_fire(begin)
        self.walls = wall_times.due_wall_times(self.schedule, self.plan)

    @property
    def schedule(self):
        return Schedule(timezone=ZONE, **self.fields)

    def tick(self, now):
        while self.plan and self.plan.fire_at <= now:
            own = self.walls[self.schedule.leads.index(self.plan.lead)]
            self.fired[own, self.plan.lead] += 1
            self.instants.add((self.plan.due_at, self.plan.lead))
            resumed = wall_times.ResumedSchedule(self.schedule, self.plan, self.walls)
            decided = misfire.plan(resumed, self.plan, self.plan.fire_at, "all", timedelta(0))
            assert decided.fires[0] == self.plan
            self.plan = resumed.next_fire(self.plan.fire_at, self.plan.lead)
            self.walls = self.plan and resumed.wall_times(self.plan)

    def replan(self, now):
        if self.plan:
            self.plan, self.walls = wall_times.relocate(self.schedule, self.plan, self.walls, now)


def check(told, first, last):
    """Hold what fired against each wall time at each lead, from the rule alone."""
    on_the_wall = Schedule(timezone="UTC", **told.fields)
    for due_at in on_the_wall.upcoming(first, 2000):
        wall = due_at.replace(tzinfo=None)
        for lead in on_the_wall.leads if due_at < last else ():
            # An instant at which another wall time fired, by the old rules, fires no second time.
            is_taken = (*to_utc(wall, ZONE), lead) in told.instants
            assert told.fired[wall, lead] == 1 or (is_taken and not told.fired[wall, lead])


@pytest.mark.parametrize("replans", [True, False])
@pytest.mark.parametrize("seed", range(100))
def test_each_wall_time_fires_once_at_each_lead_whatever_rules_change(update_rules, seed, replans):
    chance = random.Random(seed)
    old, new = chance.sample(RULES, 2)
    leads = chance.sample(LEADS, chance.randint(1, 4))
    update_rules(ZONE, old)
    told = Told(starts_at=START, recurrence=chance.choice(RECURRENCES), leads=leads)
    updated_at = BEGIN + timedelta(minutes=chance.randint(6000, 8000))
    told.tick(updated_at)
    update_rules(ZONE, new)
    if replans:
        told.replan(updated_at)
    told.tick(END + DAY)
    check(told, BEGIN + 3 * DAY, END - 3 * DAY)


@pytest.mark.parametrize("seed", range(150))
def test_rules_that_change_only_from_some_day_on_move_only_what_comes_after(update_rules, seed):
    """Summer time comes or does not, back and forth: a lead days ahead moves, the next does not."""
    chance = random.Random(seed)
    change = datetime(2027, 3, 28, 1, tzinfo=UTC)
    rules = [ZONE, "Africa/Algiers"]
    chance.shuffle(rules)
    update_rules(ZONE, rules[0])
    told = Told(
        starts_at=datetime(2026, 11, 20, 18),
        recurrence=chance.choice(["FREQ=DAILY", "0,15,45 18,19 * * *", "0 9,10,18 * * *"]),
        leads=chance.sample([*LEADS, 2 * DAY, 2 * DAY + timedelta(minutes=40)], 4),
        begin=change - 10 * DAY,
    )
    at = change - DAY * chance.randint(1, 3) + timedelta(hours=chance.randint(6, 20))
    for step in range(4):
        at += timedelta(minutes=chance.randint(1, 90))
        told.tick(at)
        update_rules(ZONE, rules[(step + 1) % 2])
        told.replan(at)
    told.tick(change + 10 * DAY)
    check(told, change - 6 * DAY, change + 6 * DAY)


@pytest.mark.parametrize("seed", range(60))
def test_relocated_and_resumed_are_the_schedule_itself_under_the_same_rules(seed):
    """Around both clock changes, for all choices of gap and fold."""
    chance = random.Random(seed)
    schedule = Schedule(
        starts_at=datetime(2026, 1, 1, 0, 15),
        timezone=chance.choice([ZONE, "Australia/Lord_Howe", "America/New_York"]),
        recurrence=chance.choice([*RECURRENCES[:-1], "*/20 * * * *", "30 1-3 * * *"]),
        gap=chance.choice(["after", "before", "skip"]),
        fold=chance.choice(["first", "second", "both"]),
        leads=chance.sample(LEADS, chance.randint(1, 4)),
    )
    begin = datetime(2027, chance.choice([3, 4, 10, 11]), 1, tzinfo=UTC)
    fire: Fire = schedule.next_fire(begin)
    for _ in range(300):
        kept = wall_times.due_wall_times(schedule, fire)
        following = schedule.next_fire(fire.fire_at, fire.lead)
        now = fire.fire_at - timedelta(seconds=1)
        assert wall_times.relocate(schedule, fire, kept, now) == (fire, kept)
        resumed = wall_times.ResumedSchedule(schedule, fire, kept)
        assert resumed.next_fire(fire.fire_at, fire.lead) == following
        fire = following
