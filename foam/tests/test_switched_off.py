"""A user who was switched off is sent nothing, whatever face changed User.is_active."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from accounts.account_data import closing
from accounts.models import SYSTEM_USER_ID, Pause, User
from accounts.models import pause as pauses
from conftest import client_of
from foam.tests.admin.test_admin import act
from notifications.channels import direct_send
from notifications.explain.delivery import steps_of
from notifications.links.signed_links import Pressed
from notifications.links.views import StaleLink
from notifications.models import Channel, Delivery
from notifications.operations import retry_dead
from notifications.outbox import hold_rules, lease
from notifications.outbox.post import Post, post_messages
from notifications.outbox.queue import retry_now
from notifications.outbox.round import deliver_due
from reminders.actions import message_links
from reminders.engine import tick
from reminders.explain.explanation import explain
from reminders.models import Occurrence

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
REASON = "The account of its owner is switched off."


@pytest.fixture
def now():
    """The clock's time: the database notes by it when an account is switched off."""
    return timezone.now().replace(microsecond=0)


@pytest.fixture
def staff_client(client, staff):
    client.force_login(staff)
    return client


def switch(user, *, on):
    User.objects.filter(pk=user.pk).update(is_active=on)


def post(channel, at, name="1", **fields):
    post_messages([Post(channel.pk, f"test:{name}", "Tea", "", at, **fields)], at)
    return Delivery.objects.get(channel=channel, reference=f"test:{name}")


def reread(row):
    row.refresh_from_db()
    return row


def fate(delivery):
    reread(delivery)
    return delivery.status, delivery.reason


def occurrences():
    return list(Occurrence.objects.order_by("due_at").values_list("status", flat=True))


# Switching


def test_admin_form_switches_off_and_tells_what_that_does(staff_client, user):
    url = reverse("admin:accounts_user_change", args=[user.pk])
    form = {"username": user.username, "email": user.email, "timezone": user.timezone}
    assert "gets no message" in staff_client.get(url).content.decode()
    assert staff_client.post(url, form).status_code == 302
    assert user.pauses.get(ended_at=None).scope == "account"
    staff_client.post(url, {**form, "is_active": "on"})
    assert user.pauses.get().ended_at is not None


@pytest.mark.parametrize(
    "switch_off",
    [
        lambda user: switch(user, on=False),
        lambda user: User.objects.bulk_update([user], ["is_active"]),
        lambda user: user.save(),
        lambda user: user.save(update_fields=["is_active"]),
        lambda user: user.store(timezone.now()),
    ],
    ids=["update", "bulk_update", "save", "save_of_the_column", "store"],
)
def test_whatever_switches_off_pauses_once(user, switch_off):
    user.is_active = False
    switch_off(user)
    switch_off(user)
    assert list(user.pauses.values_list("scope", "ended_at")) == [("account", None)]


def test_user_who_is_made_switched_off_is_paused(db):
    eve = User.objects.create_user("eve", "eve@example.com", "x", is_active=False)
    assert eve.pauses.get().scope == "account"


def test_user_who_is_active_has_no_pause(user):
    user.save()
    assert not user.pauses.exists()


def test_token_of_a_user_who_is_switched_off_is_refused(user):
    api = client_of(user)
    switch(user, on=False)
    assert api.get("/api/v1/reminders/").status_code == 401


def test_closed_account_has_no_pause_left(user, now):
    closing.close(user, now)
    assert not Pause.objects.exists()


def test_account_that_is_switched_off_can_be_closed(user, now):
    switch(user, on=False)
    closing.close(reread(user), now)
    assert not Pause.objects.exists()
    assert reread(user).closed_at == now


# What is due


def test_due_reminder_is_not_sent_and_goes_on_when_switched_on(make_reminder, user, now, recorder):
    make_reminder(recurrence="FREQ=DAILY")
    switch(user, on=False)
    tick.run(now + MINUTE)
    switch(user, on=True)
    # The pause has ended by now, and the next reminder is due a day later.
    tick.run(now + DAY)
    deliver_due(now + DAY)
    assert occurrences() == ["missed", "pending"]
    assert len(recorder.sent) == 1


def test_what_came_due_meanwhile_is_missed_though_no_tick_ran(make_reminder, user, now, recorder):
    make_reminder()
    switch(user, on=False)
    user.pauses.update(created_at=now - MINUTE)
    switch(user, on=True)
    tick.run(timezone.now())
    assert occurrences() == ["missed"]


