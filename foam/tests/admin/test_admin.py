"""Staff in the admin: they see all, and call the same functions as every other face."""

import re
from datetime import timedelta

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from accounts.models import SYSTEM_USER_ID, ApiToken, Pause, User
from accounts.models import pause as pauses
from conftest import confirm
from foam.monitoring import health
from notifications.models import Channel, Delivery
from notifications.outbox.round import deliver_due
from notifications.transports import TransportError
from reminders.engine import canary, firing
from reminders.engine import tick as dispatch
from reminders.models import Occurrence, Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]


@pytest.fixture
def staff_client(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def later(make_reminder):
    """A weekly reminder that is not due for years."""
    from datetime import datetime

    return make_reminder(starts_at=datetime(2090, 1, 2, 18, 0), recurrence="FREQ=WEEKLY")


def act(client, name, rows, model="reminders_reminder", **asked):
    rows = [row.pk for row in rows]
    chosen = {"action": name, "_selected_action": rows, "confirmed": "1", **asked}
    answer = client.post(reverse(f"admin:{model}_changelist"), chosen, follow=True)
    assert answer.status_code == 200
    return [str(message) for message in answer.context["messages"]]


def form_of(**changes):
    form = {
        "title": "Stand-up",
        "body": "",
        "starts_at": "2090-01-02 18:00:00",
        "timezone": "Europe/Berlin",
        "recurrence": "FREQ=WEEKLY;BYDAY=MO",
        "gap": "after",
        "fold": "first",
        "misfire": "latest",
        "grace": "00:05:00",
        "nag_max": "3",
        "leads": "0:00:00",
        "exdates": "",
        "rdates": "",
        "tags": "",
        "external_id": "",
    }
    return {**form, **changes}


@pytest.mark.parametrize("model", list(admin.site._registry), ids=lambda model: model.__name__)
def test_every_list_opens(staff_client, later, model):
    firing.trigger(later, timezone.now())
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    assert staff_client.get(url).status_code == 200


@pytest.mark.parametrize("model", [Reminder, Occurrence, Channel, Delivery, PeriodicTask])
def test_every_row_opens(staff_client, later, model):
    firing.trigger(later, timezone.now())
    row = model.objects.first()
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])
    assert staff_client.get(url).status_code == 200


def test_user_without_staff_rights_is_sent_to_the_login(client, user):
    client.force_login(user)
    assert client.get("/admin/").status_code == 302


def test_reminder_shows_its_next_due_instants(staff_client, later):
    page = staff_client.get(f"/admin/reminders/reminder/{later.pk}/change/").content.decode()
    assert "Mon 2 Jan 2090, 18:00" in page
    assert "2090-01-02 18:00:00 UTC" in page


def test_reminder_can_be_made(staff_client, user):
    answer = staff_client.post("/admin/reminders/reminder/add/", form_of(owner=user.pk))
    assert answer.status_code == 302, answer.context["adminform"].errors
    reminder = Reminder.objects.get()
    assert f"{reminder.next_due_at:%Y-%m-%d %H:%M}" == "2090-01-02 17:00"
    assert [channel.kind for channel in reminder.channels.all()] == ["inbox"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"recurrence": "every monday"}, "recurrence"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"starts_at": "soon"}, "starts_at"),
        ({"starts_at": "2020-01-01 10:00:00", "recurrence": ""}, "starts_at"),
    ],
    ids=str,
)
def test_unusable_form_names_the_field_and_stores_nothing(staff_client, user, change, field):
    form = form_of(owner=user.pk, **change)
    answer = staff_client.post("/admin/reminders/reminder/add/", form)
    assert answer.status_code == 200
    assert field in answer.context["adminform"].errors
    assert not Reminder.objects.exists()


