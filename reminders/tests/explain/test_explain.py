"""Why a reminder did or did not fire: every state is explained, and the past as it was."""

from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError

from notifications.explain.delivery import ATTEMPT, DELIVERY
from notifications.models import Attempt, Channel, Delivery
from notifications.outbox.lease import LEASE, lease_oldest
from notifications.outbox.queue import retry_now
from notifications.outbox.round import deliver_due
from notifications.retry import MAX_ATTEMPTS
from notifications.transports import TransportError
from reminders.engine import firing, retention, tick
from reminders.explain.explanation import explain
from reminders.explain.verdicts import CHANGE, FACE, MISSED, OCCURRENCE, STATUS, Verdict
from reminders.models import Change, Heartbeat, Occurrence, Reminder
from reminders.models.response import SOURCES
from reminders.schedule.misfire import Missed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
DAY = timedelta(days=1)
AT = "2026-11-23T18:00"
NAME = "Monday 23 November 2026 at 18:00 (Europe/Berlin)"


@pytest.fixture
def standup(make_reminder, now):
    """Return a function that stores a reminder at 18:00 in Berlin, daily, first due at `now`."""

    def make(**fields):
        given = {"starts_at": datetime(2026, 11, 23, 18), "timezone": "Europe/Berlin"}
        reminder = make_reminder(**{**given, "recurrence": "FREQ=DAILY", **fields})
        created_at = fields.get("stored_at", now - HOUR)
        Reminder.objects.filter(pk=reminder.pk).update(created_at=created_at)
        reminder.refresh_from_db()
        return reminder

    return make


def ask(reminder, now, at=AT):
    reminder.refresh_from_db()
    return explain(reminder, now, at)


def words_of(explanation, *whats):
    """The texts of the chain, or of some kinds of steps in it."""
    return [step.text for step in explanation.steps if not whats or step.what in whats]


# Every state


@pytest.mark.parametrize(
    ("states", "words"),
    [
        (Reminder.Status, STATUS),
        (Occurrence.Status, OCCURRENCE),
        (Missed, MISSED),
        (Change.Verb, CHANGE),
        (Delivery.Status, DELIVERY),
        (Attempt.Outcome, ATTEMPT),
        (SOURCES, FACE),
    ],
)
def test_every_state_has_its_words(states, words):
    assert set(words) == set(states)
    assert all(words.values())


def test_every_state_and_verdict_stands_in_the_documentation():
    page = (settings.BASE_DIR / "docs" / "operations.md").read_text()
    states = [*Reminder.Status, *Occurrence.Status, *Delivery.Status, *Attempt.Outcome, *Verdict]
    assert [state for state in states if f"`{state.value}`" not in page] == []
    assert [reason for reason in Missed if reason.value not in page] == []


@pytest.mark.parametrize("reason", Missed)
def test_every_reason_of_a_miss_is_told(standup, now, reason):
    reminder = standup()
    Occurrence.objects.create(
        reminder=reminder,
        due_at=now,
        status="missed",
        reason=reason.value,
        recorded_at=now + HOUR,
    )
    answer = ask(reminder, now + DAY)
    assert answer.verdict == Verdict.MISSED
    assert "it was missed" in answer.conclusion
    assert "1 h" in answer.conclusion


def test_reason_that_is_not_known_is_told_as_it_stands(standup, now):
    reminder = standup()
    Occurrence.objects.create(
        reminder=reminder, due_at=now, status="missed", reason="Solar flare.", recorded_at=now
    )
    assert ask(reminder, now).conclusion == f"{NAME}: it was missed: Solar flare."


# What fired


def test_chain_goes_from_the_rule_to_each_attempt(standup, recorder, now):
    reminder = standup()
    tick.run(now)
    deliver_due(now)
    answer = ask(reminder, now + MINUTE)
    assert answer.verdict == Verdict.SENT
    assert answer.conclusion == f"{NAME}: it fired on time; accepted by Webhook: Hook."
    chain = [(step.depth, step.what) for step in answer.steps]
    assert chain == [
        (0, "reminder"),
        (0, "schedule"),
        (1, "due"),
        (2, "fired"),
        (3, "delivery"),
        (4, "attempt"),
    ]
    assert words_of(answer, "schedule") == ["schedule: every day at 18:00 (Europe/Berlin)"]
    assert "recorded" in words_of(answer, "attempt")[0]


