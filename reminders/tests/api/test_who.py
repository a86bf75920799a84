"""Each change tells who made it, by which face, and what it was before."""

import runpy
import sys

import pytest
from django.core.management import base
from django.db import connections
from django.utils import timezone

from accounts.account_data import closing
from accounts.audit.actor import Actor, Source, acting_as
from conftest import client_of
from notifications.links import signed_links
from notifications.models import Channel, ChannelChange, Delivery
from notifications.transports import Message
from reminders.actions import message_links
from reminders.api import batch
from reminders.engine import firing, tick
from reminders.exchange import formats
from reminders.exchange.importer import take
from reminders.models import Change, Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

STANDUP = {"title": "Stand-up", "starts_at": "2090-01-02T18:00:00", "timezone": "UTC"}
CRONTAB = b"# Back up\n0 3 * * * backup\n"


def last(rows=Change.objects):
    found = rows.order_by("pk").last()
    return found.verb, found.face, found.user_id


def test_what_nobody_asked_for_is_foams_own(reminder, now):
    Reminder.objects.filter(pk=reminder.pk).update(timezone="Mars/Olympus")
    tick.run(now)
    assert last() == ("set_aside", "foam", None)


def test_api_is_recorded_with_its_user_and_token(user, reminder):
    client = client_of(user)
    url = f"/api/v1/reminders/{reminder.pk}/"
    assert client.patch(url, {"title": "Tell Ada"}).status_code == 200
    edit = reminder.changes.last()
    assert (edit.verb, edit.face, edit.user, edit.token) == (
        "edited",
        "api",
        user,
        user.api_tokens.get(),
    )
    assert edit.diff == {"title": ["Stand-up", "Tell Ada"]}


def test_api_of_a_session_is_recorded_without_a_token(client, user, reminder):
    client.force_login(user)
    client.post(f"/api/v1/reminders/{reminder.pk}/pause/")
    change = reminder.changes.last()
    assert (change.verb, change.face, change.user_id, change.token_id) == (
        "paused",
        "api",
        user.pk,
        None,
    )


def test_creation_is_recorded_alone_and_in_a_batch(api, user):
    api.post("/api/v1/reminders/", STANDUP)
    assert last() == ("created", "api", user.pk)
    items = [{"op": "create", "fields": STANDUP}] * 3
    api.post("/api/v1/reminders/batch/", {"items": items})
    assert [change.face for change in Change.objects.filter(verb="created")] == ["api"] * 4


def test_bulk_action_of_the_admin_is_recorded_for_each(client, staff, make_reminder):
    rows = [make_reminder(), make_reminder()]
    client.force_login(staff)
    chosen = {"action": "pause", "confirmed": "1", "_selected_action": [row.pk for row in rows]}
    client.post("/admin/reminders/reminder/", chosen)
    told = Change.objects.filter(verb="paused").values_list("reminder", "face", "user")
    assert sorted(told) == [(row.pk, "admin", staff.pk) for row in rows]


def test_firing_by_hand_is_recorded(client, staff, reminder):
    client.force_login(staff)
    chosen = {"action": "fire_now", "confirmed": "1", "_selected_action": [reminder.pk]}
    client.post("/admin/reminders/reminder/", chosen)
    assert last() == ("triggered", "admin", staff.pk)


def test_import_is_recorded_as_an_import_of_whoever_asked_for_it(user, staff, now):
    reading = formats.FORMATS["crontab"].read(CRONTAB, "UTC")
    with acting_as(Actor(Source.ADMIN, staff.pk)):
        take(user, reading, now)
    assert last() == ("created", "import", staff.pk)


def test_import_that_is_only_tried_is_not_recorded(user, now):
    take(user, formats.FORMATS["crontab"].read(CRONTAB, "UTC"), now, dry_run=True)
    assert not Change.objects.exists()


def test_command_is_recorded(monkeypatch, reminder, user):
    monkeypatch.setattr(base.connections, "close_all", lambda: None)
    monkeypatch.setattr(sys, "argv", ["manage.py", "close_account", user.username, "--yes"])
    assert base.connections is connections
    runpy.run_path("manage.py", run_name="__main__")
    assert last() == ("deleted", "command", None)


