"""P2: what is posted is accounted for, down to each attempt, and what disappears is missed."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from notifications.models import Attempt, Channel, Delivery, DeliveryTally
from notifications.operations import ledger, retention
from notifications.operations.ledger import Period
from notifications.outbox.lease import LEASE, lease_oldest, release
from notifications.outbox.post import Post, post_messages
from notifications.outbox.queue import retry_now
from notifications.outbox.round import deliver_due
from notifications.retry import MAX_ATTEMPTS
from notifications.transports import TransportError

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

DAY = timedelta(days=1)
ALL = Period()


@pytest.fixture
def post(channel, now):
    def post(*references, channel=channel, now=now):
        posts = [Post(channel.pk, each, "Stand-up", "", now) for each in references]
        return post_messages(posts, now)

    return post


def sql(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def figures(period=ALL, owner=None):
    return ledger.read(period, owner)[0]


def wrong(period=ALL, owner=None):
    return [each.text for each in ledger.read(period, owner)[1]]


def tally():
    return list(
        DeliveryTally.objects.order_by("day", "pk").values_list(
            "day", "status", "recorded", "pruned"
        )
    )


def test_each_insert_is_tallied_by_its_day(post, now):
    post("a", "b")
    post("a", "c", now=now + DAY)
    first = now.date()
    assert tally() == [(first, "posted", 2, 0), (first + DAY, "posted", 1, 0)]


def test_rows_of_many_instants_are_tallied_by_the_day(channel, now):
    fields = {"channel": channel, "title": "t", "due_at": now, "next_attempt_at": now}
    instants = [now + timedelta(hours=hour) for hour in range(8)]
    Delivery.objects.bulk_create(
        [Delivery(reference=f"{at}", created_at=at, **fields) for at in instants]
    )
    assert tally() == [(now.date(), "posted", 7, 0), ((now + DAY).date(), "posted", 1, 0)]


def test_the_day_of_the_tally_is_that_of_utc(post):
    sql("SET LOCAL TimeZone = 'Pacific/Auckland'")
    post("a", now=datetime(2026, 11, 23, 23, 59, tzinfo=UTC))
    assert DeliveryTally.objects.get().day == datetime(2026, 11, 23).date()


def test_all_that_can_become_of_a_delivery_adds_up(post, recorder, now):
    post("sent")
    deliver_due(now)
    post("dead")
    recorder.fail_with(TransportError("answered 550: no such mailbox", permanent=True))
    deliver_due(now)
    post("cancelled", "sending")
    Delivery.objects.filter(reference="cancelled").cancel("Reminder deleted.", now)
    lease_oldest(now)
    post("queued")
    found = figures()
    # The notice to the inbox that a message was lost, which is lost as well.
    assert (found.posted, found.sent, found.queued, found.sending) == (6, 1, 1, 1)
    assert found.dead == {"answered 550": 2}
    assert found.cancelled == {"Reminder deleted.": 1}
    assert wrong() == []


def test_period_begins_with_since_and_ends_before_until(post, now):
    for hour in range(3):
        post(f"{hour}", now=now + timedelta(hours=hour))
    period = Period(now, now + timedelta(hours=2))
    assert (figures(period).posted, wrong(period)) == (2, [])


def test_one_owners_deliveries_only(post, user, stranger):
    post("a")
    post("a", "b", channel=Channel.objects.inbox_of(stranger))
    assert (figures(owner=user).posted, figures(owner=stranger).posted) == (1, 2)
    assert wrong(owner=user) == []


def test_deleted_delivery_is_missed(post, now):
    post("a", "b")
    sql("DELETE FROM notifications_delivery WHERE reference = 'a'")
    assert wrong() == ["On 2026-11-23 2 deliveries were posted, but 1 are there and 0 were pruned."]


def test_deleted_delivery_is_missed_in_a_period_of_an_hour_of_its_day(post, now):
    post("a")
    sql("DELETE FROM notifications_delivery")
    assert len(wrong(Period(now - timedelta(hours=5), now - timedelta(hours=4)))) == 1
    assert wrong(Period(now + DAY, now + 2 * DAY)) == []


def test_delivery_that_came_past_the_trigger_is_noticed(post, now):
    post("a")
    sql("UPDATE notifications_delivery SET created_at = created_at + interval '1 day'")
    assert len(wrong()) == 2


def test_deleted_attempt_is_missed(post, recorder, now):
    post("a")
    deliver_due(now)
    sql("DELETE FROM notifications_attempt")
    assert wrong() == ["Deliveries whose attempts do not add up with what became of them."]


def test_imbalance_names_the_rows(post, recorder, now):
    post("a", "b")
    deliver_due(now)
    sql("DELETE FROM notifications_attempt WHERE delivery_id = %s", gone := first_id())
    [imbalance] = ledger.read(ALL)[1]
    assert (imbalance.count, imbalance.examples) == (1, (gone,))


def first_id():
    return Delivery.objects.order_by("pk").values_list("pk", flat=True)[0]


def test_sent_by_hand_without_an_accepted_attempt_is_noticed(post, recorder, now):
    post("a")
    recorder.fail_with(TransportError("gone", permanent=True))
    deliver_due(now)
    sql("UPDATE notifications_delivery SET status = 'sent', reason = ''")
    assert len(wrong()) == 1


def test_deleted_channel_row_is_missed(post, channel):
    post("a")
    sql("DELETE FROM notifications_channel WHERE id = %s", channel.pk)
    assert wrong() == ["Deliveries whose channel is not there."]


def test_lease_given_back_adds_up(post, now):
    post("a")
    release([each.message for each in lease_oldest(now)])
    assert wrong() == []


def test_lost_lease_taken_over_adds_up(post, now):
    post("a")
    lease_oldest(now)
    lease_oldest(now + LEASE)
    assert wrong() == []


def test_last_lost_lease_adds_up(post, now):
    post("a")
    for n in range(MAX_ATTEMPTS + 1):
        lease_oldest(now + n * LEASE)
    assert figures().dead == {"Gave up after 10 attempts; the last one has no known outcome.": 1}
    assert wrong() == []


@pytest.mark.parametrize("error", [None, TransportError("busy")])
def test_delivery_cancelled_while_it_is_sent_adds_up(post, recorder, now, error):
    post("a")

    def cancel(message):
        Delivery.objects.all().cancel("Reminder deleted.", now)
        if error:
            raise error

    recorder.on_send = cancel
    deliver_due(now)
    assert Delivery.objects.get().status == ("cancelled" if error else "sent")
    assert wrong() == []


def test_delivery_cancelled_while_it_is_leased_adds_up(post, now):
    post("a")
    leased = lease_oldest(now)
    Delivery.objects.all().cancel("Reminder deleted.", now)
    release([each.message for each in leased])
    assert wrong() == []


def test_retry_by_hand_adds_up(post, recorder, now):
    post("a")
    recorder.fail_with(TransportError("gone", permanent=True))
    deliver_due(now)
    retry_now([Delivery.objects.get(reference="a").pk], now)
    assert wrong() == []
    recorder.recover()
    deliver_due(now)
    attempts = Attempt.objects.filter(delivery__reference="a")
    assert (figures().sent, attempts.count(), wrong()) == (1, 2, [])


def test_what_foam_sends_itself_is_counted_nowhere(post, user, now):
    own = Channel.objects.create(pk=0, owner=user, kind="null", name="Canary")
    post("canary", channel=own)
    assert (figures().posted, tally(), list(ledger.by_owner(ALL)), wrong()) == (0, [], [], [])
    sql("DELETE FROM notifications_delivery")
    assert wrong() == []


def test_compact_leaves_one_row_of_each_and_changes_no_sum(post, now):
    post("a")
    post("b")
    post("c", now=now + DAY)
    post("d", now=now + DAY)
    retention.compact_tally(DeliveryTally, (now + DAY).date())
    tomorrow = (now + DAY).date(), "posted", 1, 0
    assert tally() == [(now.date(), "posted", 2, 0), tomorrow, tomorrow]


def test_ledger_reads_an_hour_by_the_index_of_periods(post, now):
    hour = Period(now - timedelta(hours=1), now)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = ledger.counted().filter(hour.touches("created_at")).explain()
    assert "notifications_delivery_period" in plan