def test_nag_is_not_sent(make_reminder, user, now, recorder):
    make_reminder(nag_every=10 * MINUTE, nag_max=5)
    tick.run(now)
    deliver_due(now)
    switch(user, on=False)
    tick.run(now + 10 * MINUTE)
    deliver_due(now + 10 * MINUTE)
    assert len(recorder.sent) == 1


def test_snooze_speaks_again_when_switched_on(make_reminder, user, now, recorder):
    make_reminder()
    tick.run(now)
    Occurrence.objects.update(
        status="snoozed", speaks_again_at=now + MINUTE, follow_up_at=now + MINUTE, snoozes=1
    )
    switch(user, on=False)
    tick.run(now + MINUTE)
    assert Delivery.objects.count() == 1
    switch(user, on=True)
    tick.run(now + 2 * MINUTE)
    assert Delivery.objects.count() == 2


# What is on its way


@pytest.mark.parametrize("urgent", [False, True])
def test_queued_message_is_cancelled_when_its_turn_comes(channel, user, now, recorder, urgent):
    delivery = post(channel, now, urgent=urgent)
    switch(user, on=False)
    deliver_due(now)
    assert recorder.sent == []
    assert fate(delivery) == ("cancelled", REASON)


def test_message_whose_turn_comes_after_the_switch_on_is_sent(channel, user, now, recorder):
    delivery = post(channel, now)
    switch(user, on=False)
    switch(user, on=True)
    deliver_due(now)
    assert fate(delivery)[0] == "sent"


def test_digest_is_cancelled(channel, user, now, recorder):
    Channel.objects.filter(pk=channel.pk).update(digest_every=HOUR)
    both = [post(channel, now, name) for name in "12"]
    switch(user, on=False)
    deliver_due(now + 2 * HOUR)
    assert recorder.sent == []
    assert {fate(each)[0] for each in both} == {"collected"}
    assert fate(reread(both[0]).digest) == ("cancelled", REASON)


def test_message_to_a_channel_that_its_owner_paused_is_cancelled(channel, user, now):
    delivery = post(channel, now)
    hold_rules.pause(channel, now)
    Delivery.objects.update(next_attempt_at=now)
    switch(user, on=False)
    deliver_due(now)
    assert fate(delivery) == ("cancelled", REASON)
    assert reread(channel).paused_at == now


def test_message_of_a_lost_worker_is_cancelled_and_its_attempt_is_uncertain(channel, user, now):
    delivery = post(channel, now)
    lease.lease_oldest(now)
    switch(user, on=False)
    assert lease.lease_oldest(now + lease.LEASE) == []
    assert fate(delivery) == ("cancelled", REASON)
    assert delivery.attempts.get().outcome == "uncertain"


def test_no_lease_takes_what_is_of_a_user_who_is_switched_off(channel, user, now):
    for_one, for_channels = post(channel, now, "one"), post(channel, now, "channels")
    switch(user, on=False)
    assert lease.lease_this(for_one.pk, now) is None
    assert lease.lease_of_channels(now, [channel.pk], ["webhook"]) == []
    assert {fate(each)[0] for each in (for_one, for_channels)} == {"cancelled"}


def test_test_message_of_staff_is_cancelled(channel, user, now, recorder):
    switch(user, on=False)
    assert fate(direct_send.test(channel, now).delivery) == ("cancelled", REASON)


def test_dead_message_stays_dead_and_can_be_retried_when_switched_on(channel, user, now):
    delivery = post(channel, now)
    dead = {"status": "dead", "reason": "Gone.", "next_attempt_at": None, "finished_at": now}
    Delivery.objects.update(**dead, reference="occurrence:1")
    choice = retry_dead.RetryFilter(now - HOUR, now + HOUR)
    switch(user, on=False)
    assert retry_now([delivery.pk], now) == {
        delivery.pk: "the account of its owner is switched off"
    }
    assert retry_dead.retry(choice, now) == 0
    switch(user, on=True)
    assert retry_dead.retry(choice, now) == 1


def test_others_get_their_messages(channel, user, stranger, now, recorder):
    theirs = Channel.objects.inbox_of(stranger)
    post(channel, now)
    post(theirs, now)
    switch(user, on=False)
    deliver_due(now)
    assert [message.channel_id for message in recorder.sent] == [theirs.pk]


