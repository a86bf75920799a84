"""What is paused does not fire, and goes on by itself when the time has come."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Pause
from accounts.models import pause as pauses
from notifications.models import Channel, Delivery
from notifications.sql import bulk_cursor
from reminders.actions import responses
from reminders.engine import firing, tick
from reminders.engine import pauses as pausing
from reminders.explain.explanation import explain
from reminders.explain.verdicts import Verdict
from reminders.models import Occurrence, Reminder
from reminders.models import change as history
from reminders.schedule.misfire import Missed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def daily(make_reminder):
    """A reminder that is due each day at 17:00, the first time at `now`."""
    return make_reminder(recurrence="FREQ=DAILY", tags=["team", "home"])


def recorded():
    rows = Occurrence.objects.order_by("due_at")
    return [(each.due_at, each.status, each.reason) for each in rows]


def missed(at):
    return (at, "missed", Missed.SILENCED)


# One reminder


def test_tick_resumes_when_the_pause_is_over(daily, now):
    daily.pause(now - MINUTE, now + HOUR)
    tick.run(now)
    assert recorded() == []
    tick.run(now + HOUR - SECOND)
    daily.refresh_from_db()
    assert daily.status == "paused"
    tick.run(now + HOUR)
    daily.refresh_from_db()
    assert (daily.status, daily.paused_until, daily.next_due_at) == ("active", None, now + DAY)


def test_what_is_due_when_the_pause_ends_fires_however_late_the_tick_is(daily, now):
    daily.pause(now - HOUR, now + DAY)
    tick.run(now + DAY + 3 * MINUTE)
    assert recorded() == [(now + DAY, "pending", "")]


def test_what_falls_into_the_pause_does_not_fire_when_nobody_ticks_meanwhile(daily, now):
    daily.pause(now - HOUR, now + HOUR)
    tick.run(now + 2 * DAY)
    assert recorded()[0][0] == now + DAY


def test_pausing_what_is_paused_gives_it_another_end(daily, now):
    daily.pause(now - HOUR, now + HOUR)
    version = daily.version
    daily.pause(now - HOUR, now + HOUR)
    assert daily.version == version
    daily.pause(now - HOUR, now + 2 * HOUR)
    assert (daily.version, daily.paused_until) == (version + 1, now + 2 * HOUR)
    daily.pause(now - HOUR)
    tick.run(now + DAY)
    assert recorded() == []
    assert [change.detail for change in daily.changes.filter(verb="paused")] == [
        "until 2026-11-23T18:00:00Z",
        "until 2026-11-23T19:00:00Z",
        "",
    ]


@pytest.mark.parametrize("ahead", [-SECOND, timedelta(0), timedelta(days=732)])
def test_end_of_a_pause_lies_ahead_and_not_too_far(daily, now, ahead):
    with pytest.raises(ValidationError) as refused:
        daily.pause(now, now + ahead)
    assert list(refused.value.message_dict) == ["until"]
    daily.refresh_from_db()
    assert daily.status == "active"


def test_what_is_finished_cannot_be_paused(reminder, now):
    tick.run(now)
    reminder.pause(now, now + HOUR)
    assert (reminder.status, reminder.paused_until) == ("finished", None)


def test_resume_by_hand_forgets_the_end(daily, now):
    daily.pause(now - HOUR, now + DAY)
    daily.resume(now - MINUTE)
    assert (daily.paused_until, daily.next_due_at) == (None, now)


def test_deleting_what_is_paused_leaves_nothing_to_resume(daily, now):
    daily.pause(now - HOUR, now + HOUR)
    daily.close(now)
    tick.run(now + 2 * HOUR)
    daily.refresh_from_db()
    assert (daily.status, daily.paused_until) == ("finished", None)


def test_edit_of_what_is_paused_leaves_its_end(daily, now):
    daily.pause(now - HOUR, now + HOUR)
    daily.starts_at += HOUR
    daily.store(now - MINUTE)
    tick.run(now + HOUR)
    assert recorded() == [(now + HOUR, "pending", "")]


def test_what_is_snoozed_speaks_again_when_its_reminder_goes_on(daily, now):
    tick.run(now)
    responses.snooze(Occurrence.objects.get(), now + HOUR, now)
    daily.refresh_from_db()
    daily.pause(now, now + 2 * HOUR)
    tick.run(now + HOUR)
    assert Delivery.objects.count() == 1
    tick.run(now + 2 * HOUR)
    assert Delivery.objects.count() == 2


def test_one_that_cannot_be_resumed_stops_nobody(make_reminder, now, caplog):
    broken, other = (make_reminder(recurrence="FREQ=DAILY") for _ in range(2))
    for each in (broken, other):
        each.pause(now - HOUR, now + HOUR)
    Reminder.objects.filter(pk=broken.pk).update(recurrence="FREQ=NEVER")
    tick.run(now + HOUR)
    broken.refresh_from_db()
    other.refresh_from_db()
    assert (other.status, broken.status) == ("active", "paused")
    assert broken.paused_until == now + HOUR + pausing.SET_ASIDE
    assert "RecurrenceError" in broken.error


@pytest.mark.usefixtures("unknown")
def test_idle_tick_looks_for_ends_by_an_index_that_is_empty_as_a_rule(daily, now):
    with bulk_cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {tick.TICK_STATE}", {"now": now, "limit": 10, "paused_since": ""})
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "reminders_plan_resume" in plan
    assert "accounts_pause_one_of_everything" in plan
    assert "Sort" not in plan


# A tag, or all of a user


@pytest.mark.parametrize("tag", ["team", ""])
def test_what_a_pause_covers_is_missed_and_goes_on_with_its_next(daily, user, now, tag):
    pauses.begin("tag" if tag else "user", now - HOUR, owner=user, tag=tag, until=now + HOUR)
    tick.run(now)
    daily.refresh_from_db()
    assert recorded() == [missed(now)]
    assert daily.next_due_at == now + DAY
    assert not Delivery.objects.exists()
    tick.run(now + DAY)
    assert recorded()[1:] == [(now + DAY, "pending", "")]


def test_pause_covers_nobody_else_and_no_other_tag(daily, make_reminder, user, stranger, now):
    inbox = Channel.objects.inbox_of(stranger)
    make_reminder(owner=stranger, channels=[inbox], tags=["team"])
    make_reminder(tags=["teams"])
    pauses.begin("tag", now - HOUR, owner=user, tag="team")
    tick.run(now)
    assert sorted(status for _, status, _ in recorded()) == ["missed", "pending", "pending"]


def test_pause_covers_what_was_due_before_it_and_has_not_fired(daily, user, now):
    pauses.begin("user", now + MINUTE, owner=user)
    tick.run(now + 2 * MINUTE)
    assert recorded() == [missed(now)]


def test_what_fell_into_a_pause_does_not_fire_when_the_tick_is_later(daily, user, now):
    pauses.begin("user", now - HOUR, owner=user, until=now + SECOND)
    tick.run(now + MINUTE)
    assert recorded() == [missed(now)]


def test_what_is_due_when_a_pause_ends_fires(daily, user, now):
    pauses.begin("user", now - HOUR, owner=user, until=now)
    tick.run(now)
    assert recorded() == [(now, "pending", "")]


def test_pause_that_somebody_ends_is_over_at_once(daily, user, now):
    pause, _ = pauses.begin("user", now - HOUR, owner=user)
    pause.end(now - SECOND)
    tick.run(now)
    assert recorded() == [(now, "pending", "")]


def test_no_backlog_piles_up_and_nobody_is_told_of_what_was_paused(make_reminder, user, now):
    made = make_reminder(recurrence="FREQ=DAILY", misfire="all", title="{number}")
    pauses.begin("user", now - HOUR, owner=user, until=now + 3 * DAY - HOUR)
    for days in range(3):
        tick.run(now + days * DAY)
    tick.run(now + 3 * DAY)
    made.refresh_from_db()
    assert made.missed_count == 0
    assert [each.title for each in Delivery.objects.all()] == ["1"]
    assert "missed" not in Delivery.objects.get().body


def test_lead_that_is_covered_is_missed_alone(make_reminder, user, now):
    make_reminder(leads=[timedelta(0), HOUR], stored_at=now - 2 * HOUR)
    pauses.begin("user", now - 2 * HOUR, owner=user, until=now - MINUTE)
    tick.run(now - HOUR)
    tick.run(now)
    assert [(each.lead, each.status) for each in Occurrence.objects.order_by("-lead")] == [
        (HOUR, "missed"),
        (timedelta(0), "pending"),
    ]


def test_nag_ends_and_what_is_snoozed_waits_for_the_end(make_reminder, user, now):
    for _ in range(2):
        make_reminder(nag_every=10 * MINUTE)
    tick.run(now)
    nagging, snoozed = Occurrence.objects.order_by("pk")
    responses.snooze(snoozed, now + HOUR, now)
    pause, _ = pauses.begin("user", now + MINUTE, owner=user)
    for minutes in range(0, 120, 5):
        tick.run(now + minutes * MINUTE)
    nagging.refresh_from_db()
    assert (nagging.follow_up_at, nagging.nags) == (None, 0)
    assert Delivery.objects.count() == 2
    pause.end(now + 2 * HOUR)
    tick.run(now + 2 * HOUR + pausing.RECHECK_AFTER)
    assert Delivery.objects.latest("pk").data["type"] == "reminder.snooze"


def test_pauses_cost_one_query_for_a_batch_and_none_when_nothing_is_due(
    make_reminder, now, monkeypatch
):
    asked = []
    pauses_by_owner = pausing.pauses_by_owner
    monkeypatch.setattr(
        pausing, "pauses_by_owner", lambda *args: asked.append(args) or pauses_by_owner(*args)
    )
    for _ in range(20):
        make_reminder(recurrence="FREQ=DAILY")
    tick.run(now - MINUTE)
    assert asked == []
    tick.run(now)
    assert len(asked) == 1


# Everything


def test_nothing_is_claimed_while_everything_is_paused_but_the_canary(planted, daily, now):
    pauses.begin("everything", now - HOUR, until=now + HOUR)
    for seconds in range(0, 180, 30):
        tick.run(now + seconds * SECOND)
    assert set(Occurrence.objects.values_list("reminder", flat=True)) == {planted.pk}
    assert Occurrence.objects.count() == 3
    daily.refresh_from_db()
    assert daily.next_due_at == now


@pytest.mark.parametrize(("misfire", "fires"), [("latest", 1), ("all", 2), ("none", 0)])
def test_what_came_due_meanwhile_is_up_to_each_misfire_policy(make_reminder, now, misfire, fires):
    make_reminder(recurrence="FREQ=HOURLY", misfire=misfire)
    pauses.begin("everything", now - HOUR, until=now + 90 * MINUTE)
    tick.run(now + HOUR)
    assert recorded() == []
    tick.run(now + 90 * MINUTE)
    assert Occurrence.objects.filter(status="pending").count() == fires
    assert Occurrence.objects.count() == 2


def test_follow_ups_wait_while_everything_is_paused(make_reminder, now):
    make_reminder(nag_every=10 * MINUTE, nag_max=1)
    tick.run(now)
    pause, _ = pauses.begin("everything", now + MINUTE)
    tick.run(now + HOUR)
    assert Delivery.objects.count() == 1
    pause.end(now + HOUR)
    tick.run(now + HOUR)
    assert Delivery.objects.count() == 2


def test_a_batch_that_begins_after_the_pause_claims_nothing(daily, now):
    """As within a long tick: not what the tick has seen decides, but the claim."""
    pauses.begin("everything", now)
    assert tick.fire_batch(now) == (0, 0)


@pytest.mark.usefixtures("unknown")
def test_claim_reads_nothing_while_everything_is_paused(make_reminder, now):
    for _ in range(20):
        make_reminder(recurrence="FREQ=DAILY")
    pauses.begin("everything", now)
    with bulk_cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            f"EXPLAIN (ANALYZE) {firing.CLAIM}",
            {"now": now, "after": firing.BEGINNING, "until": now, "limit": 10},
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "One-Time Filter" in plan
    (scan,) = [line for line in plan.splitlines() if "reminders_plan_due" in line]
    assert "never executed" in scan


# The rows


def test_beginning_it_again_changes_the_open_pause(user, stranger, now):
    first, is_new = pauses.begin("tag", now, owner=user, tag="team")
    again, is_new_again = pauses.begin("tag", now, owner=user, tag="team", until=now + HOUR)
    assert (first.pk, is_new, is_new_again) == (again.pk, True, False)
    assert again.until == now + HOUR
    later, is_new = pauses.begin("tag", now + HOUR, owner=user, tag="team")
    first.refresh_from_db()
    assert is_new
    assert first.ended_at == now + HOUR
    assert Pause.objects.active(now + HOUR).get() == later


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"scope": "tag"}, "tag"),
        ({"scope": "user", "tag": "team"}, "tag"),
        ({"scope": "user", "owner": None}, "owner"),
        ({"scope": "everything"}, "owner"),
        ({"scope": "planet"}, "scope"),
        ({"scope": "user", "reason": "x" * 201}, "reason"),
        ({"scope": "tag", "tag": "x" * 51}, "tag"),
    ],
)
def test_refusal_names_the_field(user, now, asked, field):
    with pytest.raises(ValidationError) as refused:
        pauses.begin(**{"owner": user, **asked}, now=now)
    assert field in refused.value.message_dict
    assert not Pause.objects.exists()


def test_database_has_one_open_pause_of_a_kind(user, now):
    for kind in ({"scope": "user", "owner": user}, {"scope": "everything"}):
        Pause.objects.create(**kind, created_at=now)
        with pytest.raises(IntegrityError), transaction.atomic():
            Pause.objects.create(**kind, created_at=now)


def test_database_has_no_tag_without_an_owner(now):
    with pytest.raises(IntegrityError, match="accounts_pause_scope"):
        Pause.objects.create(scope="tag", tag="team", created_at=now)


def test_what_ended_long_ago_is_forgotten(user, now):
    pauses.begin("tag", now - 9 * DAY, owner=user, tag="a", until=now - 8 * DAY)
    ended, _ = pauses.begin("tag", now - 9 * DAY, owner=user, tag="b")
    ended.end(now - 8 * DAY)
    kept, _ = pauses.begin("tag", now - 9 * DAY, owner=user, tag="c")
    assert pauses.delete_ended(now - 7 * DAY, 10) == 2
    assert Pause.objects.get() == kept


# Told


def test_explain_names_the_pause_that_kept_it_from_firing(daily, user, now):
    pauses.begin("tag", now - HOUR, owner=user, tag="team", until=now + HOUR, reason="Holidays")
    tick.run(now)
    answer = explain(daily, now + DAY - HOUR, "2026-11-23T17:00")
    assert answer.verdict == Verdict.MISSED
    assert "tag “team” of ada is paused since Monday 23 November 2026 at 16:00" in answer.conclusion
    assert "(Holidays)" in answer.conclusion
    assert "paused" in [step.what for step in answer.steps]


def test_explain_tells_that_what_is_planned_will_not_fire(daily, user, now):
    pauses.begin("user", now - HOUR, owner=user, until=now + MINUTE)
    assert explain(daily, now - MINUTE).verdict == Verdict.PAUSED
    pauses.begin("user", now - HOUR, owner=user, until=now)
    assert explain(daily, now - MINUTE).verdict == Verdict.UPCOMING


def test_explain_tells_that_everything_is_paused(daily, now):
    pauses.begin("everything", now - HOUR, reason="Wrong import")
    tick.run(now)
    answer = explain(daily, now + HOUR)
    assert answer.verdict == Verdict.OVERDUE
    assert "everything is paused since" in answer.conclusion


def test_explain_tells_when_a_reminder_goes_on(daily, now):
    Reminder.objects.filter(pk=daily.pk).update(created_at=now - DAY)
    daily.pause(now - HOUR, now + HOUR)
    inside = explain(daily, now - MINUTE, "2026-11-23T17:00")
    assert inside.verdict == Verdict.PAUSED
    assert "until Monday 23 November 2026 at 18:00" in inside.conclusion
    after = explain(daily, now - MINUTE, "2026-11-24T17:00")
    assert after.verdict == Verdict.UPCOMING


def test_history_tells_the_end(daily, now):
    daily.pause(now - HOUR, now + HOUR)
    tick.run(now + HOUR)
    assert history.as_of(daily, now).status == "paused"
    daily.refresh_from_db()
    assert daily.status == "active"


# The API


def test_reminder_is_paused_until_through_the_api(api, make_reminder):
    made = make_reminder(recurrence="FREQ=DAILY", stored_at=timezone.now())
    until = (timezone.now() + DAY).replace(microsecond=0)
    answer = api.post(f"/api/v1/reminders/{made.pk}/pause/", {"until": until.isoformat()})
    assert answer.status_code == 200
    assert answer.json()["status"] == "paused"
    assert answer.json()["paused_until"] == f"{until:%Y-%m-%dT%H:%M:%SZ}"
    assert api.post(f"/api/v1/reminders/{made.pk}/pause/").json()["paused_until"] is None


@pytest.mark.parametrize("until", ["2020-01-01T00:00:00Z", "2026-12-01T00:00:00", "soon", 7])
def test_bad_end_is_refused_by_its_name(api, make_reminder, channel, until):
    made = make_reminder(recurrence="FREQ=DAILY", stored_at=timezone.now())
    for path in (f"reminders/{made.pk}/pause/", f"channels/{channel.pk}/pause/", "pauses/"):
        asked = {"until": until, **({"scope": "user"} if path == "pauses/" else {})}
        answer = api.post(f"/api/v1/{path}", asked, format="json")
        assert answer.status_code == 400, answer.content
        assert [each["field"] for each in answer.json()["errors"]] == ["until"]


def test_pause_is_begun_changed_listed_and_ended_through_the_api(api, user):
    asked = {"scope": "tag", "tag": "team", "reason": "Holidays"}
    made = api.post("/api/v1/pauses/", asked, format="json")
    assert made.status_code == 201
    changed = api.post("/api/v1/pauses/", {**asked, "reason": "Ill"}, format="json")
    assert (changed.status_code, changed.json()["id"]) == (200, made.json()["id"])
    (listed,) = api.get("/api/v1/pauses/").json()["results"]
    assert listed["reason"] == "Ill"
    one = f"/api/v1/pauses/{listed['id']}/"
    assert api.delete(one).status_code == 204
    assert api.get(one).status_code == 404
    assert api.get("/api/v1/pauses/").json()["results"] == []
    pause = Pause.objects.get()
    assert (pause.made_by, pause.ended_at is None) == (user, False)


def test_nobody_pauses_everything_through_the_api(api):
    answer = api.post("/api/v1/pauses/", {"scope": "everything"}, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "scope"


def test_reminder_tells_what_covers_it(api, make_reminder, user):
    make_reminder(tags=["team"], recurrence="FREQ=DAILY")
    make_reminder(recurrence="FREQ=DAILY")
    now = timezone.now()
    pauses.begin("tag", now, owner=user, tag="team", reason="Holidays")
    pauses.begin("user", now, owner=user, until=now + HOUR)
    other, tagged = api.get("/api/v1/reminders/").json()["results"]
    assert tagged["paused_by"] == {
        "scope": "tag",
        "tag": "team",
        "until": None,
        "reason": "Holidays",
    }
    assert other["paused_by"]["scope"] == "user"
    assert tagged["next_due_at"] is not None


# The commands


def test_commands_pause_and_resume_everything(capsys):
    call_command("pause", "--everything", "--for", "2h", "--reason", "Wrong import")
    pause = Pause.objects.everything(timezone.now())
    assert pause.reason == "Wrong import"
    assert timedelta(minutes=119) < pause.until - timezone.now() <= 2 * HOUR
    call_command("resume", "--everything")
    assert Pause.objects.everything(timezone.now()) is None
    with pytest.raises(CommandError, match="not paused"):
        call_command("resume", "--everything")


def test_commands_pause_each_kind(make_reminder, channel, user):
    made = make_reminder(recurrence="FREQ=DAILY", stored_at=timezone.now())
    whats = [("--user", "ada"), ("--user", "ada", "--tag", "team")]
    whats += [("--channel", str(channel.pk)), ("--reminder", str(made.pk))]
    for what in whats:
        call_command("pause", *what)
    made.refresh_from_db()
    channel.refresh_from_db()
    assert (made.status, channel.is_paused(timezone.now())) == ("paused", True)
    assert Pause.objects.active(timezone.now()).count() == 2
    for what in whats:
        call_command("resume", *what)
    made.refresh_from_db()
    channel.refresh_from_db()
    assert (made.status, channel.is_paused(timezone.now())) == ("active", False)
    assert not Pause.objects.active(timezone.now()).exists()


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (["--user", "nobody"], "There is no user 'nobody'"),
        (["--user", "(foam)"], "There is no user"),
        (["--reminder", "0"], "There is no reminder 0"),
        (["--channel", "7"], "There is no channel 7"),
        (["--everything", "--tag", "x"], "--tag goes with --user"),
        (["--everything", "--until", "2026-12-01T00:00"], "--until"),
        (["--everything", "--until", "2020-12-01T00:00:00Z"], "time in the future"),
        (["--everything", "--for", "soon"], "--for"),
        (["--everything", "--for", "999999d"], "at most 731 days"),
    ],
)
def test_command_says_what_is_wrong(planted, asked, why):
    with pytest.raises(CommandError, match=why):
        call_command("pause", *asked)
    assert not Pause.objects.exists()
