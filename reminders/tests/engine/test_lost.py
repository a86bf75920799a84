"""A reminder whose message did not arrive says so, and one that leads nowhere does as well."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from notifications.models import Channel, Delivery
from notifications.outbox.post import Post, post_messages
from notifications.outbox.queue import retry_now
from notifications.outbox.round import deliver_due
from notifications.tests.counters import READ, counted
from notifications.transports import TransportError
from reminders.engine import firing, tick
from reminders.models import Plan

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

URL = "/api/v1/reminders/"
HOUR = timedelta(hours=1)


@pytest.fixture
def fail(recorder):
    def fail():
        def refuse(message):
            if message.address:
                raise TransportError("answered 550: 5.1.1 unknown", permanent=True)

        recorder.on_send = refuse

    return fail


def fire(reminder, at):
    occurrence = firing.trigger(reminder, at)
    deliver_due(at)
    return occurrence


def shown(api, reminder):
    detail = api.get(f"{URL}{reminder.pk}/").json()
    [row] = [r for r in api.get(URL).json()["results"] if r["id"] == reminder.pk]
    assert row["last_loss"] == detail["last_loss"]
    assert row["is_deliverable"] == detail["is_deliverable"]
    return detail


# The last message


def test_reminder_says_that_its_last_message_did_not_arrive(api, reminder, channel, fail, now):
    fail()
    fire(reminder, now)
    delivery = Delivery.objects.get(channel=channel)
    assert shown(api, reminder)["last_loss"] == {
        "at": delivery.finished_at.isoformat().replace("+00:00", "Z"),
        "channel": channel.pk,
        "delivery": delivery.pk,
        "reason": "answered 550: 5.1.1 unknown",
    }


def test_message_that_arrives_later_is_the_last(api, reminder, fail, recorder, now):
    fail()
    fire(reminder, now)
    recorder.recover()
    fire(reminder, now + HOUR)
    assert shown(api, reminder)["last_loss"] is None


def test_message_that_is_sent_again_by_hand_has_arrived(api, reminder, fail, recorder, now):
    fail()
    fire(reminder, now)
    recorder.recover()
    retry_now([Delivery.objects.get(status="dead").pk], now)
    deliver_due(now)
    assert shown(api, reminder)["last_loss"] is None


def test_nag_that_arrives_is_the_last_message(api, reminder, fail, recorder, now):
    fail()
    occurrence = fire(reminder, now)
    recorder.recover()
    [channel] = reminder.channels.all()
    nag = Post(channel.pk, f"{occurrence.reference}:nag:1", "Stand-up", "", now)
    post_messages([nag], now)
    deliver_due(now)
    assert shown(api, reminder)["last_loss"] is None


def test_loss_of_an_occurrence_whose_number_begins_alike_is_not_its(
    api, make_reminder, channel, fail, now
):
    first = make_reminder(title="First")
    occurrence = fire(first, now)
    fail()
    message = Post(channel.pk, f"{occurrence.reference}0", "Other", "", now)
    post_messages([message], now)
    deliver_due(now)
    assert shown(api, first)["last_loss"] is None


def test_message_to_a_disabled_channel_did_not_arrive(api, reminder, channel, now):
    channel.disable("by hand", now)
    firing.trigger(reminder, now)
    loss = shown(api, reminder)["last_loss"]
    assert loss["reason"] == "Channel disabled: by hand"


def test_list_of_many_reads_a_few_rows_for_each(api, make_reminder, channel, fail, now):
    fail()
    for number in range(30):
        fire(make_reminder(title=f"{number}"), now)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE notifications_delivery; ANALYZE reminders_occurrence")
    tables = ["notifications_delivery", "reminders_occurrence"]
    assert counted(READ, tables, lambda: api.get(f"{URL}?page_size=5")) <= 5 * 10


def test_admin_tells_of_it_in_list_and_form(client, staff, reminder, fail, now):
    fail()
    fire(reminder, now)
    client.force_login(staff)
    for page in ("", f"{reminder.pk}/change/"):
        html = client.get(f"/admin/reminders/reminder/{page}").content.decode()
        assert "Its last message did not arrive: answered 550: 5.1.1 unknown" in html


# Leading nowhere


@pytest.mark.parametrize("how", ["deleted", "disabled", "unverified"])
def test_reminder_without_a_channel_that_takes_messages_is_shown(api, reminder, channel, now, how):
    assert shown(api, reminder)["is_deliverable"]
    if how == "deleted":
        channel.close(now)
    elif how == "disabled":
        channel.disable("by hand", now)
    else:
        Channel.objects.filter(pk=channel.pk).update(verified_at=None)
    assert not shown(api, reminder)["is_deliverable"]


def inbox_of(user):
    titles = Delivery.objects.filter(channel=Channel.objects.inbox_of(user))
    return list(titles.order_by("pk").values_list("title", flat=True))


def test_firing_that_reaches_no_one_is_told_in_the_inbox_once(
    user, make_reminder, channel, recorder, now
):
    make_reminder(title="Pill", recurrence="FREQ=MINUTELY")
    make_reminder(title="Tea")
    channel.close(now - HOUR / 2)
    for minute in range(3):
        tick.run(now + minute * timedelta(minutes=1))
    assert len(inbox_of(user)) == 1
    assert inbox_of(user)[0] in {"Reached no one: Pill", "Reached no one: Tea"}


def test_next_time_that_it_is_disabled_it_is_told_again(user, reminder, channel, now):
    for hours in (0, 1):
        channel.disable("by hand", now + hours * HOUR)
        firing.trigger(reminder, now + hours * HOUR)
        channel.enable()
    assert inbox_of(user).count("Reached no one: Stand-up") == 2


def test_reminder_with_another_channel_is_not_told_of(user, make_reminder, channel, now):
    other = Channel.objects.create(
        owner=user, kind="webhook", name="Other", address="http://127.0.0.1:8/", verified_at=now
    )
    reminder = make_reminder(channels=[channel, other])
    channel.close(now)
    firing.trigger(reminder, now)
    assert inbox_of(user) == []


# What deleting a channel tells


@pytest.fixture
def three(make_reminder, user, channel, now):
    other = Channel.objects.inbox_of(user)
    make_reminder(title="a")
    make_reminder(title="b")
    make_reminder(title="c", channels=[channel, other])
    gone = make_reminder(title="d")
    gone.close(now)


def test_deleting_a_channel_tells_how_many_reminders_lead_there(api, three, channel):
    path = f"/api/v1/channels/{channel.pk}/"
    dry = api.delete(f"{path}?dry_run=true")
    assert (dry.status_code, dry.json()) == (200, {"reminders": 3, "undeliverable": 2})
    answer = api.delete(path)
    assert answer.status_code == 204
    assert (answer["FOAM-Reminders"], answer["FOAM-Reminders-Undeliverable"]) == ("3", "2")
    channel.refresh_from_db()
    assert channel.deleted_at


@pytest.mark.parametrize("query", ["dry_run=1", "dry_run=", "dry=true"])
def test_query_that_is_not_understood_deletes_nothing(api, channel, query):
    answer = api.delete(f"/api/v1/channels/{channel.pk}/?{query}")
    assert answer.status_code == 400
    channel.refresh_from_db()
    assert channel.deleted_at is None


def test_admin_tells_it_when_channels_are_deleted(client, staff, three, channel):
    client.force_login(staff)
    data = {"action": "close", "confirmed": "1", "_selected_action": [channel.pk]}
    html = client.post("/admin/notifications/channel/", data, follow=True).content.decode()
    assert "3 reminders led there, 2 of which lead nowhere now" in html


def test_explanation_says_that_the_next_one_reaches_no_one(api, reminder, channel, now):
    Plan.objects.filter(pk=reminder.pk).update(
        next_fire_at=timezone.now() + HOUR, next_due_at=timezone.now() + HOUR
    )
    channel.close(now)
    told = api.get(f"{URL}{reminder.pk}/explain/").json()["conclusion"]
    assert "It will not reach any channel. Webhook: Hook: Deleted" in told
