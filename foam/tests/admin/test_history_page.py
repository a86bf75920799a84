"""The History page of an object has all that was done to it, by every face, newest first."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.utils import timezone

from accounts import tokens
from accounts.account_data import closing
from accounts.admin import history
from accounts.admin.history import PAGE_SIZE
from accounts.audit.actor import Actor, Source, acting_as
from accounts.models import User
from conftest import client_of
from notifications.models import Channel, Delivery
from notifications.outbox.round import deliver_due
from notifications.transports import TransportError
from reminders.actions import responses
from reminders.engine import firing
from reminders.models import Change

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]


@pytest.fixture
def staff_client(client, staff):
    client.force_login(staff)
    return client


def entries(client, row, query=""):
    url = f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/history/{query}"
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.context["entries"]


def acts(client, row):
    return [(entry.actor, entry.source, entry.text) for entry in entries(client, row)]


def act(client, name, rows, model="reminders/reminder"):
    chosen = {"action": name, "confirmed": "1", "_selected_action": [row.pk for row in rows]}
    assert client.post(f"/admin/{model}/", chosen).status_code == 302


def test_page_has_every_face_newest_first(staff_client, staff, user, reminder):
    program = client_of(user)
    program.patch(f"/api/v1/reminders/{reminder.pk}/", {"title": "Tell <Ada>"})
    act(staff_client, "pause", [reminder])
    with acting_as(Actor(Source.COMMAND)):
        reminder.resume(timezone.now())
    token = user.api_tokens.get()
    assert acts(staff_client, reminder)[:3] == [
        ("An operator", "by a command", "resumed, to go on with the first occurrence after that"),
        (staff.username, "in the admin", "paused"),
        (f"{user.username}, token {token}", "through the API", "edited"),
    ]


def test_page_shows_what_a_field_was_and_escapes_it(staff_client, reminder):
    reminder.title = "<b>Ada</b>"
    reminder.store(timezone.now())
    page = staff_client.get(f"/admin/reminders/reminder/{reminder.pk}/history/").content.decode()
    assert re.search(r"<del>Stand-up</del> → <ins>&lt;b&gt;Ada&lt;/b&gt;</ins>", page)


def test_single_edit_in_the_admin_is_told_once(staff_client, user):
    channel = Channel.objects.create(owner=user, kind="email", name="Mine", address="a@example.com")
    form = {"name": "Ours", "address": "a@example.com", "flood_limit": "5"}
    url = f"/admin/notifications/channel/{channel.pk}/change/"
    assert staff_client.post(url, form).status_code == 302
    (entry,) = entries(staff_client, channel)
    assert entry.diff == {"flood_limit": ["", "5"], "name": ["Mine", "Ours"]}


def test_answers_to_its_occurrences_are_there(staff_client, staff, reminder):
    act(staff_client, "skip_next", [reminder])
    (name, face, what) = acts(staff_client, reminder)[0]
    assert (name, face) == (staff.username, "in the admin")
    assert what.startswith("skipped what was due on 2026-11-23 17:00:00 UTC")


def test_what_was_recorded_by_an_earlier_release_is_told_without_a_name(staff_client, reminder):
    Change.objects.update(face="", user=None)
    assert acts(staff_client, reminder) == [("Not recorded", "", "created")]


def test_whose_token_is_gone_is_still_named(staff_client, user, reminder):
    client_of(user).post(f"/api/v1/reminders/{reminder.pk}/pause/")
    gone = user.api_tokens.get().pk
    user.api_tokens.all().delete()
    assert acts(staff_client, reminder)[0][0] == f"{user.username}, token {gone}"


def test_long_history_has_pages(staff_client, reminder, now, django_assert_max_num_queries):
    for minute in range(PAGE_SIZE + 5):
        reminder.title = f"Title {minute}"
        reminder.store(now + timedelta(minutes=minute))
    with django_assert_max_num_queries(20):
        assert entries(staff_client, reminder)[0].diff["title"][1] == f"Title {PAGE_SIZE + 4}"
    assert [entry.text for entry in entries(staff_client, reminder, "?p=2")][-1] == "created"


def test_who_may_not_see_an_object_may_not_see_its_history(client, stranger, reminder):
    stranger.is_staff = True
    stranger.save()
    stranger.user_permissions.add(Permission.objects.get(codename="view_channel"))
    client.force_login(stranger)
    assert client.get(f"/admin/reminders/reminder/{reminder.pk}/history/").status_code == 403


def test_edit_of_a_user_tells_what_it_was_and_no_password(staff_client, user):
    url = f"/admin/accounts/user/{user.pk}/change/"
    form = {"username": user.username, "email": user.email, "timezone": "Europe/Berlin"}
    assert staff_client.post(url, {**form, "is_active": "on"}).status_code == 302
    assert entries(staff_client, user)[0].text == "Time zone: “UTC” → “Europe/Berlin”"
    password = {"password1": "hunter2hunter2", "password2": "hunter2hunter2"}
    staff_client.post(f"/admin/accounts/user/{user.pk}/password/", password)
    assert "hunter2" not in str(LogEntry.objects.values())
    assert entries(staff_client, user)[0].text == "Changed password."


def laptop_of(user, now):
    asked = {"name": "Adas-laptop", "scopes": ["me:read"], "expires_at": None}
    return tokens.make(user, now=now, **asked)[0]


def test_tokens_that_are_revoked_together_are_logged_each(staff_client, user, stranger, now):
    both = [laptop_of(each, now) for each in (user, stranger)]
    act(staff_client, "revoke", both, "accounts/apitoken")
    assert [acts(staff_client, token)[0][2] for token in both] == ["Revoked."] * 2


def test_delivery_that_is_retried_tells_who_did(staff_client, staff, reminder, recorder, now):
    firing.trigger(reminder, now)
    recorder.fail_with(TransportError("gone", permanent=True))
    deliver_due(now)
    # The notice of its loss is a delivery, too.
    delivery = Delivery.objects.get(reference__startswith="occurrence:")
    act(staff_client, "retry", [delivery], "notifications/delivery")
    told = acts(staff_client, delivery)
    assert told == [(staff.username, "in the admin", "Queued again.")]


def test_account_that_staff_close_tells_who_did(client, staff, stranger):
    User.objects.filter(pk=staff.pk).update(is_superuser=True)
    client.force_login(User.objects.get(pk=staff.pk))
    chosen = {"action": "close_accounts", "_selected_action": [stranger.pk], "confirmed": "1"}
    client.post("/admin/accounts/user/", chosen)
    assert acts(client, stranger)[0] == (staff.username, "in the admin", "Closed the account.")


def test_log_of_a_closed_account_has_no_name_of_its_tokens(staff_client, user, now):
    token = laptop_of(user, now)
    act(staff_client, "revoke", [token], "accounts/apitoken")
    closing.close(user, now)
    assert "Adas" not in str(LogEntry.objects.values())


def test_note_of_what_records_itself_is_not_told_twice(rf, staff, reminder):
    request = rf.post("/")
    request.user = staff
    history.note_admin(request, reminder, "Paused.")
    history.note_admin(request, User.objects.get(pk=staff.pk), "Looked at.")
    assert LogEntry.objects.count() == 1


def test_acknowledgement_tells_who_it_was(staff_client, user, reminder, now):
    occurrence = firing.trigger(reminder, now)
    with acting_as(Actor("api", user.pk)):
        responses.acknowledge(occurrence, now)
    assert (user.username, "through the API") in {one[:2] for one in acts(staff_client, reminder)}