def test_what_a_reminder_does_until_it_is_done_can_be_said(staff_client, user):
    inbox = Channel.objects.inbox_of(user)
    wish = {"nag_every": "0:10:00", "nag_max": "5", "escalate_after": "1:00:00"}
    url, form = "/admin/reminders/reminder/add/", form_of(owner=user.pk, **wish)
    refused = staff_client.post(url, form)
    assert "escalate_channels" in refused.context["adminform"].errors
    assert staff_client.post(url, {**form, "escalate_channels": [inbox.pk]}).status_code == 302
    reminder = Reminder.objects.get()
    assert (reminder.nag_every, reminder.nag_max) == (timedelta(minutes=10), 5)
    assert list(reminder.escalate_channels.all()) == [inbox]


def test_occurrences_can_be_acknowledged_and_snoozed(staff_client, staff, later):
    now = timezone.now()
    done, snoozed = (firing.trigger(later, now + timedelta(seconds=n)) for n in (0, 1))
    model = "reminders_occurrence"
    assert act(staff_client, "snooze", [snoozed], model) == ["Snoozed 1."]
    assert act(staff_client, "acknowledge", [done], model) == ["Acknowledged 1."]
    [said] = act(staff_client, "acknowledge", [done], model)
    assert said.startswith("Acknowledged 0 of 1. Not done: 1 (")
    assert said.endswith("it does not wait for an answer.")
    page = staff_client.get(f"/admin/reminders/occurrence/{done.pk}/change/").content.decode()
    assert "grace" in page
    assert done.responses.get().user == staff
    assert Occurrence.objects.get(pk=snoozed.pk).status == "snoozed"


def test_next_of_a_reminder_can_be_skipped(staff_client, later):
    before = later.next_due_at
    act(staff_client, "skip_next", [later])
    later.refresh_from_db()
    assert later.next_due_at == before + timedelta(days=7)
    assert Occurrence.objects.get().due_at == before


def test_channel_of_someone_else_is_refused(staff_client, user, stranger):
    foreign = Channel.objects.inbox_of(stranger)
    form = form_of(owner=user.pk, channels=[foreign.pk])
    answer = staff_client.post("/admin/reminders/reminder/add/", form)
    assert "channels" in answer.context["adminform"].errors


def test_external_id_taken_by_another_is_a_form_error(staff_client, later, make_reminder, channel):
    make_reminder(external_id="a")
    url = f"/admin/reminders/reminder/{later.pk}/change/"
    answer = staff_client.post(url, form_of(external_id="a", channels=[channel.pk]))
    assert "already have a reminder" in answer.content.decode()


def test_channel_can_be_made(staff_client, user):
    form = {"owner": user.pk, "kind": "webhook", "name": "x", "address": "https://example.com/h"}
    answer = staff_client.post("/admin/notifications/channel/add/", form)
    assert answer.status_code == 302, answer.context["adminform"].errors
    assert Channel.objects.get().secret.startswith("whsec_")


def test_unusable_channel_names_the_field(staff_client, user):
    form = {"owner": user.pk, "kind": "webhook", "name": "x", "address": "ftp://example.com/h"}
    answer = staff_client.post("/admin/notifications/channel/add/", form)
    assert "address" in answer.context["adminform"].errors
    assert not Channel.objects.exists()


def test_channel_can_be_tested_and_the_answer_is_shown(staff_client, user):
    inbox = Channel.objects.inbox_of(user)
    [shown] = act(staff_client, "test", [inbox], "notifications_channel")
    assert shown.startswith("In-app inbox: Inbox: sent after 0.0")
    assert shown.endswith("· stored")


def test_channel_is_verified_with_the_code_that_was_sent(staff_client, user, recorder, settings):
    settings.EMAIL_URL = "smtp://127.0.0.1:9"
    mail = Channel(owner=user, kind="email", name="Mail", address="ada@example.com")
    mail.store()
    assert "on its way" in act(staff_client, "verify", [mail], "notifications_channel")[0]
    deliver_due(timezone.now())
    [code] = re.findall(r"\b\d{6}\b", recorder.sent[0].body)
    url = f"/admin/notifications/channel/{mail.pk}/change/"
    form = {"name": "Mail", "address": mail.address}
    answer = staff_client.post(url, {**form, "code": "1"})
    assert "not the code" in answer.context["adminform"].errors["code"][0]
    answer = staff_client.post(url, {**form, "code": code})
    assert answer.status_code == 302, answer.context["adminform"].errors
    mail.refresh_from_db()
    assert mail.is_verified


