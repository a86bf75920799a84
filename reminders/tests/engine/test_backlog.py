"""P8, P5: after an outage what is late goes at a rate, by one decision, behind what is on time."""

from collections import Counter
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from accounts.audit.actor import Actor, acting_as
from accounts.models import pause
from notifications.models import Delivery
from notifications.operations.ledger import Period
from notifications.outbox.round import deliver_due
from notifications.sql import bulk_cursor
from reminders.engine import backlog as overdue
from reminders.engine import firing, tick
from reminders.engine.backlog_forecast import forecast
from reminders.explain.explanation import explain
from reminders.models import Backlog, Heartbeat, Occurrence
from reminders.models.backlog import BURST, LATE
from reminders.reports import ledger

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture(autouse=True)
def small(monkeypatch, settings):
    """A backlog begins with three; one a second has its turn."""
    monkeypatch.setattr(tick, "FIRST", 3)
    settings.FOAM_BACKLOG_RATE = 1


@pytest.fixture
def make_late(make_reminder, now):
    """Return a function that stores reminders due an hour before `now`, a second apart."""

    def make(count, **fields):
        return [
            make_reminder(
                starts_at=(now - HOUR + i * SECOND).replace(tzinfo=None),
                stored_at=now - 2 * HOUR,
                **fields,
            )
            for i in range(count)
        ]

    return make


def drain(now, seconds=60):
    """Tick each second until the backlog has ended; return when that was."""
    for i in range(seconds):
        tick.run(now + i * SECOND)
        if not Backlog.objects.open().exists():
            return now + i * SECOND
    raise AssertionError("The backlog has not ended.")


def statuses():
    return Counter(Occurrence.objects.values_list("status", flat=True))


def test_what_an_outage_left_is_fired_at_the_rate_the_oldest_first(make_late, now):
    late = make_late(4)
    fired = [tick.run(now + i * SECOND) for i in range(6)]
    assert fired == [1, 1, 1, 1, 0, 0]
    assert list(Occurrence.objects.order_by("id").values_list("reminder", flat=True)) == [
        each.pk for each in late
    ]
    assert Backlog.objects.get().ended_at == now + 4 * SECOND


def test_reminder_on_time_goes_before_all_that_is_late(make_late, make_reminder, now):
    make_late(4)
    on_time = make_reminder()
    tick.run(now)
    assert Occurrence.objects.order_by("id").first().reminder == on_time
    assert Occurrence.objects.count() == 2


def test_what_comes_due_while_a_backlog_drains_does_not_wait(make_late, make_reminder, now):
    make_late(6)
    soon = make_reminder(starts_at=(now + 2 * SECOND).replace(tzinfo=None))
    for i in range(3):
        tick.run(now + i * SECOND)
    assert soon.occurrences.get().recorded_at == now + 2 * SECOND


def test_few_late_ones_are_fired_at_once(make_late, now):
    make_late(2)
    assert tick.run(now) == 2
    assert not Backlog.objects.exists()


def test_burst_that_takes_long_is_no_backlog_while_ticks_run(make_late, now):
    make_late(5)
    Heartbeat.objects.create(name="tick", at=now - 20 * SECOND)
    assert tick.run(now) == 5
    assert not Backlog.objects.exists()


def test_without_a_rate_a_tick_takes_all(make_late, now, settings):
    settings.FOAM_BACKLOG_RATE = 0
    make_late(5)
    assert tick.run(now) == 5


def test_late_ones_wait_while_messages_wait_for_a_worker(
    make_late, now, settings, recorder, monkeypatch
):
    monkeypatch.setattr(tick, "QUEUED", 2)
    settings.FOAM_BACKLOG_RATE = 2
    make_late(6)
    assert [tick.run(now + i * SECOND) for i in range(3)] == [2, 0, 0]
    deliver_due(now + 3 * SECOND)
    assert tick.run(now + 3 * SECOND) == 2


