"""P1 and the loop: what is said after a firing, each once, until somebody answers."""

from datetime import timedelta

import pytest
from django.db import connection

from notifications.models import Channel, Delivery
from notifications.sql import bulk_cursor
from reminders.actions import responses
from reminders.engine import firing, follow_ups, tick
from reminders.models import Occurrence, Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
TEN = 10 * MINUTE


@pytest.fixture
def boss(user):
    """A further channel of the user's."""
    return Channel.objects.inbox_of(user)


@pytest.fixture
def fired(make_reminder, now):
    """Return a function that stores a reminder, fires it at `now` and returns what fired."""

    def fire(**fields):
        make_reminder(**fields)
        tick.run(now)
        return Occurrence.objects.latest("pk")

    return fire


def escalating(boss, **fields):
    return {"escalate_after": TEN, "escalate_channels": [boss], **fields}


def said():
    """What deliveries call what they tell of, without the number of the occurrence."""
    references = Delivery.objects.order_by("pk").values_list("reference", flat=True)
    return [each.split(":", 2)[2] for each in references if each.count(":") > 1]


def reread(row):
    row.refresh_from_db()
    return row


# Nagging


def test_nag_comes_again_until_there_have_been_enough(fired, now):
    fired(nag_every=TEN, nag_max=2)
    for minutes in range(60):
        tick.run(now + minutes * MINUTE)
    assert said() == ["nag:1", "nag:2"]
    assert Delivery.objects.get(reference__endswith="nag:1").created_at == now + TEN
    assert Occurrence.objects.get().follow_up_at is None


def test_nag_says_which_one_it_is_and_for_how_long_it_waits(fired, now):
    fired(nag_every=TEN, body="Bring coffee.")
    tick.run(now + TEN)
    tick.run(now + 2 * TEN + SECOND)
    nag = Delivery.objects.latest("pk")
    assert nag.title == "Reminder 2 of 3: Stand-up"
    assert nag.body == (
        "Bring coffee.\n\nDue 20 min ago, on Monday 23 November 2026 at 17:00 (UTC). "
        "It is not acknowledged yet."
    )
    assert (nag.due_at, nag.data["type"]) == (now + 2 * TEN, "reminder.nag")
    assert nag.data["occurrence_due_at"] == "2026-11-23T17:00:00Z"


def test_placeholders_of_a_nag_speak_of_what_it_nags_about(fired, now):
    fired(nag_every=20 * HOUR, title="Dose {number} was due {lead}", body="{due_time}")
    for hours in (20, 24, 40):
        tick.run(now + hours * HOUR)
    nag = Delivery.objects.get(title__startswith="Reminder 2")
    assert nag.title == "Reminder 2 of 3: Dose 1 was due 1 d 16 h ago"
    assert nag.body.startswith("17:00\n\n")


def test_acknowledged_occurrence_does_not_nag(fired, now):
    responses.acknowledge(fired(nag_every=TEN), now + MINUTE)
    tick.run(now + HOUR)
    assert said() == []


def test_acknowledging_cancels_a_nag_that_is_not_sent_yet(fired, now):
    occurrence = fired(nag_every=TEN)
    tick.run(now + TEN)
    responses.acknowledge(occurrence, now + TEN)
    assert set(Delivery.objects.values_list("status", "reason")) == {("cancelled", "Acknowledged.")}


def test_after_an_outage_there_is_one_nag_and_not_all_of_them(fired, now):
    occurrence = fired(nag_every=TEN, nag_max=5)
    tick.run(now + 35 * MINUTE)
    assert said() == ["nag:1"]
    assert "This comes 25 min late: FOAM was down" in Delivery.objects.latest("pk").body
    assert reread(occurrence).follow_up_at == now + 40 * MINUTE


def test_early_alert_does_not_nag_and_the_last_one_does(make_reminder, now):
    make_reminder(nag_every=TEN, leads=[timedelta(0), HOUR], stored_at=now - 2 * HOUR)
    tick.run(now - HOUR)
    assert Occurrence.objects.get().follow_up_at is None
    tick.run(now)
    assert Occurrence.objects.latest("pk").follow_up_at == now + TEN


