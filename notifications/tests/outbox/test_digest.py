"""A channel's messages collected into one: once for each window, whoever dies or comes late."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import IntegrityError, transaction

from notifications.models import Attempt, Delivery
from notifications.models.delivery import EPOCH
from notifications.operations import ledger, retention
from notifications.outbox import hold_rules
from notifications.outbox.lease import lease_of_channels, lease_oldest
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import deliver_due
from notifications.tests.outbox.test_hold_rules import held, post, quiet  # noqa: F401
from notifications.transports import TransportError

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

NOON = datetime(2026, 11, 23, 12, 5, tzinfo=UTC)
ONE = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def hourly(channel):
    channel.digest_every = timedelta(hours=1)
    hold_rules.store(channel, NOON)
    return channel


def digests():
    return Delivery.objects.filter(reference__startswith="digest:")


def test_messages_of_a_window_go_out_as_one_when_it_ends(hourly, recorder):
    post(hourly, 3, at=NOON)
    deliver_due(ONE - SECOND)
    assert recorder.sent == []
    deliver_due(ONE)
    (message,) = recorder.sent
    assert message.title == "Digest: 3 reminders"
    assert message.reference == f"digest:{hourly.pk}:{int(ONE.timestamp())}"
    assert digests().get().status == Delivery.Status.SENT


def test_digest_tells_each_message_by_its_time_title_and_first_line(hourly, user, recorder):
    user.timezone = "Europe/Berlin"
    user.save()
    told = [
        Post(hourly.pk, "occurrence:1", "Tea", "Green.\n\nLate.", NOON, {"reminder_id": 7}),
        Post(hourly.pk, "occurrence:2", "Bread", "", NOON - timedelta(days=1)),
    ]
    post_messages(told, NOON)
    deliver_due(ONE)
    (message,) = recorder.sent
    assert message.body == (
        "2 reminders collected until Monday 23 November 2026 at 14:00 (Europe/Berlin):\n\n"
        "• Sun 22 Nov 13:05  Bread\n• 13:05  Tea\n  Green."
    )
    assert message.data["messages"][1] == {
        "reminder_id": 7,
        "title": "Tea",
        "due_at": "2026-11-23T12:05:00Z",
    }


def test_collected_messages_end_with_the_digest_that_has_them(hourly, recorder):
    deliveries = post(hourly, 2, at=NOON)
    deliver_due(ONE)
    for each in deliveries:
        each.refresh_from_db()
        assert each.status == Delivery.Status.COLLECTED
        assert each.digest == digests().get()
        assert each.attempts.count() == 0


def test_message_that_is_alone_goes_out_as_itself(hourly, recorder):
    (delivery,) = post(hourly, 1, at=NOON)
    deliver_due(ONE)
    assert [each.title for each in recorder.sent] == ["Tea occurrence:1"]
    assert held([delivery]) == [("alone", None)]


def test_daily_digest_goes_out_at_its_local_time(channel, user):
    user.timezone = "Europe/Berlin"
    user.save()
    channel.digest_at = time(8)
    hold_rules.store(channel, NOON)
    tomorrow = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
    assert held(post(channel, 1, at=NOON)) == [("digest", tomorrow)]


def test_urgent_message_is_not_collected(hourly, recorder):
    post(hourly, 1, at=NOON, urgent=True)
    deliver_due(NOON)
    assert len(recorder.sent) == 1


def test_digests_of_quiet_hours_are_one_at_their_end(quiet, hourly, recorder):  # noqa: F811
    night = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)
    post(hourly, 1, at=night)
    post(hourly, 1, at=night + timedelta(hours=3), first=10)
    morning = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
    deliver_due(morning - SECOND)
    assert recorder.sent == []
    deliver_due(morning)
    assert [each.title for each in recorder.sent] == ["Digest: 2 reminders"]


def test_windows_that_ended_while_nobody_worked_are_a_digest_each(hourly, recorder):
    post(hourly, 2, at=NOON)
    post(hourly, 2, at=NOON + timedelta(hours=1), first=10)
    deliver_due(NOON + timedelta(hours=5))
    assert len(recorder.sent) == digests().count() == 2


def test_no_worker_sends_by_itself_what_waits_to_be_collected(hourly):
    post(hourly, 2, at=NOON)
    assert lease_oldest(ONE) == []
    assert lease_of_channels(ONE, [hourly.pk], ["webhook"]) == []


def test_database_refuses_a_second_digest_of_a_window(hourly, recorder):
    post(hourly, 2, at=NOON)
    deliver_due(ONE)
    digest = digests().get()
    digest.pk = None
    with pytest.raises(IntegrityError, match="once_per_cause"), transaction.atomic():
        digest.save(force_insert=True)


def test_what_comes_after_its_digest_waits_for_another(hourly, recorder):
    """As when whoever posted it committed only then."""
    post(hourly, 2, at=NOON)
    deliver_due(ONE)
    late = post(hourly, 2, at=NOON, first=10)
    deliver_due(ONE + SECOND)
    assert held(late) == [("digest", ONE + timedelta(hours=1))] * 2
    deliver_due(ONE + timedelta(hours=1))
    assert digests().count() == 2
    assert {each.digest_id for each in Delivery.objects.filter(digest__isnull=False)} == {
        each.pk for each in digests()
    }


def test_what_waits_goes_out_by_itself_when_the_digest_is_switched_off(hourly, recorder):
    post(hourly, 3, at=NOON)
    hourly.digest_every = None
    hold_rules.store(hourly, NOON + SECOND)
    deliver_due(NOON + SECOND)
    assert len(recorder.sent) == 3


def test_message_cancelled_while_it_waits_is_in_no_digest(hourly, recorder):
    first, *_ = post(hourly, 3, at=NOON)
    Delivery.objects.filter(pk=first.pk).cancel("Reminder deleted.", NOON)
    deliver_due(ONE)
    assert [each.title for each in recorder.sent] == ["Digest: 2 reminders"]


def test_digest_is_tried_again_like_any_other(hourly, recorder):
    post(hourly, 2, at=NOON)
    recorder.fail_with(TransportError("busy"))
    deliver_due(ONE)
    recorder.recover()
    deliver_due(ONE + timedelta(minutes=1))
    assert [each.outcome for each in digests().get().attempts.all()] == ["transient", "sent"]


def test_flood_goes_out_as_one_at_the_end_of_the_hour(channel, recorder):
    channel.flood_limit = 2
    hold_rules.store(channel, NOON)
    post(channel, 5, at=NOON)
    deliver_due(NOON)
    assert len(recorder.sent) == 2
    deliver_due(ONE)
    digest = recorder.sent[-1]
    assert digest.title == "Digest: 3 reminders"
    assert "beyond the 2 an hour that go out at once" in digest.body
    assert digest.data["held"] == "flood"


def test_channel_that_hangs_keeps_its_windows(hourly, recorder):
    post(hourly, 1, at=NOON, urgent=True, first=50)
    recorder.fail_with(TransportError("no answer", hung=True))
    deliveries = post(hourly, 2, at=NOON)
    deliver_due(NOON)
    deliveries += post(hourly, 1, at=NOON + SECOND, first=10)
    assert held(deliveries) == [("digest", ONE)] * 3


def test_long_digest_tells_some_and_counts_the_rest(hourly, recorder):
    post(hourly, 70, at=NOON)
    deliver_due(ONE)
    assert recorder.sent[0].title == "Digest: 70 reminders"
    assert "… and 20 more" in recorder.sent[0].body
    assert len(recorder.sent[0].data["messages"]) == 50


def test_digest_that_cannot_be_made_holds_up_nobody_else(hourly, user, recorder, caplog):
    post(hourly, 2, at=NOON)
    Delivery.objects.update(data=[])  # no transport knows what this is
    other = user.channels.create(
        kind="webhook", name="Other", address="http://x.org", verified_at=EPOCH
    )
    post(other, 1, at=ONE, first=50)
    deliver_due(ONE)
    assert [each.channel_id for each in recorder.sent] == [other.pk]
    assert "digests could not be collected" in caplog.text


# The ledger


@pytest.fixture
def collected(hourly, recorder):
    deliveries = post(hourly, 3, at=NOON)
    deliver_due(ONE)
    return deliveries


def read_ledger():
    return ledger.read(ledger.Period())


def test_ledger_counts_collected_messages_by_what_collected_them(collected):
    read, wrong = read_ledger()
    assert wrong == []
    assert read.collected == {"Collected in a digest.": 3}
    assert (read.posted, read.sent, read.pending) == (4, 1, 0)


def test_ledger_tells_of_collected_messages_whose_digest_is_not_there(collected):
    Delivery.objects.filter(pk=digests().get().pk).update(channel=0)
    assert ("Collected deliveries whose digest is not there.", 3) in [
        (each.text, each.count) for each in read_ledger()[1]
    ]


def test_ledger_tells_of_collected_messages_that_were_attempted(collected, now):
    Attempt.objects.create(delivery=collected[0], number=1, outcome="sent", ended_at=now)
    assert ["attempts do not add up" in each.text for each in read_ledger()[1]] == [True]


def test_collected_message_without_a_digest_is_refused_by_the_database(collected):
    with pytest.raises(IntegrityError, match="collected_in_digest"), transaction.atomic():
        Delivery.objects.filter(pk=collected[0].pk).update(digest=None)


def test_digest_stays_for_as_long_as_what_it_collected(collected):
    later = ONE + timedelta(days=100)
    name = digests().get().reference
    assert retention.remove({name: name}, later).blocked == {name}
    assert (
        retention.remove({each.reference: each.reference for each in collected}, later).deliveries
        == 3
    )
    assert retention.remove({name: name}, later).deliveries == 1
    read, wrong = read_ledger()
    assert wrong == []
    assert (read.posted, sum(read.collected.values()), read.pruned) == (4, 3, 4)
