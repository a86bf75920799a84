"""P2, P3: what is posted is sent or ends with its reason, and only the lease holder records."""

import threading
from collections import Counter
from datetime import timedelta
from functools import cache

import pytest
from django.db import IntegrityError, connection, transaction
from kombu.exceptions import OperationalError

from notifications.models import Attempt, Channel, Delivery
from notifications.outbox import shutdown
from notifications.outbox.lease import (
    CHANNELS_WITH_WORK,
    DELIVERIES_PER_CHANNEL,
    LEASE,
    LEASE_BATCH_SIZE,
    channels_with_work,
    lease_of_channels,
    lease_oldest,
    release,
)
from notifications.outbox.post import Post, post_messages
from notifications.outbox.queue import retry_now, wake_workers
from notifications.outbox.round import Round, deliver, deliver_due
from notifications.retry import LADDER, MAX_ATTEMPTS
from notifications.sql import bulk_cursor
from notifications.tests.receivers import Hang, HttpReceiver
from notifications.transports import TransportError, base
from notifications.transports.http.lanes import Lane
from notifications.transports.webhook import WebhookTransport

pytestmark = pytest.mark.django_db


@pytest.fixture
def post(channel, now, woken):
    def post(reference="occurrence:1", **fields):
        message = {
            "channel_id": channel.pk,
            "reference": reference,
            "title": "Stand-up",
            "body": "Bring coffee.",
            "due_at": now,
            "data": {"type": "reminder.due"},
        }
        return post_messages([Post(**{**message, **fields})], now)

    return post


@pytest.fixture
def delivery(post):
    post()
    return Delivery.objects.get()


def reread(delivery):
    delivery.refresh_from_db()
    return delivery


def test_posted_message_is_sent_with_its_words(delivery, recorder, now):
    deliver_due(now)
    assert [(m.title, m.body, m.due_at) for m in recorder.sent] == [
        ("Stand-up", "Bring coffee.", now)
    ]


def test_accepted_message_ends_as_sent(delivery, recorder, now):
    deliver_due(now)
    assert reread(delivery).status == Delivery.Status.SENT
    assert delivery.finished_at is not None


def test_sent_message_is_not_sent_again(delivery, recorder, now):
    deliver_due(now)
    deliver_due(now + timedelta(days=1))
    assert len(recorder.sent) == 1


def test_same_cause_is_posted_once_per_channel(post):
    assert (post(), post()) == (1, 0)


def test_database_refuses_a_second_delivery_for_the_same_cause(delivery):
    delivery.pk = None
    with pytest.raises(IntegrityError, match="once_per_cause"), transaction.atomic():
        delivery.save(force_insert=True)


