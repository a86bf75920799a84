"""What forms of the admin offer: the chosen owner's channels, and owners whose account is open."""

from datetime import datetime

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from accounts.account_data import closing
from accounts.models import User
from foam.tests.api.sent import sent_by
from notifications.models import Channel
from reminders.models import Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

ADD = "/admin/reminders/reminder/add/"


@pytest.fixture
def staff_client(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def gone(now):
    """A user whose account is closed, and who had a channel."""
    user = User.objects.create_user("gone", "gone@example.com", "x")
    Channel.objects.create(owner=user, kind="email", name="Mail", address="gone@example.com")
    closing.close(user, now)
    return user


def offered(client, field, model="reminders.reminder", **asked):
    app, name = model.split(".")
    source = {"app_label": app, "model_name": name, "field_name": field}
    answer = client.get("/admin/autocomplete/", {**source, "term": "", **asked})
    return [each["text"] for each in answer.json()["results"]]


@pytest.mark.parametrize("field", ["channels", "escalate_channels"])
@pytest.mark.usefixtures("channel")
def test_channels_of_the_owner_alone_are_offered(staff_client, field, user, stranger, gone):
    Channel.objects.inbox_of(stranger)
    mine, theirs = "ada · Webhook: Hook", "eve · In-app inbox: Inbox"
    assert offered(staff_client, field, owner=user.pk) == [mine]
    assert offered(staff_client, field, owner=stranger.pk) == [theirs]
    assert offered(staff_client, field, owner=gone.pk) == []
    assert offered(staff_client, field, owner="zzz") == []
    # Before an owner is chosen each says whose it is.
    assert offered(staff_client, field) == [theirs, mine]


def test_deleted_channel_is_not_offered(staff_client, channel, now):
    channel.close(now)
    assert offered(staff_client, "channels") == []


@pytest.mark.parametrize("model", ["reminders.reminder", "notifications.channel", "accounts.pause"])
def test_closed_account_is_offered_as_owner_nowhere(staff_client, user, gone, model):
    assert offered(staff_client, "owner", model) == ["ada", "grace"]
    assert offered(staff_client, "owner", model, term="(closed") == []


def form_of(**changes):
    form = {
        "title": "Stand-up",
        "starts_at": "2090-01-02 18:00:00",
        "timezone": "Europe/Berlin",
        "gap": "after",
        "fold": "first",
        "misfire": "latest",
        "grace": "00:05:00",
        "nag_max": "3",
        "leads": "0:00:00",
    }
    return {**form, **changes}


@pytest.mark.parametrize("field", ["channels", "escalate_channels"])
def test_channel_of_another_is_refused_by_name(staff_client, user, stranger, field):
    foreign = Channel.objects.inbox_of(stranger)
    answer = staff_client.post(ADD, form_of(owner=user.pk, **{field: [foreign.pk]}))
    assert answer.context["adminform"].errors[field] == [
        "Choose channels of ada. These are not: eve · In-app inbox: Inbox."
    ]
    assert not Reminder.objects.exists()


def test_channel_of_another_is_refused_in_an_edit(staff_client, make_reminder, stranger):
    reminder = make_reminder(starts_at=datetime(2090, 1, 2))
    foreign = Channel.objects.inbox_of(stranger)
    page = reverse("admin:reminders_reminder_change", args=[reminder.pk])
    form = {**sent_by(staff_client.get(page).content.decode(), "reminder_form")}
    answer = staff_client.post(page, {**form, "channels": [foreign.pk]})
    assert "Choose channels of ada." in answer.context["adminform"].errors["channels"][0]


def test_deleted_channel_is_refused_and_does_not_stop_an_edit(
    staff_client, make_reminder, channel, user, now
):
    inbox = Channel.objects.inbox_of(user)
    reminder = make_reminder(starts_at=datetime(2090, 1, 2), channels=[channel, inbox])
    channel.close(now)
    answer = staff_client.post(ADD, form_of(owner=user.pk, channels=[channel.pk]))
    assert "is deleted" in answer.context["adminform"].errors["channels"][0]
    page = reverse("admin:reminders_reminder_change", args=[reminder.pk])
    form = sent_by(staff_client.get(page).content.decode(), "reminder_form")
    assert staff_client.post(page, {**form, "title": "New"}).status_code == 302
    assert [each.kind for each in reminder.channels.all()] == ["inbox"]


@pytest.mark.parametrize(
    ("page", "form"),
    [
        (ADD, form_of()),
        ("/admin/notifications/channel/add/", {"kind": "inbox", "name": "x"}),
        ("/admin/accounts/pause/add/", {"scope": "user"}),
    ],
)
def test_closed_account_is_refused_as_owner(staff_client, gone, page, form):
    answer = staff_client.post(page, {**form, "owner": gone.pk})
    assert answer.context["adminform"].errors["owner"][0] == "Choose a user whose account is open."


def test_new_reminder_and_channel_are_ones_own_in_ones_zone(staff_client, staff, user):
    User.objects.filter(pk=staff.pk).update(timezone="Asia/Tokyo")
    User.objects.filter(pk=user.pk).update(timezone="Europe/Berlin")
    fields = sent_by(staff_client.get(ADD).content.decode(), "reminder_form")
    assert (fields["owner"], fields["timezone"]) == ([str(staff.pk)], ["Asia/Tokyo"])
    page = staff_client.get(ADD, {"owner": user.pk}).content.decode()
    fields = sent_by(page, "reminder_form")
    assert (fields["owner"], fields["timezone"]) == ([str(user.pk)], ["Europe/Berlin"])
    page = staff_client.get("/admin/notifications/channel/add/").content.decode()
    assert sent_by(page, "channel_form")["owner"] == [str(staff.pk)]


def test_channel_that_nothing_goes_to_is_said_when_it_is_chosen(staff_client, user, channel):
    Channel.objects.filter(pk=channel.pk).update(verified_at=None)
    answer = staff_client.post(ADD, form_of(owner=user.pk, channels=[channel.pk]))
    said = [(each.level_tag, str(each)) for each in get_messages(answer.wsgi_request)]
    text = (
        "Nothing goes to Webhook: Hook (not verified yet): Not verified yet: nothing is sent this "
        "way until it is."
    )
    assert ("warning", text) in said


def test_deleted_and_closed_rows_are_hidden_unless_they_are_asked_for(
    staff_client, make_reminder, channel, gone, now
):
    make_reminder().close(now)
    channel.close(now)
    lists = {"reminders/reminder": "deleted", "notifications/channel": "deleted"}
    for name, state in {**lists, "accounts/user": "closed"}.items():
        shown = staff_client.get(f"/admin/{name}/").context["cl"].queryset
        hidden = staff_client.get(f"/admin/{name}/", {"state": state}).context["cl"].queryset
        assert not shown.intersection(hidden).exists()
        assert hidden.exists()
        assert shown.count() + hidden.count() == shown.model.objects.exclude(pk=0).count()