def test_refusal_of_a_test_is_shown(staff_client, channel, user, now):
    channel.disable("broken", now)
    model = "notifications_channel"
    assert "enable it first" in act(staff_client, "test", [channel], model)[0]
    both = [channel, Channel.objects.inbox_of(user)]
    assert act(staff_client, "test", both, model) == ["Choose one channel at a time."]


def test_owner_is_told_when_staff_disable_a_channel(staff_client, channel):
    act(staff_client, "disable", [channel], "notifications_channel")
    notice = Delivery.objects.get(reference__startswith="notice:channel:")
    assert "Why: Disabled by grace." in notice.body


@pytest.mark.parametrize("page", ["", "{pk}/change/"])
def test_channel_that_is_not_verified_says_so(staff_client, channel, page):
    Channel.objects.update(verified_at=None)
    url = f"/admin/notifications/channel/{page.format(pk=channel.pk)}"
    assert "Not verified yet" in staff_client.get(url).content.decode()


def test_reminder_can_be_edited(staff_client, later, channel):
    url = f"/admin/reminders/reminder/{later.pk}/change/"
    form = form_of(title="New", channels=[channel.pk])
    answer = staff_client.post(url, form)
    assert answer.status_code == 302, answer.context["adminform"].errors
    later.refresh_from_db()
    assert (later.title, later.timezone, later.version) == ("New", "Europe/Berlin", 2)


def test_action_pauses_and_resumes(staff_client, later):
    until = (timezone.now() + timedelta(days=1)).replace(second=0, microsecond=0)
    asked = {"confirmed": "1", "until": f"{until:%Y-%m-%dT%H:%M}"}
    assert act(staff_client, "pause", [later], **asked) == ["Paused 1."]
    later.refresh_from_db()
    assert (later.status, later.paused_until) == ("paused", until)
    act(staff_client, "resume", [later])
    later.refresh_from_db()
    assert later.status == "active"


def test_action_asks_until_when_to_pause(staff_client, later):
    chosen = {"action": "pause", "_selected_action": [later.pk]}
    url = reverse("admin:reminders_reminder_changelist")
    page = staff_client.post(url, chosen).content.decode()
    assert 'type="datetime-local"' in page
    refused = staff_client.post(url, {**chosen, "confirmed": "1", "until": "2020-01-01T00:00"})
    assert "Give a time in the future" in refused.content.decode()
    later.refresh_from_db()
    assert later.status == "active"


def test_action_pauses_and_resumes_a_channel(staff_client, channel):
    table = "notifications_channel"
    assert act(staff_client, "pause", [channel], table, confirmed="1") == ["Paused 1."]
    channel.refresh_from_db()
    assert channel.is_paused(timezone.now())
    assert act(staff_client, "resume", [channel], table) == ["Resumed 1."]
    channel.refresh_from_db()
    assert channel.paused_at is None


def test_action_pauses_and_resumes_a_user(staff_client, user):
    asked = {"confirmed": "1", "reason": "Holidays"}
    said = ["Paused all reminders of 1."]
    assert act(staff_client, "pause", [user], "accounts_user", **asked) == said
    assert user.pauses.get().reason == "Holidays"
    assert act(staff_client, "resume", [user], "accounts_user") == ["Resumed all reminders of 1."]
    assert not user.pauses.get().is_active(timezone.now())


def test_staff_pause_everything_and_every_page_says_so(staff_client):
    form = {"scope": "everything", "reason": "Wrong import"}
    answer = staff_client.post(reverse("admin:accounts_pause_add"), form)
    assert answer.status_code == 302, answer.context["adminform"].errors
    pause = Pause.objects.everything(timezone.now())
    assert pause.made_by.username == "grace"
    assert pauses_told(staff_client) == "Everything is " + pause.predicate("UTC") + "."
    assert act(staff_client, "end", [pause], "accounts_pause")[-1] == "Ended 1."
    assert Pause.objects.everything(timezone.now()) is None