def test_canary_goes_on(planted, user, now, recorder):
    switch(User(pk=SYSTEM_USER_ID), on=False)
    switch(user, on=False)
    tick.run(now)
    deliver_due(now)
    assert [message.channel_id for message in recorder.sent] == [SYSTEM_USER_ID]


# Pauses


def test_pause_that_the_owner_made_survives(reminder, user, now, recorder):
    own, _ = pauses.begin("user", now, owner=user, until=now + DAY)
    switch(user, on=False)
    assert set(user.pauses.active(timezone.now()).values_list("scope", flat=True)) == {
        "account",
        "user",
    }
    switch(user, on=True)
    assert reread(own).is_active(now)
    assert user.pauses.active(timezone.now()).get() == own


def test_pause_of_an_account_is_neither_begun_nor_ended_by_hand(staff_client, user, now):
    with pytest.raises(ValidationError, match="switched off"):
        pauses.begin("account", now, owner=user)
    switch(user, on=False)
    pause = user.pauses.get()
    pause.end(timezone.now())
    assert reread(pause).ended_at is None
    told = act(staff_client, "end", [pause], "accounts_pause")
    assert any("switch the account on" in line for line in told)
    assert reread(pause).ended_at is None
    add = staff_client.get(reverse("admin:accounts_pause_add")).content.decode()
    assert 'value="account"' not in add
    change = reverse("admin:accounts_pause_change", args=[pause.pk])
    staff_client.post(change, {"until": "", "reason": "mine"})
    assert reread(pause).reason == ""


def test_action_does_not_resume_a_user_who_is_switched_off(staff_client, user, now):
    own, _ = pauses.begin("user", now, owner=user)
    switch(user, on=False)
    told = act(staff_client, "resume", [user], "accounts_user")
    assert any("switched off" in line for line in told)
    assert reread(own).ended_at is None


# Told


def test_explain_of_a_reminder_tells_since_when_and_where_to_switch_it_on(make_reminder, user, now):
    reminder = make_reminder(recurrence="FREQ=DAILY")
    switch(user, on=False)
    user.pauses.update(created_at=now - MINUTE)
    tick.run(now)
    where = "http://127.0.0.1:8000" + reverse("admin:accounts_user_change", args=[user.pk])
    missed, ahead = explain(reread(reminder), timezone.now()).conclusion.split(" Next: ")
    for text in (missed, ahead):
        assert "the account of ada is switched off since" in text
        assert f"switch it on at {where}" in text
    switch(user, on=True)
    missed, ahead = explain(reread(reminder), timezone.now()).conclusion.split(" Next: ")
    assert "the account of ada was switched off since" in missed
    assert "switch" not in ahead


def test_explain_of_a_waiting_delivery_tells_that_it_is_not_sent(channel, user, now):
    delivery = post(channel, now)
    switch(user, on=False)
    *_, last = steps_of(delivery, now, 0)
    assert last.text.startswith("the account of ada is switched off since")


def test_explain_of_a_cancelled_delivery_has_the_reason(channel, user, now):
    delivery = post(channel, now)
    switch(user, on=False)
    lease.lease_oldest(now)
    assert any(REASON in step.text for step in steps_of(reread(delivery), now, 0))


def test_lists_of_reminders_and_channels_tell_it_as_trouble(staff_client, reminder, user):
    switch(user, on=False)
    for url in ("admin:reminders_reminder_changelist", "admin:notifications_channel_changelist"):
        page = staff_client.get(reverse(url)).content.decode()
        assert "The account of ada is switched off." in page


def test_links_of_its_messages_answer_nothing_but_not_me(reminder, user, now):
    tick.run(now)
    delivery = Delivery.objects.get()

    def pressed(action):
        return Pressed(action, delivery.reference, delivery.channel_id, now + HOUR)

    switch(user, on=False)
    for action in (message_links.DONE_ACTION, message_links.SNOOZE_1H):
        with pytest.raises(StaleLink, match="switched off"):
            message_links.describe(pressed(action), now)
        with pytest.raises(StaleLink, match="switched off"):
            message_links.act(pressed(action), now)
    assert occurrences() == ["pending"]
    assert message_links.act(pressed(message_links.STRANGER), now).heading == "Stopped"
