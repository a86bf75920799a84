"""Why a message has not come yet, or came with others: quiet hours, digests, the flood guard."""

from datetime import time

import pytest

from notifications.models import Channel, Delivery
from notifications.outbox.round import deliver_due
from notifications.transports import TransportError
from reminders.engine import tick
from reminders.explain.verdicts import Verdict
from reminders.models import Reminder

from .test_explain import HOUR, ask, words_of
from .test_explain import standup as standup  # noqa: PLC0414

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]


def test_message_held_by_quiet_hours_says_until_when(standup, user, now):
    user.quiet_from, user.quiet_until = time(16), time(23)
    user.save()
    reminder = standup()
    tick.run(now)
    found = ask(reminder, now)
    assert found.verdict == Verdict.ON_ITS_WAY
    assert "held by quiet hours: the first attempt is in 6 h" in found.conclusion


def test_message_held_by_the_flood_guard_says_so(standup, channel, now):
    Channel.objects.update(flood_limit=1)
    standup()
    reminder = standup()
    tick.run(now)
    told = {ask(each, now).conclusion for each in Reminder.objects.all()}
    assert reminder.pk
    assert any("held by the flood guard: more than 1 within the hour" in each for each in told)


@pytest.fixture
def collected(standup, now):
    """Return a reminder that fired together with another into the digest of the hour."""
    Channel.objects.update(digest_every=HOUR)
    standup()
    reminder = standup()
    tick.run(now)
    return reminder


def digest():
    return Delivery.objects.get(reference__startswith="digest:").pk


def test_collected_message_was_sent_with_its_digest(collected, recorder, now):
    deliver_due(now + HOUR)
    found = ask(collected, now + HOUR)
    assert found.verdict == Verdict.SENT
    assert f"accepted by Webhook: Hook (in digest {digest()})" in found.conclusion
    assert f"in digest {digest()}, which was sent" in " ".join(words_of(found, "delivery"))


def test_collected_message_has_died_with_its_digest(collected, recorder, now):
    recorder.fail_with(TransportError("no such mailbox", permanent=True))
    deliver_due(now + HOUR)
    found = ask(collected, now + HOUR)
    assert found.verdict == Verdict.UNDELIVERED
    assert f"(in digest {digest()}) (dead: no such mailbox)" in found.conclusion
    assert f"in digest {digest()}, which was given up" in " ".join(words_of(found, "delivery"))


def test_message_that_waits_for_a_digest_says_so(collected, now):
    found = ask(collected, now)
    assert found.verdict == Verdict.ON_ITS_WAY
    assert "held for the digest that goes out in 1 h" in found.conclusion