def test_backlog_goes_by_each_ones_own_policy(make_late, now):
    for misfire in ("latest", "all", "none"):
        make_late(1, misfire=misfire, recurrence="FREQ=MINUTELY;INTERVAL=20;COUNT=3")
    drain(now)
    assert statuses() == {"pending": 1 + 3, "missed": 2 + 3}


def test_held_ones_wait_until_somebody_decides(make_late, make_reminder, now):
    make_late(4)
    on_time = make_reminder()
    overdue.decide("hold", now)
    assert sum(tick.run(now + i * MINUTE) for i in range(5)) == 1
    assert Occurrence.objects.get().reminder == on_time
    overdue.decide("release", now + 5 * MINUTE, 0)
    assert tick.run(now + 5 * MINUTE) == 4


def test_more_than_the_setting_allows_are_held_by_themselves(make_late, now, settings):
    settings.FOAM_BACKLOG_HOLD_OVER = 4
    make_late(5)
    assert tick.run(now) == 0
    backlog = Backlog.objects.get()
    assert (backlog.decision, backlog.decider) == ("hold", "FOAM itself")


def test_no_more_than_the_setting_allows_go_by_themselves(make_late, now, settings):
    settings.FOAM_BACKLOG_HOLD_OVER = 5
    make_late(5)
    assert tick.run(now) == 1


def test_few_may_be_enough_to_hold(make_late, now, settings):
    settings.FOAM_BACKLOG_HOLD_OVER = 1
    make_late(2)
    assert tick.run(now) == 0


def test_coalesced_reminder_says_the_newest_alone_whatever_its_policy(make_late, now):
    make_late(3, misfire="all", recurrence="FREQ=MINUTELY;INTERVAL=20;COUNT=3")
    overdue.decide("coalesce", now, 0)
    tick.run(now)
    fired = Occurrence.objects.filter(status="pending").order_by("id")
    assert [each.due_at for each in fired] == [
        now - HOUR + i * SECOND + 40 * MINUTE for i in range(3)
    ]
    reasons = set(Occurrence.objects.filter(status="missed").values_list("reason", flat=True))
    backlog = Backlog.objects.get()
    assert reasons == {f"Coalesced with a later one by staff: backlog {backlog.pk}."}


def test_coalesced_reminder_says_nothing_that_its_policy_would_not(make_late, now):
    make_late(3, misfire="none", grace=30 * MINUTE, recurrence="FREQ=MINUTELY;INTERVAL=40;COUNT=3")
    overdue.decide("coalesce", now, 0)
    tick.run(now)
    assert statuses() == {"pending": 3, "missed": 3}
    overdue_by_grace = Occurrence.objects.filter(reason__startswith="Later than the grace")
    assert overdue_by_grace.count() == 3


def test_dropped_ones_are_missed_and_go_on_with_their_next(make_late, now):
    late = make_late(3, misfire="all", recurrence="FREQ=MINUTELY;INTERVAL=50;COUNT=3")
    overdue.decide("drop", now)
    assert tick.run(now) == 0
    assert statuses() == {"missed": 6}
    backlog = Backlog.objects.get()
    assert set(Occurrence.objects.values_list("reason", flat=True)) == {
        f"Dropped by staff: backlog {backlog.pk}."
    }
    late[0].refresh_from_db()
    assert late[0].next_due_at == now - HOUR + 100 * MINUTE


def test_what_comes_due_after_a_drop_was_decided_is_not_dropped(make_late, now):
    late = make_late(3, misfire="all", recurrence="FREQ=MINUTELY;INTERVAL=50;COUNT=3")
    overdue.decide("drop", now)
    assert tick.run(now + HOUR) == 3
    assert statuses() == {"missed": 6, "pending": 3}
    assert all(each.occurrences.count() == 3 for each in late)


