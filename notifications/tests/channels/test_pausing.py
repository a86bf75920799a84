"""A channel that is paused gets nothing until then, and everything after that."""

from datetime import time, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from accounts.models import User
from accounts.models import pause as pauses
from notifications.channels import direct_send
from notifications.explain.delivery import steps_of
from notifications.models import Channel, Delivery
from notifications.models.channel import FOREVER
from notifications.models.delivery import EPOCH
from notifications.outbox import hold_rules, lease
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import deliver_due
from notifications.sql import bulk_cursor
from notifications.transports import TransportError

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def inbox(user):
    return Channel.objects.inbox_of(user)


def post(channel, at, name="1", **fields):
    post_messages([Post(channel.pk, f"test:{name}", "Tea", "", at, **fields)], at)
    return Delivery.objects.get(channel=channel, reference=f"test:{name}")


def reread(row):
    row.refresh_from_db()
    return row


def sent(recorder):
    return [message.reference for message in recorder.sent]


@pytest.mark.parametrize("urgent", [False, True])
def test_message_waits_for_the_end_of_the_pause(channel, now, recorder, urgent):
    hold_rules.pause(channel, now, now + HOUR)
    delivery = post(channel, now + MINUTE, urgent=urgent)
    deliver_due(now + HOUR - SECOND)
    assert sent(recorder) == []
    assert (reread(delivery).held, delivery.next_attempt_at) == ("paused", now + HOUR)
    deliver_due(now + HOUR)
    assert sent(recorder) == ["test:1"]


def test_what_was_queued_before_waits_as_well(channel, now, recorder):
    delivery = post(channel, now)
    hold_rules.pause(channel, now, now + HOUR)
    deliver_due(now)
    assert sent(recorder) == []
    assert (reread(delivery).attempt, delivery.next_attempt_at) == (0, now + HOUR)


def test_retry_waits_as_well(channel, now, recorder):
    recorder.fail_with(TransportError("busy", permanent=False))
    delivery = post(channel, now)
    deliver_due(now)
    hold_rules.pause(channel, now, now + HOUR)
    deliver_due(reread(delivery).next_attempt_at)
    assert (reread(delivery).attempt, delivery.next_attempt_at) == (1, now + HOUR)


def test_lost_one_waits_as_well_and_is_taken_up_after_the_pause(channel, now, recorder):
    delivery = post(channel, now)
    lease.lease_oldest(now)
    hold_rules.pause(channel, now)
    deliver_due(now + lease.LEASE)
    assert (reread(delivery).status, delivery.held) == ("queued", "paused")
    hold_rules.resume(channel, now + HOUR)
    deliver_due(now + HOUR)
    assert sent(recorder) == ["test:1"]


def test_other_channels_get_theirs(channel, inbox, now, recorder):
    hold_rules.pause(channel, now)
    post(channel, now)
    post(inbox, now)
    deliver_due(now)
    assert [message.channel_id for message in recorder.sent] == [inbox.pk]


def test_pause_without_an_end_lasts_until_somebody_resumes(channel, now, recorder):
    hold_rules.pause(channel, now)
    delivery = post(channel, now)
    deliver_due(now + 3000 * DAY)
    assert sent(recorder) == []
    hold_rules.resume(channel, now + DAY)
    assert (channel.paused_at, channel.paused_until) == (None, None)
    assert (reread(delivery).held, delivery.next_attempt_at) == (None, now + DAY)
    deliver_due(now + DAY)
    assert sent(recorder) == ["test:1"]


def test_what_waits_is_cancelled_on_request(channel, now, recorder):
    before = post(channel, now - MINUTE, "before")
    deliver_due(now - MINUTE)
    hold_rules.pause(channel, now)
    waiting = post(channel, now, "waiting")
    hold_rules.resume(channel, now + HOUR, drop=True)
    deliver_due(now + HOUR)
    assert sent(recorder) == ["test:before"]
    assert (reread(waiting).status, waiting.reason) == ("cancelled", hold_rules.DROPPED)
    assert reread(before).status == "sent"


def test_pausing_again_gives_another_end_and_keeps_the_beginning(channel, now):
    hold_rules.pause(channel, now, now + HOUR)
    delivery = post(channel, now)
    hold_rules.pause(channel, now + MINUTE, now + 2 * HOUR)
    assert (channel.paused_at, channel.paused_until) == (now, now + 2 * HOUR)
    assert reread(delivery).next_attempt_at == now + 2 * HOUR
    hold_rules.pause(channel, now + MINUTE, now + 30 * MINUTE)
    assert reread(delivery).next_attempt_at == now + 30 * MINUTE


def test_quiet_hours_hold_what_a_pause_has_let_go(user, channel, now, recorder):
    user.quiet_from, user.quiet_until = time(17, 30), time(7)
    user.save()
    hold_rules.pause(channel, now, now + HOUR)
    delivery = post(channel, now)
    assert delivery.next_attempt_at == now + 14 * HOUR
    hold_rules.resume(channel, now + MINUTE)
    assert reread(delivery).next_attempt_at == now + MINUTE


def test_digest_collects_what_a_pause_has_held(channel, now, recorder):
    Channel.objects.filter(pk=channel.pk).update(digest_every=HOUR)
    hold_rules.pause(channel, now, now + 3 * HOUR)
    for number in range(3):
        post(channel, now + number * HOUR, str(number))
    deliver_due(now + 3 * HOUR - SECOND)
    assert sent(recorder) == []
    deliver_due(now + 3 * HOUR)
    (message,) = recorder.sent
    assert message.title == "Digest: 3 reminders"


