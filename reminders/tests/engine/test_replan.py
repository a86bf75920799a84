"""P7: 18:00 in Berlin stays 18:00 in Berlin when tz rules change. P1: and fires once."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.timezones import tzdata_version
from reminders.engine import replan, tick
from reminders.management.commands import replan as command
from reminders.models import Occurrence, Plan, Reminder
from reminders.recurrence import local_time
from reminders.tests.engine import tz_rules

update_rules = tz_rules.update_rules
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken", "update_rules")]

BERLIN = "Europe/Berlin"
# Rules that Berlin gets: its clock an hour back (instants later), or forward (instants earlier).
BACK, FORWARD = "Europe/London", "Europe/Helsinki"
# Berlin's winter time all year: differs from Berlin in summer only.
NO_SUMMER = "Africa/Algiers"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)


@pytest.fixture
def berlin(make_reminder, now):
    """Return a function that stores a reminder at 18:00 in Berlin, daily, first due at `now`."""

    def make(**fields):
        given = {"starts_at": datetime(2026, 11, 23, 18), "timezone": BERLIN}
        return make_reminder(**{**given, "recurrence": "FREQ=DAILY", **fields})

    return make


def replan_all(now):
    ids = [move.reminder_id for move in replan.find_moves(now).moves]
    return replan.apply(ids, now)


def next_fire(reminder):
    reminder.refresh_from_db()
    return reminder.next_due_at, reminder.next_lead


def next_due(reminder):
    return next_fire(reminder)[0]


def fired():
    return list(Occurrence.objects.order_by("due_at").values_list("due_at", flat=True))


@pytest.mark.parametrize(("like", "shift"), [(BACK, HOUR), (FORWARD, -HOUR)])
def test_future_instant_follows_the_wall_clock(berlin, now, update_rules, like, shift):
    reminder = berlin()
    update_rules(BERLIN, like)
    replan_all(now - 2 * HOUR)
    assert next_due(reminder) == now + shift
    assert reminder.next_fire_at == now + shift
    assert local_time(reminder.next_due_at, BERLIN) == datetime(2026, 11, 23, 18)


@pytest.mark.parametrize(
    "schedule",
    [
        {"recurrence": ""},
        {"recurrence": "FREQ=MINUTELY"},
        {"recurrence": "FREQ=HOURLY;INTERVAL=5;COUNT=9000"},
        {"recurrence": "*/7 * * * *"},
        {"recurrence": "30 1-3 * * *", "leads": [timedelta(0), HOUR, DAY, WEEK]},
        {"recurrence": "30 2 * * *", "fold": "both", "leads": [timedelta(minutes=45)]},
        {"recurrence": "30 2 * * *", "fold": "second", "gap": "skip"},
        {"recurrence": "30 2 * * *", "gap": "before", "leads": [timedelta(0), HOUR]},
        {"recurrence": "FREQ=HOURLY", "rdates": [datetime(2027, 10, 31, 2, 15)]},
    ],
)
@pytest.mark.parametrize(
    "change", [datetime(2027, 3, 28, 1, tzinfo=UTC), datetime(2027, 10, 31, 1, tzinfo=UTC)]
)
def test_same_rules_change_nothing(berlin, schedule, change):
    begin = change - HOUR - timedelta(minutes=1)
    reminder = berlin(
        starts_at=local_time(change, BERLIN) + DAY
        if schedule["recurrence"] == ""
        else datetime(2026, 11, 23, 18),
        stored_at=begin,
        **schedule,
    )
    for step in range(36):
        at = begin + step * timedelta(minutes=5)
        tick.run(at)
        assert replan.find_moves(at).moves == []
    assert Reminder.objects.get().pk == reminder.pk


def test_look_changes_nothing(berlin, now, update_rules):
    reminder = berlin()
    update_rules(BERLIN, BACK)
    (move,) = replan.find_moves(now - HOUR).moves
    assert (move.old.due_at, move.new.due_at) == (now, now + HOUR)
    assert next_due(reminder) == now


def test_replan_is_no_edit(berlin, now, update_rules):
    reminder = berlin()
    before = Reminder.objects.values("version", "updated_at").get()
    update_rules(BERLIN, BACK)
    assert replan_all(now - HOUR).moves != []
    assert Reminder.objects.values("version", "updated_at").get() == before
    assert next_due(reminder) == now + HOUR


def test_second_replan_finds_nothing(berlin, now, update_rules):
    berlin(leads=[timedelta(0), DAY, WEEK])
    update_rules(BERLIN, FORWARD)
    replan_all(now - 3 * HOUR)
    assert replan.find_moves(now - 3 * HOUR).moves == []


def test_rules_that_return_bring_the_old_plan_back(berlin, now, update_rules):
    reminder = berlin(leads=[timedelta(0), DAY, WEEK])
    before = next_fire(reminder)
    for like in (FORWARD, BERLIN):
        update_rules(BERLIN, like)
        replan_all(now - 3 * HOUR)
    assert next_fire(reminder) == before


def test_past_occurrences_never_move(berlin, now, update_rules):
    berlin()
    tick.run(now)
    update_rules(BERLIN, BACK)
    replan_all(now + HOUR)
    assert fired() == [now]


def test_wall_time_that_fired_does_not_fire_again_an_hour_later(berlin, now, update_rules):
    reminder = berlin()
    tick.run(now)
    update_rules(BERLIN, BACK)
    replan_all(now + HOUR / 2)
    assert tick.run(now + HOUR) == 0
    assert next_due(reminder) == now + DAY + HOUR


def test_tick_by_new_rules_goes_on_after_the_wall_time_of_the_old_plan(berlin, now, update_rules):
    """Whoever forgets to replan: nothing fires twice on the wall clock either."""
    reminder = berlin()
    update_rules(BERLIN, BACK)
    assert tick.run(now) == 1
    assert next_due(reminder) == now + DAY + HOUR


def test_tick_after_an_outage_goes_on_by_the_wall_clock(berlin, now, update_rules):
    reminder = berlin(misfire="all")
    update_rules(BERLIN, BACK)
    assert tick.run(now + DAY + 2 * HOUR) == 2
    assert fired() == [now, now + DAY + HOUR]
    assert next_due(reminder) == now + 2 * DAY + HOUR


def test_wall_time_that_did_not_fire_is_not_left_out(berlin, now, update_rules):
    """18:00 and 19:00, the clock an hour ahead: where 18:00 was planned, 19:00 is now."""
    reminder = berlin(recurrence="0 18,19 * * *")
    update_rules(BERLIN, FORWARD)
    replan_all(now - 2 * HOUR)
    assert next_due(reminder) == now - HOUR
    assert [tick.run(now - HOUR), tick.run(now)] == [1, 1]
    assert fired() == [now - HOUR, now]


def test_wall_time_in_the_place_of_another_does_not_fire_again(berlin, now, update_rules):
    """18:00 and 19:00, the clock an hour back: where 19:00 was planned, 18:00 comes again."""
    reminder = berlin(recurrence="0 18,19 * * *")
    tick.run(now)
    update_rules(BERLIN, BACK)
    replan_all(now + HOUR / 2)
    assert tick.run(now + HOUR) == 0
    assert next_due(reminder) == now + 2 * HOUR


@pytest.mark.parametrize("like", [BACK, FORWARD])
def test_count_is_kept(berlin, now, update_rules, like):
    reminder = berlin(recurrence="FREQ=DAILY;COUNT=3")
    tick.run(now)
    update_rules(BERLIN, like)
    replan_all(now + HOUR / 2)
    for days in (1, 2, 3):
        tick.run(now + days * DAY + HOUR)
    reminder.refresh_from_db()
    assert (len(fired()), reminder.status) == (3, "finished")


def test_lead_that_has_spoken_does_not_speak_again(berlin, now, update_rules):
    reminder = berlin(leads=[timedelta(0), HOUR], stored_at=now - 2 * HOUR)
    tick.run(now - HOUR)
    update_rules(BERLIN, BACK)
    replan_all(now - HOUR / 2)
    assert next_fire(reminder) == (now + HOUR, timedelta(0))


@pytest.fixture
def friday(berlin):
    """On 26 March 2027, two days before summer time; the next is in summer. 18:00 is 17:00 UTC."""
    due_at = datetime(2027, 3, 26, 17, tzinfo=UTC)

    def make():
        return berlin(
            starts_at=datetime(2027, 3, 26, 18),
            recurrence="FREQ=WEEKLY",
            leads=[timedelta(0), WEEK],
            stored_at=due_at - 3 * HOUR,
        )

    return make, due_at


def test_lead_of_a_later_occurrence_that_alone_moved_does_not_speak_again(friday, update_rules):
    """A week ahead of 2 April was spoken at 17:00 already; without summer time that is 18:00."""
    make, due_at = friday
    reminder = make()
    tick.run(due_at - HOUR)
    assert fired() == [due_at + WEEK - HOUR]
    update_rules(BERLIN, NO_SUMMER)
    replan_all(due_at - HOUR / 2)
    assert next_fire(reminder) == (due_at, timedelta(0))
    assert tick.run(due_at) == 1
    assert next_fire(reminder) == (due_at + WEEK, timedelta(0))


def test_lead_of_a_later_occurrence_that_alone_moved_is_not_left_out(friday, update_rules):
    make, due_at = friday
    update_rules(BERLIN, NO_SUMMER)
    reminder = make()
    assert next_fire(reminder) == (due_at, timedelta(0))
    update_rules(BERLIN, BERLIN)
    replan_all(due_at - 2 * HOUR)
    assert next_fire(reminder) == (due_at + WEEK - HOUR, WEEK)
    assert [tick.run(due_at - HOUR), tick.run(due_at)] == [1, 1]
    assert next_fire(reminder) == (due_at + WEEK - HOUR, timedelta(0))


def test_instant_that_becomes_earlier_than_now_is_due_and_fires_late(berlin, now, update_rules):
    reminder = berlin()
    update_rules(BERLIN, FORWARD)
    replan_all(now - HOUR / 2)
    assert next_due(reminder) == now - HOUR
    assert tick.run(now - HOUR / 2) == 1
    assert next_due(reminder) == now + DAY - HOUR


def test_instant_that_becomes_earlier_than_now_follows_the_misfire_policy(
    berlin, now, update_rules
):
    berlin(misfire="none")
    update_rules(BERLIN, FORWARD)
    replan_all(now - HOUR / 2)
    assert tick.run(now - HOUR / 2) == 0
    occurrence = Occurrence.objects.get()
    assert (occurrence.status, occurrence.due_at) == ("missed", now - HOUR)


def test_due_reminder_is_left_to_the_tick(berlin, now, update_rules):
    reminder = berlin()
    update_rules(BERLIN, BACK)
    assert replan.find_moves(now).checked == 0
    assert replan.apply([reminder.pk], now).moves == []
    assert next_due(reminder) == now


def test_paused_and_finished_are_not_looked_at(berlin, now, update_rules):
    paused, closed = berlin(), berlin()
    paused.pause(now - HOUR)
    closed.close(now - HOUR)
    update_rules(BERLIN, BACK)
    assert replan.find_moves(now - HOUR).checked == 0


def test_reminder_paused_after_the_look_stays_paused(berlin, now, update_rules):
    reminder = berlin()
    update_rules(BERLIN, BACK)
    (move,) = replan.find_moves(now - HOUR).moves
    reminder.pause(now - HOUR)
    assert replan.apply([move.reminder_id], now - HOUR).moves == []
    reminder.refresh_from_db()
    assert (reminder.status, reminder.next_due_at) == ("paused", None)


def test_reminder_with_nothing_left_is_finished(berlin, now, update_rules):
    update_rules(BERLIN, NO_SUMMER)
    reminder = berlin(starts_at=datetime(2027, 3, 28, 2, 30), recurrence="", gap="skip")
    update_rules(BERLIN, BERLIN)
    (move,) = replan_all(now).moves
    assert move.new is None
    reminder.refresh_from_db()
    assert (reminder.status, reminder.next_walls) == ("finished", None)


@pytest.mark.parametrize(
    ("gap", "due_at"),
    [
        ("after", datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),
        ("before", datetime(2027, 3, 28, 0, 30, tzinfo=UTC)),
        ("skip", datetime(2027, 3, 29, 0, 30, tzinfo=UTC)),
    ],
)
def test_wall_time_that_a_new_gap_skips_follows_its_choice(berlin, update_rules, gap, due_at):
    update_rules(BERLIN, NO_SUMMER)
    before = datetime(2027, 3, 27, 12, tzinfo=UTC)
    reminder = berlin(recurrence="30 2 * * *", gap=gap, stored_at=before)
    update_rules(BERLIN, BERLIN)
    replan_all(before)
    assert next_due(reminder) == due_at


def test_wall_time_moved_by_a_gap_returns_when_the_gap_goes(berlin, update_rules):
    before = datetime(2027, 3, 27, 12, tzinfo=UTC)
    reminder = berlin(recurrence="30 2 * * *", gap="before", stored_at=before)
    assert next_due(reminder) == datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
    update_rules(BERLIN, NO_SUMMER)
    replan_all(before)
    assert next_due(reminder) == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(("fold", "hour"), [("first", 0), ("second", 1), ("both", 0)])
def test_wall_time_that_a_new_fold_repeats_follows_its_choice(berlin, update_rules, fold, hour):
    before = datetime(2027, 10, 30, 12, tzinfo=UTC)
    update_rules(BERLIN, NO_SUMMER)
    reminder = berlin(recurrence="30 2 * * *", fold=fold, stored_at=before)
    update_rules(BERLIN, BERLIN)
    replan_all(before)
    assert next_due(reminder) == datetime(2027, 10, 31, hour, 30, tzinfo=UTC)


@pytest.mark.parametrize("like", [BACK, FORWARD])
def test_cron_at_real_pace_keeps_it(berlin, now, update_rules, like):
    reminder = berlin(recurrence="*/10 * * * *", starts_at=datetime(2026, 11, 1))
    tick.run(now)
    update_rules(BERLIN, like)
    replan_all(now + timedelta(minutes=5))
    assert next_due(reminder) == now + timedelta(minutes=10)


def test_hourly_rule_goes_by_the_wall_clock(berlin, now, update_rules):
    """As in a fold: the hour that comes again does not fire again."""
    reminder = berlin(recurrence="FREQ=HOURLY")
    tick.run(now)
    update_rules(BERLIN, BACK)
    replan_all(now + HOUR / 2)
    assert next_due(reminder) == now + 2 * HOUR


def test_reminder_set_aside_is_tried_again(berlin, now):
    reminder = berlin()
    Reminder.objects.update(timezone="Europe/Nowhere")
    tick.run(now)
    Reminder.objects.update(timezone=BERLIN)
    (move,) = replan_all(now + timedelta(minutes=1)).moves
    assert move.is_retry
    assert tick.run(now + timedelta(minutes=1)) == 1
    assert fired() == [now]
    reminder.refresh_from_db()
    assert reminder.error == ""


def test_reminder_that_cannot_be_read_is_named_and_the_rest_moves(berlin, now, update_rules):
    bad, good = berlin(), berlin()
    Reminder.objects.filter(pk=bad.pk).update(timezone="Europe/Nowhere")
    update_rules(BERLIN, BACK)
    found = replan.find_moves(now - HOUR)
    assert [row.reminder_id for row in found.unreadable] == [bad.pk]
    assert "Europe/Nowhere" in found.unreadable[0].error
    replan_all(now - HOUR)
    assert (next_due(bad), next_due(good)) == (now, now + HOUR)


def test_plan_without_wall_times_is_taken_as_it_stands(berlin, now):
    berlin()
    Plan.objects.update(next_walls=None)
    assert replan.find_moves(now - HOUR).moves == []


def test_look_goes_through_all_in_parts(berlin, now, update_rules):
    made = [berlin().pk for _ in range(5)]
    update_rules(BERLIN, BACK)
    seen, batch = [], replan.find_moves(now - HOUR, limit=2)
    while batch.checked:
        seen += [move.reminder_id for move in batch.moves]
        batch = replan.find_moves(now - HOUR, batch.last_id, limit=2)
    assert seen == made


# The command


@pytest.fixture
def at(monkeypatch, now):
    """The command's clock stands an hour before `now`."""
    monkeypatch.setattr(timezone, "now", lambda: now - HOUR)