def test_late_firing_says_how_late_and_that_nothing_ticked(standup, recorder, now):
    reminder = standup()
    tick.run(now + HOUR)
    deliver_due(now + HOUR)
    assert "it fired 1 h late, for nothing was dispatched" in ask(reminder, now + DAY).conclusion


def test_firing_delayed_by_an_error_says_which(standup, recorder, now):
    reminder = standup()
    Reminder.objects.filter(pk=reminder.pk).update(timezone="Mars/Olympus")
    tick.run(now)
    Reminder.objects.filter(pk=reminder.pk).update(timezone="Europe/Berlin")
    tick.run(now + tick.SET_ASIDE)
    answer = ask(reminder, now + DAY)
    assert "it fired 5 min late, for it was set aside until then: Recurr" in answer.conclusion
    assert "Mars/Olympus" in answer.conclusion


def test_error_is_no_excuse_for_what_was_late_after_it(standup, recorder, now):
    reminder = standup()
    Reminder.objects.filter(pk=reminder.pk).update(timezone="Mars/Olympus")
    tick.run(now)
    Reminder.objects.filter(pk=reminder.pk).update(timezone="Europe/Berlin")
    tick.run(now + tick.SET_ASIDE)
    tick.run(now + DAY + HOUR)
    answer = ask(reminder, now + 2 * DAY, "2026-11-24T18:00")
    assert "1 h late, for nothing was dispatched" in answer.conclusion


def test_dead_delivery_says_why(standup, recorder, now):
    reminder = standup()
    tick.run(now)
    recorder.fail_with(TransportError("404 no such hook", permanent=True))
    deliver_due(now)
    answer = ask(reminder, now + HOUR)
    assert answer.verdict == Verdict.UNDELIVERED
    assert "did not reach Webhook: Hook (dead: 404 no such hook)" in answer.conclusion
    assert "attempt 1: failed, and would fail again" in words_of(answer, "attempt")[0]


def test_failed_attempt_says_when_the_next_one_is(standup, recorder, now):
    reminder = standup()
    tick.run(now)
    recorder.fail_with(TransportError("500"))
    deliver_due(now)
    answer = ask(reminder, now + SECOND)
    assert answer.verdict == Verdict.ON_ITS_WAY
    assert "(attempt 1 failed; attempt 2 follows in " in answer.conclusion
    following = answer.steps[-1]
    assert following.text == "attempt 1 failed; attempt 2 follows then"
    assert following.at == Delivery.objects.get().next_attempt_at


def test_channel_that_hung_is_told(standup, recorder, now):
    reminder = standup()
    tick.run(now)
    recorder.fail_with(TransportError("no answer", hung=True))
    deliver_due(now)
    assert "left alone (no answer in time): it is tried again in" in (
        ask(reminder, now + SECOND).conclusion
    )


def test_uncertain_attempt_and_retry_by_hand_are_told(standup, recorder, now):
    reminder = standup()
    tick.run(now)
    lease_oldest(now)
    assert "attempt 1 is under way" in ask(reminder, now + SECOND).conclusion
    later = now + LEASE
    assert "the worker of attempt 1 is lost" in ask(reminder, later).conclusion
    recorder.fail_with(TransportError("gone", permanent=True))
    deliver_due(later)
    dead = Delivery.objects.get(status="dead", reference__startswith="occurrence:")
    retry_now([dead.pk], later)
    answer = ask(reminder, later + SECOND)
    assert "not known whether it arrived" in words_of(answer, "attempt")[0]
    assert words_of(answer, "delivery")[0].endswith("not sent yet · it was retried by hand")
    assert "no worker has taken it yet" in words_of(answer, "next")[0]


def test_message_that_is_not_repeated_may_have_arrived(standup, channel, recorder, now):
    Channel.objects.filter(pk=channel.pk).update(at_most_once=True)
    reminder = standup()
    tick.run(now)
    recorder.fail_with(TransportError("timed out", uncertain=True))
    deliver_due(now)
    conclusion = ask(reminder, now + HOUR).conclusion
    assert "it may not have reached Webhook: Hook (dead: It may have arrived" in conclusion