def test_last_alert_nags_though_it_is_early(make_reminder, now):
    make_reminder(nag_every=TEN, leads=[HOUR], stored_at=now - 2 * HOUR)
    tick.run(now - HOUR)
    tick.run(now - HOUR + TEN)
    assert "Due in 50 min" in Delivery.objects.latest("pk").body


def test_what_was_missed_does_not_nag(make_reminder, now):
    make_reminder(nag_every=TEN, misfire="none")
    tick.run(now + HOUR)
    assert Occurrence.objects.get().follow_up_at is None


def test_nagging_stops_when_nag_every_is_removed(fired, now):
    occurrence = fired(nag_every=TEN)
    reminder = occurrence.reminder
    reminder.nag_every = None
    reminder.store(now)
    tick.run(now + TEN)
    assert said() == []
    assert reread(occurrence).follow_up_at is None


def test_what_has_fired_does_not_begin_to_nag_by_an_edit(fired, now):
    reminder = fired().reminder
    reminder.nag_every = TEN
    reminder.store(now)
    tick.run(now + TEN)
    assert said() == []


def test_what_was_fired_by_hand_nags(make_reminder, now):
    firing.trigger(make_reminder(nag_every=TEN), now - HOUR)
    tick.run(now - HOUR + TEN)
    assert said() == ["nag:1"]


# Snoozing


def test_snoozed_occurrence_speaks_again_to_the_channels_of_its_reminder(fired, channel, now):
    occurrence = fired()
    responses.snooze(occurrence, now + HOUR, now)
    tick.run(now + HOUR - SECOND)
    assert said() == []
    tick.run(now + HOUR)
    again = Delivery.objects.latest("pk")
    assert (again.reference, again.channel) == (f"{occurrence.reference}:snooze:1", channel)
    assert (again.title, again.body) == (
        "Stand-up",
        "Due 1 h ago, on Monday 23 November 2026 at 17:00 (UTC). It was snoozed until now.",
    )
    assert (reread(occurrence).status, occurrence.follow_up_at) == ("pending", None)


def test_after_a_snooze_nagging_begins_anew(fired, now):
    occurrence = fired(nag_every=TEN, nag_max=2)
    tick.run(now + TEN)
    responses.snooze(occurrence, now + HOUR, now + TEN)
    for minutes in range(90):
        tick.run(now + TEN + minutes * MINUTE)
    assert said() == ["nag:1", "snooze:1", "snooze:1:nag:1", "snooze:1:nag:2"]
    assert Delivery.objects.latest("pk").title == "Reminder 2 of 2: Stand-up"


# Escalating


def test_without_an_answer_further_channels_are_told_once(fired, boss, now):
    occurrence = fired(**escalating(boss))
    for minutes in range(60):
        tick.run(now + minutes * MINUTE)
    told = Delivery.objects.get(reference=f"{occurrence.reference}:escalate:1")
    assert told.channel == boss
    assert told.title == "No answer yet: Stand-up"
    assert "Nobody has answered for 10 min, so it comes here too." in told.body
    assert said() == ["escalate:1"]
    assert reread(occurrence).escalated_at == now + TEN


def test_answer_in_time_is_not_escalated(fired, boss, now):
    responses.acknowledge(fired(**escalating(boss)), now + MINUTE)
    tick.run(now + HOUR)
    assert said() == []


def test_nagging_goes_on_after_the_escalation(fired, boss, now):
    fired(**escalating(boss, nag_every=7 * MINUTE))
    for minutes in range(60):
        tick.run(now + minutes * MINUTE)
    assert said() == ["nag:1", "escalate:1", "nag:2", "nag:3"]


def test_snooze_is_an_answer_and_what_is_not_answered_then_is_escalated(fired, boss, now):
    occurrence = fired(**escalating(boss))
    responses.snooze(occurrence, now + HOUR, now + MINUTE)
    tick.run(now + HOUR)
    assert said() == ["snooze:1"]
    tick.run(now + HOUR + TEN)
    assert said() == ["snooze:1", "escalate:1"]


# Pausing and deleting


def test_pause_ends_nagging_and_a_resume_does_not_begin_it_again(fired, now):
    occurrence = fired(recurrence="FREQ=DAILY", nag_every=TEN)
    occurrence.reminder.pause(now)
    occurrence.reminder.resume(now + MINUTE)
    tick.run(now + HOUR)
    assert said() == []