def pauses_told(client):
    trouble = health.trouble(timezone.now())
    # Nothing ticks in a test, which is the worse trouble.
    assert trouble.startswith("Reminders are not firing")
    return health.Pulse.take(timezone.now()).paused_told


def test_pause_names_the_field_at_fault_in_the_admin(staff_client, user):
    add = reverse("admin:accounts_pause_add")
    errors = staff_client.post(add, {"scope": "tag", "owner": user.pk}).context["adminform"].errors
    assert errors["tag"] == ["Give the tag to pause, such as work."]
    errors = staff_client.post(add, {"scope": "user"}).context["adminform"].errors
    assert errors["owner"] == ["Choose the user whose reminders to pause."]


def test_pause_is_changed_in_the_admin_and_fixed_when_it_is_over(staff_client, user):
    pause, _ = pauses.begin("user", timezone.now(), owner=user)
    page = reverse("admin:accounts_pause_change", args=[pause.pk])
    staff_client.post(page, {"reason": "Ill"})
    pause.refresh_from_db()
    assert pause.reason == "Ill"
    pause.end(timezone.now())
    assert staff_client.post(page, {"reason": "Well"}).status_code == 403


def test_action_fires_now(staff_client, later):
    assert act(staff_client, "fire_now", [later]) == ["Fired 1."]
    assert Delivery.objects.count() == 1


def test_action_deletes_without_removing_the_row(staff_client, later):
    act(staff_client, "close", [later])
    assert Reminder.objects.not_deleted().count() == 0
    assert Reminder.objects.count() == 1


def test_deleted_reminder_is_restored_from_the_list_and_from_its_page(staff_client, later):
    page = f"/admin/reminders/reminder/{later.pk}"
    restore = reverse("admin:reminders_reminder_restore_one", args=[later.pk])
    assert staff_client.get(restore).status_code == 403
    act(staff_client, "close", [later])
    url = f"{reverse('admin:reminders_reminder_changelist')}?state=deleted"
    chosen = {"action": "restore", "_selected_action": [later.pk], "confirmed": "1"}
    staff_client.post(url, chosen)
    assert Reminder.objects.get().status == "active"
    act(staff_client, "close", [later])
    assert f'href="{restore}"' in staff_client.get(f"{page}/change/").content.decode()
    assert "Restore this reminder?" in staff_client.get(restore).content.decode()
    assert Reminder.objects.get().deleted_at is not None
    staff_client.post(restore, {"confirmed": "1"})
    assert Reminder.objects.get().deleted_at is None
    assert restore not in staff_client.get(f"{page}/change/").content.decode()


def test_action_tries_dead_and_queued_deliveries_now(staff_client, reminder, recorder, now):
    deliveries, model = Delivery.objects.all(), "notifications_delivery"
    dispatch.run(now)
    deliveries = Delivery.objects.filter(reference__startswith="occurrence:")
    for error in (TransportError("busy"), TransportError("gone", permanent=True)):
        recorder.fail_with(error)
        deliver_due(timezone.now())
        assert act(staff_client, "retry", deliveries, model) == ["Queued 1."]
    [said] = act(staff_client, "retry", deliveries, model)
    assert said.endswith("this one is queued and due: a worker takes it next.")


def test_delivery_page_shows_what_went_wrong(staff_client, reminder, recorder, now):
    recorder.fail_with(TransportError("answered 500: try later"))
    dispatch.run(now)
    deliver_due(now)
    url = f"/admin/notifications/delivery/{Delivery.objects.get().pk}/change/"
    assert "answered 500: try later" in staff_client.get(url).content.decode()