def test_delivery_given_up_is_told_with_its_last_error(standup, recorder, now):
    reminder = standup()
    tick.run(now)
    recorder.fail_with(TransportError("500"))
    for _ in range(MAX_ATTEMPTS):
        Delivery.objects.update(next_attempt_at=now)
        deliver_due(now)
    answer = ask(reminder, now + HOUR)
    assert "dead: Gave up after 10 attempts: 500" in answer.conclusion
    assert len(words_of(answer, "attempt")) == MAX_ATTEMPTS


def test_disabled_channel_is_told(standup, channel, now):
    reminder = standup()
    channel.disable("410 Gone", now)
    tick.run(now)
    answer = ask(reminder, now + HOUR)
    assert "cancelled: Channel disabled: 410 Gone" in answer.conclusion


def test_channel_that_is_gone_is_told_with_what_it_did_to_the_channel(standup, recorder, now):
    reminder = standup()
    tick.run(now)
    recorder.fail_with(TransportError("answered 410", address_gone=True))
    deliver_due(now)
    [told] = words_of(ask(reminder, now + HOUR), "delivery")
    assert told.endswith("answered 410 · the channel is disabled now")


def test_channels_are_told_apart(standup, recorder, channel, user, now):
    reminder = standup(channels=[channel, Channel.objects.inbox_of(user)])
    tick.run(now)
    deliver_due(now)
    Delivery.objects.filter(channel=channel).update(status="dead", reason="No.")
    conclusion = ask(reminder, now + HOUR).conclusion
    assert "did not reach Webhook: Hook (dead: No)" in conclusion
    assert "accepted by In-app inbox: Inbox" in conclusion


def test_address_and_secret_of_a_channel_are_not_told(standup, channel, recorder, now):
    Channel.objects.filter(pk=channel.pk).update(
        address="https://hooks.example/T0K3N", secret="whsec_abcdefgh"
    )
    reminder = standup()
    tick.run(now)
    deliver_due(now)
    told = str(ask(reminder, now + HOUR))
    assert "T0K3N" not in told
    assert "whsec" not in told


def test_firing_without_a_message_is_told(standup, channel, now):
    reminder = standup()
    reminder.channels.clear()
    tick.run(now)
    answer = ask(reminder, now + HOUR)
    assert answer.verdict == Verdict.UNDELIVERED
    assert "no message to any channel is recorded" in answer.conclusion


def test_firing_by_hand_is_told_as_such(standup, recorder, now):
    reminder = standup()
    firing.trigger(reminder, now - MINUTE)
    deliver_due(now)
    answer = ask(reminder, now, "2026-11-23T17:59")
    assert "it was fired by hand; accepted by Webhook: Hook" in answer.conclusion
    assert words_of(answer, "triggered") == ["fired by hand, beside the schedule"]


def test_leads_are_told_each_for_itself(standup, recorder, now):
    reminder = standup(leads=[timedelta(0), HOUR], stored_at=now - 2 * HOUR)
    tick.run(now - HOUR)
    deliver_due(now - HOUR)
    answer = ask(reminder, now - MINUTE)
    assert words_of(answer, "due") == ["due; it speaks 1 h before", "due"]
    assert answer.conclusion == (
        f"{NAME}, 1 h before: it fired on time; accepted by Webhook: Hook. "
        f"{NAME}: it will fire in 1 min."
    )


def test_lead_is_found_by_when_it_speaks(standup, recorder, now):
    reminder = standup(leads=[HOUR], stored_at=now - 2 * HOUR)
    tick.run(now - HOUR)
    assert ask(reminder, now, "2026-11-23T17:00").conclusion.startswith(f"{NAME}, 1 h before: it")


# What did not fire


def test_newest_alone_fires_and_the_older_say_so(standup, now):
    reminder = standup()
    tick.run(now + DAY)
    answer = ask(reminder, now + DAY)
    assert answer.verdict == Verdict.MISSED
    assert "FOAM came to it 1 d late" in answer.conclusion
    assert "only the newest fires (misfire is `latest`)" in answer.conclusion