def test_what_is_snoozed_waits_for_the_resume(fired, now):
    occurrence = fired(recurrence="FREQ=DAILY")
    responses.snooze(occurrence, now + TEN, now)
    occurrence.reminder.pause(now)
    tick.run(now + TEN)
    assert said() == []
    occurrence.reminder.resume(now + HOUR)
    tick.run(now + HOUR)
    assert said() == ["snooze:1"]


def test_what_is_snoozed_during_a_pause_waits_for_the_resume(fired, now):
    occurrence = fired(recurrence="FREQ=DAILY")
    occurrence.reminder.pause(now)
    assert responses.snooze(occurrence, now + TEN, now)
    tick.run(now + TEN)
    assert said() == []
    occurrence.reminder.resume(now + MINUTE)
    tick.run(now + TEN)
    assert said() == ["snooze:1"]


def test_what_is_snoozed_is_no_longer_so_when_its_reminder_is_deleted(fired, now):
    occurrence = fired()
    responses.snooze(occurrence, now + TEN, now)
    occurrence.reminder.close(now)
    assert (reread(occurrence).status, occurrence.follow_up_at) == ("pending", None)


def test_deleted_reminder_says_nothing_more_and_what_is_queued_is_cancelled(fired, now):
    occurrence = fired(nag_every=TEN)
    tick.run(now + TEN)
    occurrence.reminder.close(now + TEN)
    tick.run(now + HOUR)
    assert said() == ["nag:1"]
    assert set(Delivery.objects.values_list("reason", flat=True)) == {"Reminder deleted."}
    assert not responses.snooze(occurrence, now + 2 * HOUR, now + HOUR)


# The tick


def test_follow_up_that_raises_is_set_aside_and_the_rest_is_said(fired, now, caplog):
    bad, good = fired(nag_every=TEN), fired(nag_every=TEN)
    Reminder.objects.filter(pk=bad.reminder_id).update(timezone="Mars/Olympus")
    tick.run(now + TEN)
    assert Delivery.objects.filter(reference=f"{good.reference}:nag:1").exists()
    assert reread(bad).follow_up_at == now + TEN + follow_ups.SET_ASIDE
    assert f"follow-up of occurrence {bad.pk} set aside" in caplog.text


def test_follow_up_that_the_database_refuses_is_set_aside_and_the_rest_is_said(fired, now):
    bad, good = fired(nag_every=TEN, title="bad"), fired(nag_every=TEN)
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE notifications_delivery ADD CONSTRAINT no_bad "
            "CHECK (title <> 'Reminder 1 of 3: bad')"
        )
    tick.run(now + TEN)
    assert Delivery.objects.filter(reference=f"{good.reference}:nag:1").exists()
    assert reread(bad).follow_up_at == now + TEN + follow_ups.SET_ASIDE


def test_batches_go_on_until_nothing_is_due(fired, now, monkeypatch):
    monkeypatch.setattr(follow_ups, "BATCH", 2)
    for _ in range(5):
        fired(nag_every=TEN)
    tick.run(now + TEN)
    assert said() == ["nag:1"] * 5


def test_tick_finds_what_to_follow_up_by_its_partial_index(fired, now):
    with bulk_cursor(by_index=True) as cursor:
        cursor.execute(f"EXPLAIN {follow_ups.CLAIM}", {"now": now, "limit": 10})
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Scan using reminders_occurrence_default_follow_up_at_idx" in plan
    assert "Sort" not in plan


def test_urgent_reminder_posts_urgently(fired, now, monkeypatch):
    posted = []
    for module in (firing, follow_ups):
        monkeypatch.setattr(module, "post_messages", lambda posts, now: posted.extend(posts) or 0)
    fired(urgent=True, nag_every=TEN)
    tick.run(now + TEN)
    assert [post.urgent for post in posted] == [True, True]


def test_long_title_is_cut(fired, now):
    fired(title="x" * 200, nag_every=TEN)
    tick.run(now + TEN)
    title = Delivery.objects.latest("pk").title
    assert len(title) == 200
    assert title.endswith("x…")