def test_ledger_balances_whatever_is_decided(make_late, now):
    for decision in ("release", "coalesce", "drop"):
        make_late(3, misfire="all", recurrence="FREQ=MINUTELY;INTERVAL=20;COUNT=3")
        overdue.decide(decision, now, 0)
        tick.run(now)
    found = ledger.read(Period(), now)
    assert found.balances
    assert found.occurrences.missed == {
        "Coalesced with a later one by staff": 6,
        "Dropped by staff": 9,
    }
    assert (found.occurrences.fired, found.occurrences.overdue) == (9 + 3, 0)


def test_second_outage_adds_to_what_is_held(make_late, make_reminder, now):
    make_late(3)
    overdue.decide("hold", now)
    tick.run(now)
    make_reminder(starts_at=(now + MINUTE).replace(tzinfo=None))
    assert tick.run(now + HOUR) == 0
    assert Backlog.objects.get().due_before == now + HOUR - LATE


def test_second_outage_adds_nothing_to_what_is_dropped(make_late, make_reminder, now):
    make_late(3)
    overdue.decide("drop", now)
    later = make_reminder(starts_at=(now + MINUTE).replace(tzinfo=None))
    assert tick.run(now + HOUR) == 1
    assert later.occurrences.get().status == "pending"


def test_canary_flies_on_while_all_else_is_held(make_late, planted, now):
    make_late(3)
    overdue.decide("hold", now + HOUR)
    assert tick.run(now + HOUR) == 1
    assert tick.run(now + HOUR + MINUTE) == 1


def test_nobody_can_decide_where_nothing_is_late(reminder, now):
    with pytest.raises(ValidationError, match="No reminder is late"):
        overdue.decide("drop", now)
    assert not Backlog.objects.exists()


def test_decision_about_another_backlog_than_was_looked_at_is_refused(make_late, now):
    make_late(3)
    tick.run(now)
    with pytest.raises(ValidationError, match="look again"):
        overdue.decide("drop", now, expected_id=0)
    assert Backlog.objects.get().decision == "release"


@pytest.mark.parametrize(
    ("decision", "rate", "field"), [("burn", None, "decision"), ("release", -1, "rate")]
)
def test_bad_decision_is_refused_and_its_field_named(make_late, now, decision, rate, field):
    make_late(3)
    with pytest.raises(ValidationError) as refusal:
        overdue.decide(decision, now, rate)
    assert field in refusal.value.message_dict


def test_database_has_one_open_backlog_at_most(make_late, now):
    make_late(3)
    tick.run(now)
    found = Backlog.objects.get()
    found.pk = None
    with pytest.raises(IntegrityError, match="reminders_backlog_one_open"):
        found.save(force_insert=True)


def test_database_lets_nobody_drop_who_has_not_decided(make_late, now):
    make_late(3)
    tick.run(now)
    with pytest.raises(IntegrityError, match="reminders_backlog_somebody_decided"):
        Backlog.objects.update(decision="drop")


def test_tick_finds_both_sides_of_a_backlog_by_the_same_index(reminder, now):
    with bulk_cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            f"EXPLAIN {firing.CLAIM}",
            {"now": now, "after": now - LATE, "until": now, "limit": 500},
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Scan using reminders_plan_due" in plan
    assert "Sort" not in plan


@pytest.mark.parametrize(
    ("used", "passed", "share"), [(0, 0.5, 5), (5, 0.5, 0), (5, 1, 5), (0, 60, 10)]
)
def test_share_is_what_the_rate_allows_and_a_second_at_most(now, used, passed, share):
    backlog = Backlog(rate=10, paced_at=now + timedelta(seconds=used / 10))
    assert backlog.share(now + timedelta(seconds=passed))[0] == share
    assert timedelta(seconds=1) == BURST


def test_outlook_says_what_each_decision_would_do(make_late, now):
    for misfire in ("latest", "all", "none"):
        make_late(2, misfire=misfire, recurrence="FREQ=MINUTELY;INTERVAL=20;COUNT=3")
    found = forecast(now)
    assert (found.overdue, found.is_exact) == (6, True)
    assert found.by_misfire == {"all": 2, "latest": 2, "none": 2}
    assert {each.decision: (each.messages, each.missed) for each in found.outcomes} == {
        "release": (2 + 6, 4 + 6),
        "coalesce": (2 + 2, 4 + 4 + 6),
        "drop": (0, 18),
    }
    assert [each.seconds for each in found.outcomes] == [6, 6, None]