def test_link_of_a_message_is_recorded(client, make_reminder, channel):
    reminder, now = make_reminder(), timezone.now()
    firing.trigger(reminder, now)
    (link,) = [
        each for each in links_of(Delivery.objects.get()) if each.action == message_links.STRANGER
    ]
    assert client.post(link.url).status_code == 200
    assert last(ChannelChange.objects) == ("disabled", "link", None)


def links_of(delivery):
    fields = (delivery.pk, 1, delivery.message_id, delivery.channel_id, "", "", "")
    return signed_links.links(Message(*fields, delivery.due_at, reference=delivery.reference))


def test_page_of_the_account_is_recorded(client, user, reminder):
    user.set_password("correct horse")
    user.save()
    client.force_login(user)
    client.post("/account/reauthenticate/", {"password": "correct horse"})
    client.post("/account/close/", {"email": user.email})
    assert last() == ("deleted", "account", user.pk)


def test_face_ends_with_what_it_did(api, reminder, now):
    api.post(f"/api/v1/reminders/{reminder.pk}/pause/")
    reminder.resume(now)
    assert last() == ("resumed", "foam", None)


# Channels


def test_channel_tells_what_it_was_and_nothing_of_its_secret(api, user):
    made = api.post(
        "/api/v1/channels/", {"kind": "webhook", "name": "Hook", "address": "https://a.example/"}
    ).json()
    url = f"/api/v1/channels/{made['id']}/"
    api.patch(url, {"name": "Other", "digest_every": "PT1H"})
    api.post(f"{url}rotate_secret/")
    secret = Channel.objects.get(pk=made["id"]).secret
    told = ChannelChange.objects.filter(channel=made["id"])
    assert [(each.verb, each.face, each.user) for each in told.order_by("pk")] == [
        ("created", "api", user),
        ("edited", "api", user),
        ("secret_made", "api", user),
    ]
    assert told.get(verb="edited").diff == {
        "digest_every": ["", "01:00:00"],
        "name": ["Hook", "Other"],
    }
    assert secret
    assert secret not in str(told.values())


def test_secret_that_is_set_by_hand_is_only_told_to_be_another(channel):
    channel.secret = channel.transport.make_secret()
    channel.store()
    edit = channel.changes.get(verb="edited")
    assert (edit.detail, edit.diff) == ("secret", {"secret": None})


def test_channel_that_is_deleted_forgets_where_it_led(user, channel, now):
    channel.address = "https://ada.example/"
    channel.store()
    assert "ada" in str(ChannelChange.objects.values())
    channel.close(now)
    assert "ada" not in str(ChannelChange.objects.values())
    assert last(ChannelChange.objects)[0] == "deleted"


def test_channel_is_disabled_and_enabled_once(channel, now):
    for _ in range(2):
        channel.disable("Nobody is there.", now)
    for _ in range(2):
        channel.enable()
    verbs = ChannelChange.objects.order_by("pk").values_list("verb", flat=True)
    assert list(verbs)[-2:] == ["disabled", "enabled"]
    assert len(verbs.filter(verb__in=["disabled", "enabled"])) == 2


def test_closing_an_account_erases_what_changes_said(user, reminder, channel, now):
    reminder.title = "Call Grace"
    reminder.store(now)
    channel.name = "Grace's"
    channel.store()
    closing.close(user, now)
    kept = [*Change.objects.values(), *ChannelChange.objects.values()]
    assert "Grace" not in str(kept)
    assert kept


def test_edit_of_channels_tells_their_names(user, reminder, now):
    inbox = Channel.objects.inbox_of(user)
    reminder.store(now, [inbox])
    assert reminder.changes.last().diff["channels"][1] == "In-app inbox: Inbox"


def test_long_words_are_cut(reminder, now):
    reminder.body = "x" * 3000
    reminder.store(now)
    before, after = reminder.changes.last().diff["body"]
    assert (len(before), len(after)) == (0, 200)


def test_batch_of_hundreds_costs_one_statement_more(user, now, django_assert_max_num_queries):
    items = [batch.Item(batch.Op.CREATE, STANDUP) for _ in range(100)]
    with django_assert_max_num_queries(20):
        batch.apply(user, items, now)
    assert Change.objects.filter(verb="created").count() == 100