def test_post_wakes_the_workers_at_commit_only(
    channel, now, woken, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        post_messages([Post(channel.pk, "x", "t", "", now)], now)
        assert woken == []
    assert woken == ["notifications.tasks.deliver"]


def test_wake_up_expires_so_that_none_pile_up_while_no_worker_runs(monkeypatch):
    sent = []
    monkeypatch.setattr(
        "notifications.outbox.queue.current_app.send_task", lambda name, **how: sent.append(how)
    )
    wake_workers()
    assert sent == [{"expires": 60}]


def test_post_survives_a_broker_that_is_down(
    channel, now, monkeypatch, caplog, django_capture_on_commit_callbacks
):
    def refuse(*args, **kwargs):
        raise OperationalError("broker is down")

    monkeypatch.setattr("notifications.outbox.queue.current_app.send_task", refuse)
    with django_capture_on_commit_callbacks(execute=True):
        post_messages([Post(channel.pk, "x", "t", "", now)], now)
    assert Delivery.objects.due(now).exists()
    assert "could not wake" in caplog.text


def test_transient_error_waits_its_step_of_the_ladder(delivery, recorder, now):
    recorder.fail_with(TransportError("busy"))
    deliver_due(now)
    assert reread(delivery).status == Delivery.Status.QUEUED
    wait = delivery.next_attempt_at - now
    assert LADDER[0] <= wait <= LADDER[0] * 1.1 + timedelta(seconds=5)


def test_receiver_that_asks_for_patience_gets_it(delivery, recorder, now):
    recorder.fail_with(TransportError("slow down", retry_after=timedelta(hours=1)))
    deliver_due(now)
    assert reread(delivery).next_attempt_at - now >= timedelta(hours=1)


def test_permanent_error_ends_the_delivery(delivery, recorder, now):
    recorder.fail_with(TransportError("no such mailbox", permanent=True))
    deliver_due(now)
    assert reread(delivery).status == Delivery.Status.DEAD
    assert delivery.reason == "no such mailbox"


def test_delivery_dies_with_its_reason_after_the_last_attempt(delivery, recorder, now):
    recorder.fail_with(TransportError("answered 500"))
    for _ in range(MAX_ATTEMPTS):
        deliver_due(now)
        now += timedelta(days=2)
    assert reread(delivery).status == Delivery.Status.DEAD
    assert delivery.reason == "Gave up after 10 attempts: answered 500"
    assert delivery.attempts.count() == MAX_ATTEMPTS


def test_message_id_is_the_same_at_each_attempt(delivery, recorder, now):
    recorder.fail_with(TransportError("busy"))
    for _ in range(3):
        deliver_due(now)
        now += timedelta(days=2)
    assert {m.id for m in recorder.tried} == {delivery.message_id}
    assert [m.attempt for m in recorder.tried] == [1, 2, 3]


def test_each_try_leaves_an_attempt(delivery, recorder, now):
    recorder.fail_with(TransportError("busy"))
    deliver_due(now)
    recorder.recover()
    deliver_due(now + timedelta(days=1))
    assert list(delivery.attempts.values_list("number", "outcome", "detail")) == [
        (1, "transient", "busy"),
        (2, "sent", "recorded"),
    ]


def test_unforeseen_exception_costs_only_its_own_message(post, recorder, now, caplog):
    post("good")
    post("bad", title="bomb")

    def explode(message):
        if message.title == "bomb":
            raise ZeroDivisionError

    recorder.on_send = explode
    deliver_due(now)
    assert Delivery.objects.get(reference="good").status == "sent"
    bad = Delivery.objects.get(reference="bad")
    assert bad.status == "queued"
    assert "ZeroDivisionError" in bad.attempts.get().detail
    assert "internal error" in caplog.text


def test_transport_that_breaks_down_costs_an_attempt_of_what_it_left_out(
    delivery, recorder, now, monkeypatch
):
    def break_down(messages, deadline):
        yield from ()
        raise ZeroDivisionError

    monkeypatch.setattr(recorder, "send_many", break_down)
    deliver_due(now)
    assert reread(delivery).status == Delivery.Status.QUEUED
    assert "ZeroDivisionError" in delivery.attempts.get().detail


def test_leased_delivery_is_passed_by(delivery, now):
    assert len(lease_oldest(now)) == 1
    assert lease_oldest(now) == []


def test_lease_of_a_dead_worker_runs_out(delivery, now):
    lease_oldest(now)
    again = lease_oldest(now + LEASE)
    assert [each.message.attempt for each in again] == [2]


def test_attempt_without_outcome_is_recorded_as_uncertain(delivery, now):
    lease_oldest(now)
    lease_oldest(now + LEASE)
    assert list(delivery.attempts.values_list("number", "outcome")) == [(1, "uncertain")]


def test_slow_worker_cannot_overwrite_the_one_that_took_over(delivery, recorder, now):
    slow = lease_oldest(now)
    lease_oldest(now + LEASE)
    recorder.fail_with(TransportError("gone", permanent=True))
    assert deliver(slow, now) == 0
    assert reread(delivery).status == Delivery.Status.SENDING


def test_slow_worker_cannot_put_back_what_another_has_taken_over(delivery, now):
    [slow] = lease_oldest(now)
    lease_oldest(now + LEASE)
    release([slow.message])
    assert (reread(delivery).status, delivery.attempt) == ("sending", 2)


def test_late_outcome_replaces_the_uncertain_one(delivery, recorder, now):
    slow = lease_oldest(now)
    lease_oldest(now + LEASE)
    deliver(slow, now)
    assert delivery.attempts.get(number=1).outcome == Attempt.Outcome.SENT


def test_message_that_kills_its_workers_is_given_up_before_it_is_sent_again(delivery, now):
    for _ in range(MAX_ATTEMPTS):
        assert len(lease_oldest(now)) == 1
        now += LEASE
    assert lease_oldest(now) == []
    assert reread(delivery).status == Delivery.Status.DEAD
    assert "no known outcome" in delivery.reason
    assert delivery.attempts.filter(outcome="uncertain").count() == MAX_ATTEMPTS


def test_what_was_not_begun_goes_back_without_using_an_attempt(
    delivery, recorder, now, monkeypatch
):
    monkeypatch.setattr("notifications.outbox.round.SEND_WITHIN", timedelta(0))
    deliver(lease_oldest(now), now)
    assert (reread(delivery).status, delivery.attempt) == ("queued", 0)
    assert not delivery.attempts.exists()


def test_transport_that_is_not_set_up_says_so_and_is_tried_again(delivery, recorder, now):
    recorder.down = "E-mail is not set up."
    deliver_due(now)
    assert reread(delivery).status == Delivery.Status.QUEUED
    assert delivery.attempts.get().detail == "E-mail is not set up."


def test_outcome_is_recorded_while_others_are_waited_for(post, recorder, now, monkeypatch):
    monkeypatch.setattr("notifications.outbox.round.RECORD_EVERY", timedelta(0))
    post("quick")
    post("hanging")
    seen = []

    def wait_for_the_second(messages, deadline):
        first, second = messages
        yield recorder.attempt(first)
        yield None
        seen.append(Delivery.objects.get(pk=first.delivery_id).status)
        yield recorder.attempt(second)

    monkeypatch.setattr(recorder, "send_many", wait_for_the_second)
    deliver_due(now)
    assert seen == ["sent"]


def test_gone_address_disables_its_channel(delivery, recorder, channel, now):
    recorder.fail_with(TransportError("answered 410", address_gone=True))
    deliver_due(now)
    channel.refresh_from_db()
    assert channel.disabled_at is not None
    assert channel.disabled_reason == "answered 410"


def test_disabling_a_channel_cancels_what_is_queued(delivery, channel, now):
    channel.disable("broken", now)
    assert reread(delivery).status == Delivery.Status.CANCELLED
    assert delivery.reason == "Channel disabled: broken"


def test_message_for_a_disabled_channel_is_recorded_as_cancelled(post, channel, now):
    channel.disable("broken", now)
    post()
    assert channel.deliveries.get().reason == "Channel disabled: broken"


def test_message_for_a_channel_that_is_not_verified_is_recorded_as_cancelled(post, channel, now):
    Channel.objects.update(verified_at=None)
    post()
    delivery = Delivery.objects.get(channel=channel)
    assert (delivery.status, delivery.reason) == ("cancelled", "Channel not verified.")


def test_message_cancelled_on_the_wire_but_accepted_counts_as_sent(
    delivery, recorder, channel, now
):
    recorder.on_send = lambda message: channel.close(now)
    deliver_due(now)
    assert reread(delivery).status == Delivery.Status.SENT


def test_message_cancelled_on_the_wire_and_refused_stays_cancelled(
    delivery, recorder, channel, now
):
    def cancel_and_fail(message):
        channel.close(now)
        raise TransportError("busy")

    recorder.on_send = cancel_and_fail
    deliver_due(now)
    assert reread(delivery).status == Delivery.Status.CANCELLED


def test_dead_delivery_can_be_retried_with_a_whole_new_ladder(delivery, recorder, now):
    recorder.fail_with(TransportError("gone", permanent=True))
    deliver_due(now)
    assert retry_now([delivery.pk], now) == {}
    recorder.fail_with(TransportError("busy"))
    deliver_due(now)
    wait = reread(delivery).next_attempt_at - now
    assert LADDER[0] <= wait <= LADDER[0] * 1.1 + timedelta(seconds=5)


def test_delivery_that_waits_for_its_next_attempt_can_be_tried_now(delivery, recorder, now):
    """With the attempts that it has left; a worker finds it due, and what is leased is left."""
    recorder.fail_with(TransportError("busy"))
    deliver_due(now)
    recorder.recover()
    assert retry_now([delivery.pk], now) == {}
    waiting = reread(delivery)
    assert (waiting.next_attempt_at, waiting.attempt, waiting.max_attempts) == (now, 1, 10)
    assert deliver_due(now) == 1
    assert reread(delivery).status == Delivery.Status.SENT


LATER = timedelta(hours=1)


@pytest.mark.parametrize(
    ("row", "channel_row", "why"),
    [
        ({}, {}, "this one is queued and due: a worker takes it next"),
        ({"held": "quiet"}, {}, "it waits for the end of quiet hours"),
        ({"held": "digest"}, {}, "it waits for its digest"),
        ({"held": "flood"}, {}, "it waits for its digest"),
        ({"held": "paused"}, {"paused_at": True, "paused_until": True}, "its channel is paused"),
        ({}, {"verified_at": None}, "its channel is not verified"),
        ({}, {"disabled_at": True, "disabled_reason": "x"}, "its channel is disabled"),
        ({}, {"deleted_at": True}, "its channel is deleted"),
        (
            {"status": "sent", "next_attempt_at": None, "finished_at": True},
            {},
            "only dead and waiting deliveries can be tried, and this one is sent",
        ),
        (
            {"status": "sending", "attempt": 1, "leased_until": True},
            {},
            "only dead and waiting deliveries can be tried, and this one is sending",
        ),
    ],
)
def test_delivery_that_cannot_be_tried_now_says_why_and_stays(delivery, row, channel_row, why, now):
    def at_times(values):
        return {name: now + LATER if value is True else value for name, value in values.items()}

    Delivery.objects.filter(pk=delivery.pk).update(**at_times(row))
    Channel.objects.filter(pk=delivery.channel_id).update(**at_times(channel_row))
    before = Delivery.objects.values().get()
    assert retry_now([delivery.pk], now) == {delivery.pk: why}
    assert Delivery.objects.values().get() == before


def test_closed_channel_forgets_address_and_secret(channel, now):
    channel.secret = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
    channel.save()
    channel.close(now)
    assert (channel.address, channel.secret) == ("", "")


def test_secret_is_encrypted_in_the_database(channel):
    channel.secret = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
    channel.save()
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM notifications_channel WHERE id = %s", [channel.pk])
        (stored,) = cursor.fetchone()
    assert "whsec" not in stored
    assert Channel.objects.get().secret == channel.secret


def test_unfinished_delivery_without_a_next_attempt_is_refused_by_the_database(delivery):
    with pytest.raises(IntegrityError, match="finished_or_scheduled"), transaction.atomic():
        Delivery.objects.update(next_attempt_at=None)


def test_dead_delivery_without_a_reason_is_refused_by_the_database(delivery, now):
    with pytest.raises(IntegrityError, match="end_has_reason"), transaction.atomic():
        Delivery.objects.update(status="dead", reason="", next_attempt_at=None, finished_at=now)


def test_channel_that_hung_is_left_alone_with_what_waits_for_it(post, recorder, channel, now):
    recorder.fail_with(TransportError("timed out", hung=True))
    post("first")
    deliver_due(now)
    channel.refresh_from_db()
    assert channel.held_until >= now + timedelta(seconds=15)
    post("second")
    assert Delivery.objects.get(reference="second").next_attempt_at == channel.held_until


def test_what_was_queued_before_its_channel_hung_steps_aside(post, recorder, channel, now):
    recorder.fail_with(TransportError("timed out", hung=True))
    post("first")
    first = lease_oldest(now)
    post("second")
    deliver(first, now)
    channel.refresh_from_db()
    assert Delivery.objects.get(reference="second").next_attempt_at == channel.held_until


def test_what_goes_back_to_a_held_channel_steps_aside(delivery, channel, now):
    [leased] = lease_oldest(now)
    held_until = now + timedelta(minutes=1)
    Channel.objects.filter(pk=channel.pk).update(holds=1, held_until=held_until)
    release([leased.message])
    assert reread(delivery).next_attempt_at == held_until


def test_channel_that_hangs_again_is_left_alone_for_twice_as_long(post, recorder, channel, now):
    recorder.fail_with(TransportError("timed out", hung=True))
    post("first")
    deliver_due(now)
    later = now + timedelta(minutes=1)
    deliver_due(later)
    channel.refresh_from_db()
    held = channel.held_until - later
    assert timedelta(seconds=30) <= held < timedelta(seconds=31)


def test_held_channel_that_answers_is_let_go(post, recorder, channel, now):
    recorder.fail_with(TransportError("timed out", hung=True))
    post("first")
    deliver_due(now)
    recorder.recover()
    deliver_due(now + timedelta(minutes=1))
    channel.refresh_from_db()
    assert (channel.holds, channel.held_until) == (0, None)


@pytest.fixture
def hanging_channel(user, now, monkeypatch):
    """A webhook channel whose receiver does not answer within the second that it is given."""
    monkeypatch.setattr(
        "notifications.outbox.round.transport", cache(lambda kind: WebhookTransport(timeout=1))
    )
    with HttpReceiver() as receiver:
        receiver.default = Hang()
        channel = Channel(
            owner=user, kind="webhook", name="Hangs", address=receiver.url, verified_at=now
        )
        channel.store()
        yield channel


def test_what_comes_due_while_a_receiver_hangs_is_sent_meanwhile(
    hanging_channel, channel, post, now, monkeypatch
):
    with HttpReceiver() as receiver:
        channel.address = receiver.url
        channel.clean()
        channel.save()
        post("hanging", channel_id=hanging_channel.pk)
        step = Round.step

        def post_another(going):
            step(going)
            post("healthy")
            monkeypatch.setattr(Round, "step", step)

        monkeypatch.setattr(Round, "step", post_another)
        deliver_due(now)
    ended = Attempt.objects.order_by("ended_at").values_list("delivery__reference", "outcome")
    assert list(ended) == [("healthy", "sent"), ("hanging", "uncertain")]


@pytest.fixture
def careful_channel(channel):
    channel.at_most_once = True
    channel.save()
    return channel


def test_channel_that_may_lose_is_not_sent_what_a_dead_worker_may_have_sent(
    careful_channel, delivery, recorder, now
):
    lease_oldest(now)
    deliver_due(now + LEASE)
    assert recorder.tried == []
    assert reread(delivery).status == Delivery.Status.DEAD
    assert delivery.reason.startswith("It may have arrived: the worker ended during attempt 1")
    assert [attempt.outcome for attempt in delivery.attempts.all()] == ["uncertain"]


def test_channel_that_may_lose_is_not_sent_again_what_may_have_been_taken(
    careful_channel, delivery, recorder, now
):
    recorder.fail_with(TransportError("timed out", uncertain=True))
    deliver_due(now)
    assert reread(delivery).status == Delivery.Status.DEAD
    assert delivery.reason.startswith("It may have arrived")


def test_channel_that_may_lose_is_sent_again_what_was_surely_not_taken(
    careful_channel, delivery, recorder, now
):
    recorder.fail_with(TransportError("could not connect"))
    deliver_due(now)
    assert reread(delivery).status == Delivery.Status.QUEUED


def test_attempt_that_may_have_been_taken_is_uncertain_and_repeated(delivery, recorder, now):
    recorder.fail_with(TransportError("timed out", uncertain=True))
    deliver_due(now)
    recorder.recover()
    deliver_due(now + timedelta(seconds=6))
    outcomes = [attempt.outcome for attempt in delivery.attempts.all()]
    assert outcomes == ["uncertain", "sent"]
    assert {message.id for message in recorder.tried} == {delivery.message_id}


@pytest.fixture
def other_channel(user, now):
    return Channel.objects.create(
        owner=user,
        kind="webhook",
        name="Other",
        address="http://127.0.0.1:9/other",
        verified_at=now,
    )


def test_channels_with_work_are_found_in_turn(post, channel, other_channel):
    for number in range(3):
        post(f"a {number}")
    post("b", channel_id=other_channel.pk)
    assert channels_with_work(-1) == [channel.pk, other_channel.pk]
    assert channels_with_work(-1, limit=1) == [channel.pk]
    assert channels_with_work(channel.pk) == [other_channel.pk]


def test_lease_by_channel_takes_a_few_of_each(post, channel, other_channel, now):
    for number in range(DELIVERIES_PER_CHANNEL + 5):
        post(f"a {number}")
    post("b", channel_id=other_channel.pk)
    leased = lease_of_channels(now, [channel.pk, other_channel.pk], ["webhook"])
    taken = Counter(each.message.channel_id for each in leased)
    assert taken == {channel.pk: DELIVERIES_PER_CHANNEL, other_channel.pk: 1}


def test_lease_by_channel_leaves_other_kinds(post, channel, now):
    post()
    assert lease_of_channels(now, [channel.pk], ["email"]) == []


def test_lease_by_channel_does_not_look_at_the_backlog_of_others(post, channel, other_channel, now):
    post_messages([Post(channel.pk, f"a {n}", "", "", now) for n in range(3000)], now)
    post("b", channel_id=other_channel.pk)
    with bulk_cursor() as cursor:
        cursor.execute("ANALYZE notifications_delivery")
        cursor.execute(
            "EXPLAIN (ANALYZE, FORMAT JSON) " + CHANNELS_WITH_WORK, {"after": -1, "limit": 10}
        )
        [[[heads]]] = [cursor.fetchone()]
    assert heads["Plan"]["Actual Rows"] == 2
    assert rows_read(heads["Plan"]) < 20


def rows_read(plan):
    """Count what the scans below a plan's node gave and threw away."""
    own = 0
    if "Scan" in plan["Node Type"] and "Relation Name" in plan:
        own = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    return own * plan["Actual Loops"] + sum(map(rows_read, plan.get("Plans", [])))


def test_backlog_of_a_receiver_that_hangs_does_not_hold_up_what_comes_due_after_it(
    hanging_channel, channel, post, now
):
    backlog = range(2 * LEASE_BATCH_SIZE)
    post_messages([Post(hanging_channel.pk, f"a {n}", "", "", now) for n in backlog], now)
    with HttpReceiver() as receiver:
        channel.address = receiver.url
        channel.clean()
        channel.save()
        post("healthy")
        deliver_due(now)
    first = Attempt.objects.order_by("ended_at").first()
    assert (first.delivery.reference, first.outcome) == ("healthy", "sent")


def test_round_takes_nothing_more_for_a_channel_that_is_busy(
    post, recorder, channel, other_channel, now
):
    post("first")
    with Round(now) as going:
        going.step()
        [sender] = going._senders.values()
        sender.busy = lambda: {channel.pk}
        post("for the busy one")
        post("for the other", channel_id=other_channel.pk)
        going.step()
        going.finish()
    assert [message.channel_id for message in recorder.sent] == [channel.pk, other_channel.pk]


def test_round_whose_time_is_up_goes_on_while_a_receiver_hangs(
    hanging_channel, channel, post, now, monkeypatch
):
    monkeypatch.setattr("notifications.outbox.round.ROUND_BUDGET", timedelta(seconds=0.1))
    monkeypatch.setattr(base, "HELD_UP_SECONDS", 0.05)
    monkeypatch.setattr(Lane, "QUICK", 0.05)
    with HttpReceiver() as receiver:
        channel.address = receiver.url
        channel.clean()
        channel.save()
        post("hanging", channel_id=hanging_channel.pk)
        is_to_end = Round.is_to_end

        def post_when_time_is_up(going):
            if going.clock() - now > timedelta(seconds=0.3):
                post("healthy")
            return is_to_end(going)

        monkeypatch.setattr(Round, "is_to_end", post_when_time_is_up)
        deliver_due(now)
    first = Attempt.objects.order_by("ended_at").first()
    assert (first.delivery.reference, first.outcome) == ("healthy", "sent")


def test_round_ends_when_the_worker_is_to_stop(delivery, recorder, now, monkeypatch):
    requested = threading.Event()
    requested.set()
    monkeypatch.setattr(shutdown, "requested", requested)
    assert deliver_due(now) == 0
    assert reread(delivery).status == Delivery.Status.QUEUED