@pytest.mark.parametrize("decision", ["release", "coalesce", "drop"])
def test_what_happens_is_what_the_outlook_said(make_late, now, decision):
    for misfire in ("latest", "all", "none"):
        make_late(1, misfire=misfire, recurrence="FREQ=MINUTELY;COUNT=59")
    (said,) = [each for each in forecast(now).outcomes if each.decision == decision]
    overdue.decide(decision, now, 0)
    tick.run(now)
    found = statuses()
    assert (Delivery.objects.count(), found["missed"]) == (said.messages, said.missed)


def test_outlook_of_many_is_estimated_from_a_sample(make_late, now, monkeypatch):
    monkeypatch.setattr("reminders.engine.backlog_forecast.SAMPLE", 10)
    make_late(40)
    found = forecast(now)
    release, _, drop = found.outcomes
    assert (found.overdue, found.is_exact) == (40, False)
    assert 0 < found.looked_at < 40
    assert (release.messages, drop.missed) == (40, 40)
    assert found.basis.startswith("About, from a sample of ")


def test_explain_says_that_it_is_held_and_by_whom(make_late, staff, now):
    late = make_late(3)
    with acting_as(Actor("admin", staff.pk)):
        overdue.decide("hold", now)
    tick.run(now)
    told = explain(late[0], now).conclusion
    assert "it waits in backlog" in told
    assert "until somebody decides: held by grace in the admin." in told


def test_explain_says_how_many_have_their_turn_before(make_late, now):
    late = make_late(5)
    tick.run(now)
    told = explain(late[4], now).conclusion
    assert "it waits for its turn in backlog" in told
    assert "after 3. Late reminders go out by their own policies" in told


def test_explain_says_who_dropped_it(make_late, staff, now):
    late = make_late(3)
    with acting_as(Actor("admin", staff.pk)):
        overdue.decide("drop", now)
    tick.run(now)
    late[0].refresh_from_db()
    told = explain(late[0], now).conclusion
    assert "staff had decided that what was overdue is not sent" in told
    assert "drop, decided by grace in the admin" in told


# After a pause of everything


def test_what_waited_for_a_pause_of_everything_to_end_goes_at_the_rate(make_late, now):
    begun = now - 2 * HOUR
    tick.run(begun)
    pause.begin("everything", begun, until=now)
    for minute in range(0, 120, 10):
        tick.run(begun + minute * MINUTE)
    tick.run(now - SECOND)
    make_late(4)
    fired = [tick.run(now + i * SECOND) for i in range(6)]
    assert fired == [1, 1, 1, 1, 0, 0]
    assert Backlog.objects.get().ended_at is not None


def test_pause_of_everything_for_a_moment_leaves_no_backlog(make_reminder, now):
    tick.run(now - MINUTE)
    pause.begin("everything", now - SECOND, until=now + SECOND)
    for _ in range(4):
        make_reminder()
    tick.run(now)
    assert tick.run(now + SECOND) == 4
    assert not Backlog.objects.exists()


@pytest.mark.usefixtures("planted")
def test_pause_that_ends_within_a_tick_lets_no_late_reminder_past_the_rate(
    make_late, now, monkeypatch
):
    make_late(4)
    state = tick.read_state(now)._replace(is_everything_paused=True)
    monkeypatch.setattr(tick, "read_state", lambda now: state)
    assert tick.run(now) == 1  # the canary


def test_backlog_waits_while_everything_is_paused(make_late, now):
    make_late(4)
    tick.run(now)
    pause.begin("everything", now, until=now + MINUTE)
    assert [tick.run(now + i * SECOND) for i in range(1, 5)] == [0, 0, 0, 0]
    assert tick.run(now + MINUTE) == 1