def test_pause_is_told_with_its_ends(standup, now):
    reminder = standup()
    reminder.pause(now - MINUTE)
    reminder.resume(now + HOUR)
    answer = ask(reminder, now + DAY)
    assert answer.verdict == Verdict.PAUSED
    assert answer.conclusion == (
        f"{NAME}: the reminder was paused since Monday 23 November 2026 at 17:59 (Europe/Berlin), "
        "until Monday 23 November 2026 at 19:00 (Europe/Berlin)."
    )
    assert words_of(answer, "change") == [
        "paused",
        "resumed, to go on with the first occurrence after that",
    ]


def test_pause_still_going_on_is_told(standup, now):
    reminder = standup()
    reminder.pause(now - MINUTE)
    assert ask(reminder, now + DAY).verdict == Verdict.PAUSED
    assert (
        "Next: nothing more is planned: this reminder is paused since"
        in ask(reminder, now + DAY, "").conclusion
    )


def test_time_to_come_of_a_paused_reminder_is_told(standup, now):
    reminder = standup()
    reminder.pause(now - MINUTE)
    assert "the reminder is paused since" in ask(reminder, now, "2026-11-24T18:00").conclusion


def test_pause_in_the_second_of_the_tick_is_a_miss(standup, now):
    reminder = standup()
    reminder.pause(now + timedelta(milliseconds=300))
    answer = ask(reminder, now + DAY)
    assert "it was paused 0 s after it was due, before a tick had fired it" in answer.conclusion


def test_reminder_created_later_is_told(standup, now):
    reminder = standup(stored_at=now + MINUTE)
    answer = ask(reminder, now + HOUR)
    assert answer.verdict == Verdict.NOT_CREATED
    assert "was created only on Monday 23 November 2026 at 18:01" in answer.conclusion


def test_lead_that_had_passed_when_it_was_created_is_told(standup, recorder, now):
    reminder = standup(leads=[timedelta(0), 2 * HOUR])
    tick.run(now)
    deliver_due(now)
    assert "2 h before: the reminder was created only on" in ask(reminder, now).conclusion


def test_deleted_reminder_is_told(standup, now):
    reminder = standup()
    reminder.close(now - MINUTE)
    assert ask(reminder, now).verdict == Verdict.DELETED
    assert (
        "Next: nothing more is planned: this reminder was deleted on"
        in ask(reminder, now, "").conclusion
    )


def test_finished_reminder_is_told(standup, recorder, now):
    reminder = standup(recurrence="")
    tick.run(now)
    deliver_due(now)
    answer = ask(reminder, now + DAY, "2026-11-24T18:00")
    assert answer.verdict == Verdict.NOT_DUE
    assert "the schedule has ended: the last was on Monday 2026-11-23" in answer.conclusion
    assert (
        "Next: nothing more is planned: this reminder is finished"
        in ask(reminder, now + DAY, "").conclusion
    )


def test_edit_that_took_the_time_away_is_told(standup, now):
    reminder = standup()
    reminder.starts_at = datetime(2026, 11, 23, 19)
    reminder.store(now - MINUTE)
    answer = ask(reminder, now + DAY)
    assert answer.verdict == Verdict.NOT_DUE
    assert (
        "its schedule was changed on Monday 23 November 2026 at 17:59 (Europe/Berlin); "
        "until then it was every day at 18:00"
    ) in answer.conclusion


def test_edit_in_the_course_of_a_day_is_told_for_that_day(standup, now):
    reminder = standup()
    reminder.starts_at = datetime(2026, 11, 23, 17, 30)
    reminder.store(now - 45 * MINUTE)
    answer = ask(reminder, now - 40 * MINUTE, "2026-11-23")
    assert answer.conclusion == (
        "Monday 23 November 2026 at 17:30 (Europe/Berlin): it will fire in 10 min. "
        f"{NAME}: its schedule had been changed: it was every day at 17:30 (Europe/Berlin)."
    )


def test_past_is_explained_by_the_schedule_of_its_day(standup, recorder, now):
    reminder = standup()
    tick.run(now)
    deliver_due(now)
    reminder.refresh_from_db()
    reminder.recurrence, reminder.timezone = "FREQ=WEEKLY;BYDAY=FR", "Asia/Tokyo"
    reminder.store(now + HOUR)
    answer = ask(reminder, now + DAY, "2026-11-23T17:00Z")
    assert answer.verdict == Verdict.SENT
    assert words_of(answer, "schedule") == [
        "schedule as it was then: every day at 18:00 (Europe/Berlin)"
    ]