def run(*args):
    out = StringIO()
    call_command("replan", *args, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_command_lists_what_changes_and_applies_it(berlin, now, update_rules, at):
    reminder = berlin()
    update_rules(BERLIN, BACK)
    told = run()
    assert "2026-11-23T17:00:00Z -> 2026-11-23T18:00:00Z  2026-11-23 18:00 Europe/Berlin" in told
    assert "ada" in told
    assert f"1 looked at, 1 of 1 changed, 0 cannot be read (tzdata {tzdata_version()})." in told
    assert next_due(reminder) == now + HOUR


def test_dry_run_lists_and_changes_nothing(berlin, now, update_rules, at):
    reminder = berlin()
    update_rules(BERLIN, BACK)
    assert "1 looked at, 1 would change" in run("--dry-run")
    assert next_due(reminder) == now


def test_command_writes_json_lines(berlin, update_rules, at):
    reminder, bad = berlin(), berlin()
    Reminder.objects.filter(pk=bad.pk).update(timezone="Europe/Nowhere")
    update_rules(BERLIN, BACK)
    lines = [json.loads(line) for line in run("--json").splitlines()]
    assert lines[0] == {
        "id": reminder.pk,
        "owner": "ada",
        "title": "Stand-up",
        "timezone": BERLIN,
        "old_due_at": "2026-11-23T17:00:00Z",
        "new_due_at": "2026-11-23T18:00:00Z",
        "local": "2026-11-23T18:00:00",
        "lead_seconds": 0,
        "tried_again": False,
    }
    assert (lines[1]["id"], lines[1]["timezone"]) == (bad.pk, "Europe/Nowhere")
    assert lines[2]["summary"] == {
        "tzdata": tzdata_version(),
        "looked_at": 2,
        "differ": 1,
        "changed": 1,
        "unreadable": 1,
        "dry_run": False,
    }


@pytest.mark.usefixtures("at")
@pytest.mark.parametrize(("answer", "shift"), [("y", HOUR), ("", timedelta(0))])
def test_command_asks_on_a_terminal(berlin, update_rules, monkeypatch, answer, shift):
    reminder = berlin()
    planned = reminder.next_due_at
    update_rules(BERLIN, BACK)
    out = StringIO()
    out.isatty = lambda: True
    monkeypatch.setattr(command.sys, "stdin", out)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    call_command("replan", "--no-color", stdout=out, stderr=StringIO())
    assert next_due(reminder) == planned + shift
