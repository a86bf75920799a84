"""What came after a firing is explained: nags, the escalation, snoozes, and who answered how."""

from datetime import timedelta

import pytest

from accounts.audit.actor import Actor, acting_as
from notifications.models import Channel, Delivery
from notifications.outbox.round import deliver_due
from reminders.actions import responses
from reminders.engine import tick
from reminders.explain.explanation import explain
from reminders.explain.verdicts import Verdict
from reminders.models import Occurrence

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken", "recorder")]

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TEN = 10 * MINUTE
AT = "2026-11-23T17:00"
NAME = "Monday 23 November 2026 at 17:00 (UTC)"


@pytest.fixture
def fired(make_reminder, now):
    """Return a function that stores a reminder and fires it at `now`."""

    def fire(**fields):
        reminder = make_reminder(**fields)
        reminder.created_at = now - HOUR
        reminder.save()
        round_at(now)
        return Occurrence.objects.get()

    return fire


def round_at(now):
    tick.run(now)
    deliver_due(now)


def ask(occurrence, now):
    occurrence.refresh_from_db()
    return explain(occurrence.reminder, now, AT)


def test_acknowledged_says_by_whom_and_through_which_face(fired, user, now):
    occurrence = fired()
    with acting_as(Actor("api", user.pk)):
        responses.acknowledge(occurrence, now + TEN)
    answer = ask(occurrence, now + HOUR)
    assert answer.verdict == Verdict.ACKNOWLEDGED
    assert answer.conclusion == (
        f"{NAME}: it fired on time; accepted by Webhook: Hook; acknowledged by ada through the API "
        "on Monday 23 November 2026 at 17:10 (UTC)."
    )
    step = answer.steps[-1]
    assert (step.what, step.depth, step.at) == ("acknowledged", 2, now + TEN)
    assert step.data == {"face": "api", "user": user.pk, "channel": None, "detail": ""}


def test_snoozed_says_until_when_and_with_which_link(fired, channel, now):
    occurrence = fired()
    with acting_as(Actor("link", channel_id=channel.pk)):
        responses.snooze(occurrence, now + HOUR, now + TEN)
    answer = ask(occurrence, now + TEN)
    assert answer.verdict == Verdict.SNOOZED
    assert "snoozed until Monday 23 November 2026 at 18:00 (UTC) with a link" in answer.conclusion
    assert "in a message to Webhook: Hook" in answer.conclusion
    assert (answer.steps[-1].what, answer.steps[-1].at) == ("next", now + HOUR)


def test_chain_has_nags_and_the_escalation_in_the_order_of_time(fired, user, now):
    boss = Channel.objects.inbox_of(user)
    occurrence = fired(nag_every=4 * MINUTE, escalate_after=TEN, escalate_channels=[boss])
    for minutes in (4, 8, 10):
        round_at(now + minutes * MINUTE)
    answer = ask(occurrence, now + TEN)
    assert answer.verdict == Verdict.SENT
    assert answer.conclusion == (
        f"{NAME}: it fired on time; accepted by Webhook: Hook; nag 1; nag 2; "
        "escalated after 10 min without an answer."
    )
    chain = [(step.depth, step.what) for step in answer.steps if step.depth in {2, 3}]
    assert chain == [
        (2, "fired"),
        (3, "delivery"),
        (2, "nag"),
        (3, "delivery"),
        (2, "nag"),
        (3, "delivery"),
        (2, "escalated"),
        (3, "delivery"),
        (2, "next"),
    ]


def test_nag_that_reaches_nobody_is_told(fired, channel, now):
    occurrence = fired(nag_every=TEN)
    channel.disable("gone", now)
    round_at(now + TEN)
    answer = ask(occurrence, now + TEN)
    assert answer.verdict == Verdict.UNDELIVERED
    assert "nag 1: it did not reach Webhook: Hook (cancelled: Channel disabled" in answer.conclusion


def test_what_was_not_sent_any_more_for_it_was_answered_is_no_failure(fired, now, make_reminder):
    occurrence = fired()
    Delivery.objects.update(status="cancelled", reason=responses.SNOOZED)
    with acting_as(Actor("command")):
        responses.snooze(occurrence, now + TEN, now)
    round_at(now + TEN)
    answer = ask(occurrence, now + TEN)
    assert answer.verdict == Verdict.SENT
    assert "no longer sent to Webhook: Hook; said again after the snooze;" in answer.conclusion


def test_skipped_says_by_whom(make_reminder, user, now):
    reminder = make_reminder(recurrence="FREQ=DAILY")
    reminder.created_at = now - HOUR
    reminder.save()
    with acting_as(Actor("admin", user.pk)):
        responses.skip_next(reminder, now - MINUTE)
    answer = ask(Occurrence.objects.get(), now)
    assert answer.verdict == Verdict.SKIPPED
    assert answer.conclusion == (
        f"{NAME}: it was skipped by ada in the admin on Monday 23 November 2026 at 16:59 (UTC)."
    )
    assert [step.what for step in answer.steps if step.depth == 2] == ["skipped"]
