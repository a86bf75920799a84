"""Files in and out in the admin: tried first, then taken in, by the API's own functions."""

import json
from functools import partial

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile

from notifications.models import Channel
from reminders.exchange import formats
from reminders.exchange.limits import WEB
from reminders.models import Change, Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

IMPORT = "/admin/reminders/reminder/import/"
EXPORT = "/admin/reminders/reminder/export/"
CRONTAB = b"# Back up\n0 3 * * * backup\n@reboot warm-up\n"


@pytest.fixture
def staff_client(client, staff):
    client.force_login(staff)
    return client


def send(client, user, content=CRONTAB, name="mine.crontab", **more):
    file = SimpleUploadedFile(name, content)
    answer = client.post(IMPORT, {"owner": user.pk, "file": file, **more})
    assert answer.status_code == 200
    return answer


def errors(answer):
    return {name: each[0] for name, each in answer.context["form"].errors.items()}


def test_file_is_tried_first_and_keeps_nothing(staff_client, user):
    page = send(staff_client, user).content.decode()
    assert "An import would do this: 1 created" in page
    assert "@reboot" in page
    assert not Reminder.objects.exists()
    assert not Change.objects.exists()


def test_what_was_tried_is_taken_in_for_its_owner(staff_client, staff, user):
    tried = send(staff_client, user).context["tried"]
    page = send(staff_client, user, take="1", tried=tried).content.decode()
    assert "Done: 1 created" in page
    assert Reminder.objects.get().owner == user
    change = Change.objects.get()
    assert (change.verb, change.face, change.user) == ("created", "import", staff)


@pytest.mark.parametrize("what", ["nothing", "another file", "another owner", "a forged word"])
def test_nothing_else_is_taken_in(staff_client, user, stranger, what):
    tried = send(staff_client, user).context["tried"]
    content = b"# Other\n0 4 * * * other\n" if what == "another file" else CRONTAB
    owner = stranger if what == "another owner" else user
    word = {"nothing": "", "a forged word": tried[:-1]}.get(what, tried)
    page = send(staff_client, owner, content, take="1", tried=word).content.decode()
    assert "This is not what was tried" in page
    assert not Reminder.objects.exists()


def test_file_that_cannot_be_read_is_an_error_at_its_field(staff_client, user):
    assert "version" in errors(send(staff_client, user, b"{}", "mine.jsonl"))["file"]
    assert "choose one" in errors(send(staff_client, user, CRONTAB, "mine.bin"))["format"]
    assert "Mars" in errors(send(staff_client, user, timezone="Mars/Olympus"))["timezone"]
    assert not errors(send(staff_client, user, CRONTAB, "mine.bin", format="crontab"))


def test_owner_whose_account_is_closed_cannot_be_chosen(staff_client, user, now):
    from accounts.account_data import closing

    closing.close(user, now)
    assert "owner" in errors(send(staff_client, user))


def test_words_of_a_file_are_escaped(staff_client, user):
    content = b"# <script>alert(1)</script>\n0 3 * * * backup\n"
    page = send(staff_client, user, content).content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


def test_more_than_one_request_takes_is_refused(staff_client, user, monkeypatch):
    read = partial(formats.read, limits=WEB._replace(items=0))
    monkeypatch.setattr(formats, "read", read)
    assert "Split it" in errors(send(staff_client, user))["file"]


def test_larger_file_than_other_pages_take_may_be_sent(staff_client, user):
    content = CRONTAB + b"#" * 2 * 1024 * 1024
    assert "An import would do this" in send(staff_client, user, content).content.decode()


@pytest.fixture
def clerk(client, stranger):
    """Staff with some rights only."""
    stranger.is_staff = True
    stranger.save()
    client.force_login(stranger)

    def allow(*codenames):
        stranger.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        return client

    return allow


def test_who_may_not_make_and_change_reminders_may_not_import(clerk):
    client = clerk("add_reminder", "view_reminder")
    assert client.get(IMPORT).status_code == 403
    assert "Import" not in client.get("/admin/reminders/reminder/").content.decode()
    assert clerk("add_reminder", "change_reminder").get(IMPORT).status_code == 200


def test_who_may_not_write_channels_imports_none(clerk, user):
    client = clerk("add_reminder", "change_reminder")
    head, channel = {"type": "foam", "version": 1}, {"type": "channel", "kind": "email"}
    lines = [head, {**channel, "name": "Mine", "address": "a@example.com"}]
    content = "\n".join(json.dumps(line) for line in lines).encode()
    page = send(client, user, content, "mine.jsonl").content.decode()
    assert "needs a right of its own: channels:write" in page
    assert not Channel.objects.filter(kind="email").exists()


# Out


def body(answer):
    assert answer.status_code == 200
    return answer.getvalue().decode()


def test_all_of_one_owner_go_out_as_the_api_gives_them(staff_client, user, reminder, api):
    asked = {"owner": user.pk, "format": "jsonl"}
    answer = staff_client.get(EXPORT, asked)
    assert answer["Content-Disposition"] == 'attachment; filename="reminders.jsonl"'
    assert body(answer) == body(api.get("/api/v1/reminders/export/"))


def test_selected_ones_go_out_in_both_formats(staff_client, make_reminder):
    rows = [make_reminder(title=title) for title in ("One", "Two", "Three")]
    chosen = {"_selected_action": [row.pk for row in rows[:2]]}
    url = "/admin/reminders/reminder/"
    lines = body(staff_client.post(url, {"action": "export_jsonl", **chosen})).splitlines()
    told = [json.loads(line) for line in lines]
    assert [each["title"] for each in told if each["type"] == "reminder"] == ["One", "Two"]
    calendar = body(staff_client.post(url, {"action": "export_icalendar", **chosen}))
    assert calendar.count("BEGIN:VEVENT") == 2


def test_who_may_not_see_channels_gets_a_calendar_only(clerk, user, reminder):
    client = clerk("view_reminder")
    asked = {"owner": user.pk}
    assert client.get(EXPORT, {**asked, "format": "jsonl"}).status_code == 403
    assert "VEVENT" in body(client.get(EXPORT, {**asked, "format": "icalendar"}))