def test_delivery_tells_its_cause_and_what_it_waits_for(staff_client, later, user):
    now = timezone.now()
    Channel.objects.update(digest_every=timedelta(hours=1))
    occurrence = firing.trigger(later, now)
    delivery = Delivery.objects.get()
    url = f"/admin/notifications/delivery/{delivery.pk}/change/"
    page = staff_client.get(url).content.decode()
    assert "held for the digest that goes out then" in page
    assert f"occurrence {occurrence.pk} of reminder {later.pk} “Stand-up”, due " in page
    assert f'href="/admin/reminders/occurrence/{occurrence.pk}/change/"' in page
    # But for the breadcrumb nothing leads to itself.
    assert page.count(f'href="{url}"') == 1
    Occurrence.objects.all().delete()
    assert f"caused by {delivery.reference}" in staff_client.get(url).content.decode()


def test_occurrence_tells_only_its_own_story(staff_client, later, recorder):
    now = timezone.now()
    first, second = (firing.trigger(later, now - timedelta(seconds=n)) for n in (1, 0))
    deliver_due(now)
    page = staff_client.get(f"/admin/reminders/occurrence/{second.pk}/change/").content.decode()
    told, other = (Delivery.objects.get(reference=each.reference) for each in (second, first))
    assert "fired by hand, beside the schedule" in page
    assert "attempt 1: the receiver accepted it" in page
    assert f"/admin/notifications/delivery/{told.pk}/change/" in page
    assert f"/admin/notifications/delivery/{other.pk}/change/" not in page


def test_reminder_that_cannot_be_read_any_more_opens(staff_client, later):
    firing.trigger(later, timezone.now())
    Reminder.objects.update(timezone="Mars/Olympus")
    for path in ("", f"{later.pk}/change/"):
        page = staff_client.get(f"/admin/reminders/reminder/{path}")
        assert "cannot be read" in page.content.decode() or "IANA" in page.content.decode()
    for model in (Occurrence, Delivery):
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        url = reverse(f"admin:{name}_change", args=[model.objects.get().pk])
        assert staff_client.get(url).status_code == 200


@pytest.mark.parametrize("path", ["notifications/delivery", "reminders/occurrence"])
def test_rows_that_foam_writes_cannot_be_added_by_hand(staff_client, path):
    assert staff_client.get(f"/admin/{path}/add/").status_code == 403


def test_secret_of_a_channel_is_masked(staff_client, channel):
    channel.secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
    channel.save()
    url = f"/admin/notifications/channel/{channel.pk}/change/"
    page = staff_client.get(url).content.decode()
    assert channel.secret not in page
    assert channel.masked_secret in page


@pytest.mark.parametrize("page", ["", "{pk}/change/"])
def test_channel_left_alone_says_until_when_and_why(staff_client, channel, page):
    until = timezone.now() + timedelta(minutes=2)
    Channel.objects.update(holds=3, held_until=until)
    url = f"/admin/notifications/channel/{page.format(pk=channel.pk)}"
    shown = staff_client.get(url).content.decode()
    assert f"Left alone until {until:%H:%M:%S} UTC: no answer in time, 3 times in a row" in shown


def test_times_are_shown_to_the_second(staff_client, reminder, now):
    dispatch.run(now)
    page = staff_client.get("/admin/reminders/occurrence/").content.decode()
    assert "2026-11-23 17:00:00" in page


def test_token_can_be_revoked(staff_client, user):
    token, secret = ApiToken.issue(user, "ci")
    act(staff_client, "revoke", [token], "accounts_apitoken")
    assert not ApiToken.objects.valid(timezone.now()).for_secret(secret).exists()


def test_banner_says_that_nothing_ticks(staff_client):
    assert "Reminders are not firing." in staff_client.get("/admin/").content.decode()


def test_banner_is_gone_once_it_ticks(staff_client):
    now = timezone.now()
    canary.plant(now)
    dispatch.run(now)
    assert 'role="alert"' not in staff_client.get("/admin/").content.decode()


def test_banner_says_that_nothing_arrives(staff_client):
    now = timezone.now()
    canary.plant(now - timedelta(minutes=4))
    dispatch.run(now)
    assert "Reminders are not arriving." in staff_client.get("/admin/").content.decode()