def test_excluded_date_is_told(standup, now):
    reminder = standup(exdates=[datetime(2026, 11, 24, 18)])
    answer = ask(reminder, now, "2026-11-24T18:00")
    assert "not due: this time is among those left out (exdates)" in answer.conclusion


def test_other_time_names_the_nearest(standup, now):
    answer = ask(standup(), now, "2026-11-25T09:00")
    assert words_of(answer, "nearest") == [
        "the last before: Tuesday 2026-11-24 at 18:00:00; "
        "the next after: Wednesday 2026-11-25 at 18:00:00"
    ]


def test_overdue_says_whether_anything_ticks(standup, now):
    reminder = standup()
    conclusion = ask(reminder, now + MINUTE).conclusion
    assert conclusion.endswith("and nothing ticks: are the worker and beat running?")
    Heartbeat.objects.create(name="tick", at=now + MINUTE)
    answer = ask(reminder, now + MINUTE)
    assert answer.verdict == Verdict.OVERDUE
    assert "1 min overdue: ticks run" in answer.conclusion


def test_overdue_by_an_error_says_which_and_when_it_is_tried_again(standup, now):
    reminder = standup()
    Reminder.objects.filter(pk=reminder.pk).update(timezone="Mars/Olympus")
    tick.run(now)
    answer = ask(reminder, now + MINUTE, "2026-11-23T17:00Z")
    assert answer.verdict == Verdict.OVERDUE
    assert "set aside with an error: RecurrenceError" in answer.conclusion
    assert answer.steps[-2].at == now + tick.SET_ASIDE
    assert ask(reminder, now + MINUTE, "").verdict == Verdict.OVERDUE


def test_loss_is_told_loudly(standup, now):
    reminder = standup()
    tick.run(now)
    Occurrence.objects.all().delete()
    answer = ask(reminder, now + HOUR)
    assert answer.verdict == Verdict.LOST
    assert "IT IS LOST" in answer.conclusion


def test_what_was_pruned_is_no_loss(standup, recorder, now):
    reminder = standup()
    tick.run(now)
    deliver_due(now)
    retention.prune(now + 9 * DAY, 7 * DAY)
    assert not Occurrence.objects.exists()
    assert ask(reminder, now + 9 * DAY).verdict == Verdict.NOT_KEPT


def test_worst_of_a_day_is_the_answer(make_reminder, standup, now):
    reminder = standup(recurrence="0 18,19,20,21 * * *")
    for hours in range(4):
        tick.run(now + hours * HOUR)
    Occurrence.objects.order_by("due_at")[2].delete()
    answer = ask(reminder, now + DAY, "2026-11-23")
    assert answer.verdict == Verdict.LOST
    assert answer.conclusion.startswith("Monday 23 November 2026 at 20:00")
    assert answer.conclusion.endswith("In all: 1 lost, 3 on its way.")


def test_of_many_only_the_first_are_looked_at(standup, now):
    reminder = standup(recurrence="FREQ=MINUTELY", misfire="all")
    tick.run(now + HOUR)
    answer = ask(reminder, now + HOUR, "2026-11-23")
    assert answer.conclusion.endswith("Only the first 10 of this time were looked at.")
    assert len(words_of(answer, "fired")) == 10


# What comes next


def test_latest_and_next_without_a_moment(standup, recorder, now):
    reminder = standup()
    tick.run(now)
    deliver_due(now)
    answer = ask(reminder, now + HOUR, "")
    assert answer.conclusion == (
        f"Latest: {NAME}: it fired on time; accepted by Webhook: Hook. "
        "Next: Tuesday 24 November 2026 at 18:00 (Europe/Berlin): it will fire in 23 h."
    )
    assert (answer.begin, answer.verdict) == (None, Verdict.SENT)


def test_new_reminder_says_what_comes(standup, now):
    answer = ask(standup(), now - MINUTE, "")
    assert answer.conclusion == f"Nothing is recorded yet. Next: {NAME}: it will fire in 1 min."
    assert answer.verdict == Verdict.UPCOMING


