"""The links in a reminder's messages: GET tells, POST acts once, whoever presses."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.audit.actor import Actor, acting_as
from notifications.links import signed_links
from notifications.models import Channel, Delivery
from notifications.transports import Message
from reminders.actions import message_links, responses
from reminders.engine import tick
from reminders.models import Occurrence, Plan, Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def delivery(make_reminder):
    """A message that was posted just now; its owner lives in Berlin."""
    now = timezone.now()
    reminder = make_reminder(
        title="Stand-up", starts_at=now.replace(tzinfo=None, microsecond=0), stored_at=now - HOUR
    )
    reminder.owner.timezone = "Europe/Berlin"
    reminder.owner.save()
    tick.run(now)
    return Delivery.objects.get()


def path(delivery, name):
    """Return the address of a link as the message has it."""
    message = Message(
        delivery.pk,
        1,
        delivery.message_id,
        delivery.channel_id,
        "",
        delivery.title,
        delivery.body,
        delivery.due_at,
        reference=delivery.reference,
    )
    url = next(link.url for link in signed_links.links(message) if link.action.name == name)
    return url[url.index(signed_links.PATH) :]


def token(delivery, name):
    return path(delivery, name).removeprefix(signed_links.PATH)


def act(delivery, name, now):
    return message_links.act(signed_links.read(token(delivery, name), now), now)


def describe(delivery, name, now):
    return message_links.describe(signed_links.read(token(delivery, name), now), now)


def occurrence():
    return Occurrence.objects.get()


def test_every_message_of_a_reminder_offers_these_answers():
    assert [(each.name, each.label) for each in message_links.ACTIONS] == [
        ("done", "Done"),
        ("snooze_10m", "Snooze 10 min"),
        ("snooze_1h", "Snooze 1 h"),
        ("snooze_morning", "Tomorrow morning"),
        ("not_me", "Not me"),
    ]


@pytest.mark.parametrize("name", [each.name for each in message_links.ACTIONS])
@pytest.mark.parametrize("method", ["get", "head"])
def test_mail_scanner_that_opens_a_link_changes_nothing(client, delivery, name, method):
    assert getattr(client, method)(path(delivery, name)).status_code == 200
    assert occurrence().status == "pending"
    assert not occurrence().responses.exists()
    delivery.refresh_from_db()
    delivery.channel.refresh_from_db()
    assert (delivery.status, delivery.channel.disabled_at) == ("queued", None)


def test_page_tells_the_message_and_where_it_went(client, delivery):
    shown = client.get(path(delivery, "done")).content.decode()
    for words in (
        "Stand-up",
        delivery.data["due_text"],
        "Webhook: Hook",
        message_links.DONE_ACTION.note,
    ):
        assert words in shown


def test_done_is_noted_with_the_channel_whose_link_was_pressed(client, delivery):
    shown = client.post(path(delivery, "done")).content.decode()
    assert "<h1>Done</h1>" in shown
    assert occurrence().status == "acknowledged"
    response = occurrence().responses.get()
    assert (response.face, response.channel_id) == ("link", delivery.channel_id)


def test_done_of_an_early_message_says_that_the_next_still_comes(make_reminder, now):
    make_reminder(leads=[HOUR, timedelta(0)], stored_at=now - 2 * HOUR)
    tick.run(now - HOUR)
    early = Delivery.objects.get()
    assert describe(early, "done", now).text == "This marks it as done. The next one still comes."
    assert act(early, "done", now).text == "The next one still comes."


def test_second_press_changes_nothing_and_says_so(client, delivery):
    for name in ("done", "done", "snooze_10m"):
        answer = client.post(path(delivery, name))
    assert answer.status_code == 200
    assert "Already done" in answer.content.decode()
    assert occurrence().responses.count() == 1


def test_what_is_done_is_asked_no_more(client, delivery):
    client.post(path(delivery, "done"))
    shown = client.get(path(delivery, "done")).content.decode()
    assert "Already done" in shown
    assert "<button" not in shown


@pytest.mark.parametrize(("name", "length"), [("snooze_10m", 10 * MINUTE), ("snooze_1h", HOUR)])
def test_snooze_speaks_again_after_its_time(delivery, name, length):
    now = delivery.due_at + MINUTE
    assert act(delivery, name, now).heading == "Snoozed"
    assert occurrence().speaks_again_at == now + length


@pytest.mark.parametrize(
    ("pressed", "morning"),
    [
        ("2026-11-23T17:00Z", "2026-11-24T07:00Z"),
        # Just after midnight in Berlin; and before the clocks change.
        ("2026-11-23T23:30Z", "2026-11-25T07:00Z"),
        ("2027-03-27T12:00Z", "2027-03-28T06:00Z"),
    ],
)
def test_tomorrow_morning_is_eight_on_the_owners_clock(make_reminder, user, pressed, morning):
    user.timezone = "Europe/Berlin"
    user.save()
    now = datetime.fromisoformat(pressed)
    make_reminder(starts_at=now.replace(tzinfo=None), stored_at=now - HOUR, timezone="UTC")
    tick.run(now)
    sent = Delivery.objects.get()
    expected = datetime.fromisoformat(morning)
    assert f"{expected.day} " in describe(sent, "snooze_morning", now).text
    assert "at 08:00 (Europe/Berlin)" in act(sent, "snooze_morning", now).text
    assert occurrence().speaks_again_at == expected.astimezone(UTC)


@pytest.mark.parametrize("name", ["snooze_10m", "snooze_1h", "snooze_morning"])
def test_second_press_of_a_snooze_does_not_put_it_off_again(delivery, name):
    now = delivery.due_at + MINUTE
    act(delivery, name, now)
    until = occurrence().speaks_again_at
    assert act(delivery, name, now + 5 * SECOND).heading == "Already snoozed"
    assert describe(delivery, name, now + 5 * SECOND).button == ""
    assert (occurrence().speaks_again_at, occurrence().snoozes) == (until, 1)


def test_another_snooze_changes_the_first_one(delivery):
    now = delivery.due_at + MINUTE
    act(delivery, "snooze_10m", now)
    assert act(delivery, "snooze_1h", now + SECOND).heading == "Snoozed"
    assert occurrence().speaks_again_at == now + SECOND + HOUR


def test_snooze_whose_time_has_come_can_be_snoozed_again(delivery):
    now = delivery.due_at + MINUTE
    act(delivery, "snooze_10m", now)
    assert act(delivery, "snooze_10m", now + 11 * MINUTE).heading == "Snoozed"


def test_snooze_of_a_paused_reminder_says_when_it_speaks(delivery, now):
    Reminder.objects.get().resume(now)
    Plan.objects.update(status="paused", next_fire_at=None, next_due_at=None)
    assert "no longer paused" in act(delivery, "snooze_10m", delivery.due_at).text


def test_not_me_ends_all_messages_to_that_address(client, delivery, make_reminder):
    other = make_reminder(
        title="Another", stored_at=delivery.due_at, starts_at=datetime(2090, 1, 1)
    )
    shown = client.post(path(delivery, "not_me")).content.decode()
    assert "FOAM sends nothing more here" in shown
    channel = other.channels.get()
    assert channel.disabled_reason == "The recipient said: not me."
    delivery.refresh_from_db()
    assert delivery.status == "cancelled"
    assert "Already stopped" in client.post(path(delivery, "not_me")).content.decode()


def test_not_me_of_an_old_recipient_leaves_the_new_one_alone(client, delivery):
    link = path(delivery, "not_me")
    Channel.objects.update(verified_at=delivery.created_at + MINUTE)
    assert "Already stopped" in client.post(link).content.decode()
    assert Channel.objects.get(pk=delivery.channel_id).disabled_at is None


def test_mail_program_unsubscribes_in_one_click(delivery):
    """RFC 8058: a POST without cookies, whose body is just this."""
    answer = Client(enforce_csrf_checks=True).post(
        path(delivery, "not_me"),
        "List-Unsubscribe=One-Click",
        content_type="application/x-www-form-urlencoded",
    )
    assert (answer.status_code, answer.cookies) == (200, {})
    assert Channel.objects.get(pk=delivery.channel_id).disabled_at


def test_stranger_can_stop_messages_after_what_was_sent_is_pruned(client, delivery):
    link = path(delivery, "not_me")
    Delivery.objects.all().delete()
    Occurrence.objects.all().delete()
    assert client.get(link).status_code == 200
    client.post(link)
    assert Channel.objects.get(pk=delivery.channel_id).disabled_at


def test_link_to_a_follow_up_answers_its_occurrence(client, delivery):
    delivery.pk, delivery.reference = None, f"{delivery.reference}:nag:1"
    delivery.save()
    client.post(path(delivery, "done"))
    assert occurrence().status == "acknowledged"


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("missing", ["reminder", "delivery", "occurrence", "channel"])
def test_link_to_what_is_deleted_or_pruned_is_told_kindly(client, delivery, method, missing):
    link = path(delivery, "done")
    match missing:
        case "reminder":
            Reminder.objects.get().close(delivery.due_at)
        case "delivery":
            Delivery.objects.all().delete()
        case "occurrence":
            Occurrence.objects.all().delete()
        case "channel":
            delivery.channel.close(delivery.due_at)
    answer = getattr(client, method)(link)
    assert answer.status_code == 410
    assert "There is nothing left to do" in answer.content.decode()
    assert "Stand-up" not in answer.content.decode()
    assert not Occurrence.objects.exclude(status="pending").exists()


def test_link_is_good_for_no_other_occurrence(client, delivery, make_reminder):
    now = delivery.due_at
    make_reminder(title="Private", starts_at=now.replace(tzinfo=None), stored_at=now - HOUR)
    tick.run(now + MINUTE)
    other = Delivery.objects.get(title="Private")
    forged = path(delivery, "done").replace(delivery.reference, other.reference)
    assert client.post(forged).status_code == 404
    assert not Occurrence.objects.filter(status="acknowledged").exists()


def test_page_shows_the_message_as_it_was_sent_and_nothing_else(client, delivery, make_reminder):
    """P10: who holds a link learns no more than the message has said."""
    make_reminder(title="Another", stored_at=delivery.due_at, starts_at=datetime(2090, 1, 1))
    Reminder.objects.filter(title="Stand-up").update(title="Changed", body="private")
    pages = [
        client.get(path(delivery, "done")),
        client.post(path(delivery, "snooze_1h")),
        client.post(path(delivery, "done")),
        client.get(path(delivery, "done")),
        client.post(path(delivery, "not_me")),
    ]
    for shown in (page.content.decode() for page in pages):
        for secret in ("Another", "Changed", "private", "127.0.0.1", "ada"):
            assert secret not in shown


def test_words_of_a_reminder_are_never_markup(client, delivery):
    Delivery.objects.update(title="<img src=x>")
    assert "&lt;img src=x&gt;" in client.get(path(delivery, "done")).content.decode()


def test_answer_of_someone_else_is_told_when_it_was(client, delivery):
    with acting_as(Actor("api")):
        responses.acknowledge(occurrence(), delivery.due_at)
    shown = client.post(path(delivery, "done")).content.decode()
    assert "It was marked as done on" in shown