OWNED_BY = {User: "pk", Channel: "pk", Reminder: "pk", Occurrence: "reminder", Delivery: "channel"}


@pytest.mark.parametrize("model", OWNED_BY, ids=lambda model: model.__name__)
def test_canary_is_not_among_what_staff_see(staff_client, reminder, planted, now, model):
    dispatch.run(now)
    own = {OWNED_BY[model]: SYSTEM_USER_ID}
    assert model.objects.filter(**own).exists()
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    shown = staff_client.get(url).context["cl"]
    assert shown.result_count == model.objects.exclude(**own).count() > 0
    assert not shown.queryset.filter(**own).exists()


@pytest.mark.django_db(transaction=True)
def test_edit_of_the_tick_survives_a_restart_of_beat(transactional_db, beat_rows):
    """What beat does at its start writes no schedule back over the row."""
    from django_celery_beat.schedulers import DatabaseScheduler

    from foam.celery import app

    PeriodicTask.objects.filter(name="tick").update(enabled=False, expire_seconds=77)
    DatabaseScheduler(app=app)
    tick = PeriodicTask.objects.get(name="tick")
    assert (tick.enabled, tick.expire_seconds) == (False, 77)


def test_staff_make_a_token_of_their_own_and_see_its_secret_once(staff_client, staff):
    confirm(staff_client, staff)
    form = {"name": "laptop", "scopes": ["me:read"], "expires_at_0": "", "expires_at_1": ""}
    made = staff_client.post("/admin/accounts/apitoken/add/", form)
    assert "no-store" in made["Cache-Control"]
    token = ApiToken.objects.get()
    assert (token.user, token.scopes, token.expires_at) == (staff, ["me:read"], None)
    secret = re.search(r"foam_[\w-]{43}", made.content.decode())[0]
    assert ApiToken.objects.valid(timezone.now()).for_secret(secret).get() == token
    later = staff_client.get(f"/admin/accounts/apitoken/{token.pk}/change/").content.decode()
    assert secret not in later


def test_token_without_a_scope_is_refused_in_the_form(staff_client, staff):
    confirm(staff_client, staff)
    form = {"name": "laptop", "expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}
    answer = staff_client.post("/admin/accounts/apitoken/add/", form)
    assert answer.context["adminform"].form.errors["scopes"]
    assert not ApiToken.objects.exists()


def test_token_whose_time_staff_change_is_spoken_of_then(staff_client, user):
    token, _ = ApiToken.issue(user, "ci", scopes=["me:read"])
    form = {"name": "ci", "expires_at_0": "2090-01-02", "expires_at_1": "03:04:05"}
    url = f"/admin/accounts/apitoken/{token.pk}/change/"
    assert staff_client.post(url, form).status_code == 302
    token.refresh_from_db()
    assert (token.scopes, token.expires_at.year) == (["me:read"], 2090)
    assert Reminder.objects.get(owner=user).next_due_at == token.expires_at


def test_accounts_are_closed_after_a_page_that_names_them(staff_client, user, stranger):
    url, chosen = reverse("admin:accounts_user_changelist"), [user.pk, stranger.pk]
    form = {"action": "close_accounts", "_selected_action": chosen}
    page = staff_client.post(url, form).content.decode()
    assert '<li class="break-words">ada</li>' in page
    assert User.objects.filter(closed_at=None).count() == 3
    answer = staff_client.post(url, {**form, "confirmed": "1"}, follow=True)
    assert [str(each) for each in answer.context["messages"]] == ["Closed the accounts of 2."]
    assert User.objects.filter(closed_at=None).count() == 1


def test_more_accounts_than_a_page_names_are_not_closed(staff_client, user, stranger, monkeypatch):
    monkeypatch.setattr("accounts.admin.users.MAX_CLOSED_AT_ONCE", 1)
    [said] = act(staff_client, "close_accounts", [user, stranger], "accounts_user")
    assert said.startswith("At most 1 can be done at once")
    assert User.objects.filter(closed_at=None).count() == 3