def test_flood_guard_counts_from_the_end_of_the_pause(user, now, recorder):
    mail = Channel.objects.create(
        owner=user, kind="email", name="M", address="ada@example.com", verified_at=EPOCH
    )
    Channel.objects.filter(pk=mail.pk).update(flood_limit=2)
    hold_rules.pause(mail, now, now + DAY)
    for number in range(5):
        post(mail, now + number * HOUR, str(number))
    deliver_due(now + DAY)
    assert len(recorder.sent) == 2
    assert Delivery.objects.filter(held="flood", next_attempt_at=now + DAY + HOUR).count() == 3


def test_end_lies_ahead(channel, now):
    with pytest.raises(ValidationError) as refused:
        hold_rules.pause(channel, now, now)
    assert list(refused.value.message_dict) == ["until"]
    assert reread(channel).paused_at is None


def test_database_has_no_pause_without_an_end(channel, now):
    with pytest.raises(IntegrityError, match="pause_ends"):
        Channel.objects.filter(pk=channel.pk).update(paused_at=now)


def test_test_message_waits_as_well(channel, now, recorder):
    hold_rules.pause(channel, now, now + HOUR)
    told = direct_send.test(channel, now)
    assert told.attempt is None
    assert reread(told.delivery).next_attempt_at == now + HOUR


def test_explanation_tells_that_the_channel_is_paused(channel, now):
    hold_rules.pause(channel, now, now + HOUR)
    told = [step.text for step in steps_of(post(channel, now), now, 0)]
    assert told[-1] == "its channel is paused until 2026-11-23 18:00 UTC"
    hold_rules.pause(channel, now)
    *_, last = steps_of(Delivery.objects.select_related("channel").get(), now, 0)
    assert (last.text, last.at) == ("its channel is paused until somebody resumes it", None)


def test_api_shows_no_moment_that_never_comes(api, channel, now):
    answer = api.post(f"/api/v1/channels/{channel.pk}/pause/").json()
    assert answer["paused_at"] is not None
    assert answer["paused_until"] is None
    assert reread(channel).paused_until == FOREVER
    delivery = post(channel, now)
    assert api.get(f"/api/v1/deliveries/{delivery.pk}/").json()["next_attempt_at"] is None
    asked = {"drop": True}
    answer = api.post(f"/api/v1/channels/{channel.pk}/resume/", asked, format="json").json()
    assert answer["paused_at"] is None
    assert reread(delivery).status == "cancelled"


# Everything


def test_lease_takes_only_the_canary_while_everything_is_paused(planted, channel, now, recorder):
    post(channel, now - MINUTE)
    post(Channel.objects.get(pk=0), now)
    pause, _ = pauses.begin("everything", now)
    deliver_due(now)
    assert [message.channel_id for message in recorder.sent] == [0]
    pause.end(now + MINUTE)
    deliver_due(now + MINUTE)
    assert [message.channel_id for message in recorder.sent] == [0, channel.pk]


def test_lease_of_channels_and_of_one_take_nothing_while_everything_is_paused(channel, now):
    delivery = post(channel, now)
    pauses.begin("everything", now)
    assert lease.lease_of_channels(now, [channel.pk], ["webhook"]) == []
    assert lease.lease_this(delivery.pk, now) is None


def test_delivery_tells_that_everything_is_paused(channel, now):
    delivery = post(channel, now)
    pauses.begin("everything", now, reason="Wrong import")
    *_, last = steps_of(delivery, now, 0)
    assert last.text.startswith("everything is paused since")


@pytest.mark.usefixtures("unknown")
def test_lease_looks_for_paused_channels_by_an_index_that_is_empty_as_a_rule(channel, now):
    post(channel, now)
    with bulk_cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        values = {"now": now, "until": now, "limit": 10}
        cursor.execute(f"EXPLAIN (ANALYZE) {lease.LEASE_OLDEST}", values)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Scan on notifications_channel_paused" in plan
    assert "Index Scan using notifications_delivery_due" in plan
    assert "Sort" not in plan


@pytest.mark.usefixtures("unknown")
@pytest.mark.parametrize("is_any_off", [False, True])
def test_lease_asks_for_the_owner_of_what_is_due_only_while_an_account_is_off(
    channel, stranger, now, is_any_off
):
    post(channel, now)
    User.objects.filter(pk=stranger.pk).update(is_active=not is_any_off)
    with bulk_cursor(by_index=True) as cursor:
        values = {"now": now, "until": now, "limit": 10}
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF) {lease.LEASE_OLDEST}", values)
        lines = [line.strip() for (line,) in cursor.fetchall()]
    gate, probe_of_owner = [line for line in lines if "accounts_pause_one_of_account" in line]
    assert f"rows={int(is_any_off)}.00 loops=1" in gate
    assert ("loops=1" if is_any_off else "never executed") in probe_of_owner
    assert any("Index Cond: (owner_id = " in line for line in lines)


@pytest.mark.usefixtures("unknown")
def test_lease_begins_at_the_canary_while_everything_is_paused(planted, channel, now):
    for number in range(50):
        post(channel, now - HOUR, str(number))
    post(Channel.objects.get(pk=0), now)
    pauses.begin("everything", now)
    with bulk_cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        values = {"now": now, "until": now, "limit": 100}
        cursor.execute(f"EXPLAIN (ANALYZE) {lease.LEASE_OLDEST}", values)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Rows Removed by Filter: 50" not in plan
    assert Delivery.objects.get(channel=0).status == "sending"
