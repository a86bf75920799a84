"""P8: what came due while nobody ticked is each reminder's own choice."""

from datetime import UTC, datetime, timedelta

import pytest

from reminders.recurrence import Fire, Schedule
from reminders.schedule.misfire import PLAN_LIMIT, SUPERSEDED, TOO_LATE, due_until, plan

T0 = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTELY = Schedule(starts_at=datetime(2026, 11, 1), timezone="UTC", recurrence="FREQ=MINUTELY")
ONCE = Schedule(starts_at=T0.replace(tzinfo=None), timezone="UTC")


def fire(minute, lead=timedelta(0)):
    due_at = T0 + timedelta(minutes=minute)
    return Fire(fire_at=due_at - lead, due_at=due_at, lead=lead)


def plan_at(late, misfire, *, schedule=MINUTELY, grace=timedelta(minutes=2)):
    return plan(schedule, fire(0), T0 + late, misfire, grace)


@pytest.mark.parametrize("misfire", ["latest", "all", "none"])
def test_punctual_tick_fires_the_one_that_is_due(misfire):
    planned = plan_at(timedelta(seconds=1), misfire)
    assert (planned.fires, planned.missed, planned.next) == ([fire(0)], [], fire(1))


def test_latest_fires_the_newest_and_misses_the_older():
    planned = plan_at(timedelta(minutes=3, seconds=1), "latest")
    assert planned.fires == [fire(3)]
    assert planned.missed == [(fire(n), SUPERSEDED) for n in range(3)]
    assert planned.next == fire(4)


HOURLY_TOLD_EARLY = Schedule(
    starts_at=datetime(2026, 11, 1),
    timezone="UTC",
    recurrence="FREQ=HOURLY",
    leads=[timedelta(0), timedelta(hours=1)],
)


def test_latest_fires_all_that_speak_at_one_instant():
    planned = plan(HOURLY_TOLD_EARLY, fire(0), T0, "latest", timedelta(minutes=2))
    assert planned.fires == [fire(0), fire(60, timedelta(hours=1))]
    assert planned.missed == []


def test_latest_misses_all_of_an_older_instant():
    planned = plan(HOURLY_TOLD_EARLY, fire(0), T0 + timedelta(hours=1), "latest", timedelta(0))
    assert planned.fires == [fire(60), fire(120, timedelta(hours=1))]
    assert [missed for missed, _ in planned.missed] == [fire(0), fire(60, timedelta(hours=1))]


def test_part_of_a_long_outage_ends_between_two_instants():
    outage = timedelta(hours=3 * PLAN_LIMIT)
    due, following = due_until(HOURLY_TOLD_EARLY, fire(0), T0 + outage, PLAN_LIMIT + 1)
    assert due[-1].fire_at < following.fire_at


def test_all_fires_each():
    planned = plan_at(timedelta(minutes=3), "all")
    assert planned.fires == [fire(n) for n in range(4)]
    assert planned.missed == []


def test_none_misses_what_is_later_than_its_grace():
    planned = plan_at(timedelta(minutes=4), "none")
    assert planned.missed == [(fire(0), TOO_LATE), (fire(1), TOO_LATE)]
    assert planned.fires == [fire(2), fire(3), fire(4)]


@pytest.mark.parametrize(
    ("late", "fires"),
    [(timedelta(minutes=2), 1), (timedelta(minutes=2, microseconds=1), 0)],
    ids=["at the edge", "just over it"],
)
def test_grace_includes_its_edge(late, fires):
    assert len(plan_at(late, "none", schedule=ONCE).fires) == fires


def test_once_has_nothing_next():
    assert plan_at(timedelta(hours=5), "latest", schedule=ONCE).next is None


def test_long_outage_is_planned_a_bounded_part_at_a_time():
    outage = timedelta(minutes=PLAN_LIMIT + 10)
    planned = plan_at(outage, "latest")
    assert (planned.fires, len(planned.missed)) == ([], PLAN_LIMIT)
    assert planned.next == fire(PLAN_LIMIT)


@pytest.mark.parametrize("misfire", ["latest", "all", "none"])
@pytest.mark.parametrize("minutes", [0, 1, 7, PLAN_LIMIT - 1, PLAN_LIMIT, 3 * PLAN_LIMIT + 5])
def test_parts_add_up_to_every_minute_once(misfire, minutes):
    now = T0 + timedelta(minutes=minutes)
    first, seen, fired = fire(0), [], []
    while first.fire_at <= now:
        planned = plan(MINUTELY, first, now, misfire, timedelta(minutes=2))
        seen += [f for f, _ in planned.missed] + planned.fires
        fired += planned.fires
        first = planned.next
    assert sorted(f.due_at for f in seen) == [fire(n).due_at for n in range(minutes + 1)]
    expected = {"latest": 1, "all": minutes + 1, "none": min(minutes + 1, 3)}
    assert len(fired) == expected[misfire]
    assert fired[-1] == fire(minutes)