def test_next_says_whom_it_will_not_reach(standup, user, channel, now):
    inbox = Channel.objects.inbox_of(user)
    reminder = standup(channels=[channel, inbox])
    channel.disable("answered 410", now - HOUR)
    answer = ask(reminder, now - MINUTE, "")
    assert answer.conclusion.endswith(
        "it will fire in 1 min. It will not reach every channel. "
        "Webhook: Hook: Disabled: answered 410."
    )
    assert words_of(answer, "channel") == ["not to Webhook: Hook: Disabled: answered 410"]
    inbox.disable("no more", now - HOUR)
    assert (
        "It will not reach any channel. Webhook: Hook: Disabled: answered 410; In-app inbox: "
        in (ask(reminder, now - MINUTE, "").conclusion)
    )


# Clock changes, and how the moment is given


@pytest.mark.parametrize(
    ("fields", "at", "told"),
    [
        ({}, "2027-03-28T02:30", "02:30 is skipped on 28 March 2027: moved to 03:30"),
        ({}, "2027-03-28T03:30", "02:30 is skipped on 28 March 2027: moved to 03:30"),
        ({"gap": "before"}, "2027-03-28T02:30", "moved to 01:30"),
        ({"gap": "skip"}, "2027-03-28T02:30", "02:30 is skipped on 28 March 2027: no occurrence"),
        ({}, "2027-10-31T02:30", "02:30 comes twice on 31 October 2027: this is the first"),
        ({}, "2027-10-31T02:30+01:00", "this is the first, and only that one is due"),
        ({"fold": "second"}, "2027-10-31T02:30+02:00", "this is the second, and only that one"),
    ],
)
def test_clock_change_is_told(standup, now, fields, at, told):
    reminder = standup(starts_at=datetime(2026, 12, 1, 2, 30), **fields)
    assert told in " ".join(words_of(ask(reminder, now, at)))


@pytest.mark.parametrize(
    "at",
    [
        "2026-11-23",
        "2026-11-23T18:00",
        "2026-11-23 18:00:00",
        "2026-11-23T18:00:00.25+01:00",
        "2026-11-23T18:00 01:00",
        "2026-11-23T17:00Z",
        "2026-11-23T12:00-0500",
    ],
)
def test_moment_can_be_given_in_many_ways(standup, now, at):
    assert ask(standup(), now - MINUTE, at).verdict == Verdict.UPCOMING


@pytest.mark.parametrize(
    "at",
    ["yesterday", "18:00", "2026-02-30", "2026-11-23T25:00", "2026-11-23T18", "2026-W48-1",
     "0000-01-01", "0001-01-01T00:00+23:00", "9999-12-31", "٢٠٢٦-١١-٢٣"],
)  # fmt: skip
def test_moment_that_cannot_be_read_is_refused(standup, now, at):
    with pytest.raises(ValidationError) as refusal:
        ask(standup(), now, at)
    assert "at" in refusal.value.message_dict


def test_day_before_and_after_all_that_can_be_due_is_told(standup, now):
    reminder = standup()
    assert "it starts only on 2026-11-23" in ask(reminder, now, "2026-11-23T17:30").conclusion
    assert ask(reminder, now, "1950-01-01").conclusion.startswith("Sunday 1 January 1950 (Europe")
    assert ask(reminder, now, "2998-01-01").verdict == Verdict.UPCOMING


def test_reminder_that_cannot_be_read_is_explained(standup, now):
    reminder = standup()
    Reminder.objects.filter(pk=reminder.pk).update(recurrence="FREQ=NEVER")
    assert "its schedule cannot be read" in ask(reminder, now, "2026-11-25").conclusion


def test_question_reads_only_and_little(standup, recorder, now, django_assert_max_num_queries):
    reminder = standup(leads=[timedelta(minutes=n) for n in range(10)], stored_at=now - HOUR)
    for minutes in range(10):
        tick.run(now - minutes * MINUTE)
    deliver_due(now)
    reminder = Reminder.objects.select_related("owner").get()
    with django_assert_max_num_queries(30) as queries:
        explain(reminder, now + HOUR, AT)
    assert all(each["sql"].startswith("SELECT") for each in queries)
