"""Two people edit one object in the admin: the second is shown what the first has changed."""

from datetime import datetime, timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from accounts.admin.edits import GuardsEdits
from accounts.models import ApiToken
from accounts.models import pause as pauses
from foam.tests.api.sent import sent_by
from notifications.models import Channel
from reminders.models import Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

FAR = datetime(2090, 1, 2, 9, 0)


@pytest.fixture
def staff_client(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def later(make_reminder):
    body = "one\ntwo"
    return make_reminder(title="Original", body=body, starts_at=FAR, recurrence="FREQ=DAILY")


def page_of(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def open_form(client, row):
    """Return what a browser would send at once."""
    page = client.get(page_of(row)).content.decode()
    return sent_by(page, f"{row._meta.model_name}_form")


def errors_of(answer):
    assert answer.status_code == 200
    return " ".join(answer.context["adminform"].form.non_field_errors())


def test_colleagues_edit_is_not_overwritten(staff_client, later):
    mine, theirs = open_form(staff_client, later), open_form(staff_client, later)
    theirs |= {"title": "New", "starts_at": "2090-01-02 11:00:00"}
    assert staff_client.post(page_of(later), theirs).status_code == 302
    answer = staff_client.post(page_of(later), {**mine, "body": "mine"})
    said = errors_of(answer)
    assert "<b>Title</b>: now “New”, yours “Original”" in said
    assert "<b>Starts at</b>: now “2090-01-02 11:00:00”, yours “2090-01-02 09:00:00”" in said
    assert "Body" not in said
    later.refresh_from_db()
    assert (later.title, later.body, later.starts_at.hour, later.version) == (
        "New",
        "one\ntwo",
        11,
        2,
    )


def test_typed_values_are_kept_and_the_others_are_theirs(staff_client, later):
    mine = open_form(staff_client, later)
    theirs = {**mine, "title": "New", "body": "theirs", "tags": ["a", "b"], "urgent": "on"}
    staff_client.post(page_of(later), theirs)
    answer = staff_client.post(page_of(later), {**mine, "body": "mine"})
    assert "<b>Body</b>: now “theirs”, yours “mine”" in errors_of(answer)
    shown = sent_by(answer.content.decode(), "reminder_form")
    assert (shown["body"], shown["title"], shown["tags"]) == (["mine"], ["New"], ["a", "b"])
    assert shown["urgent"] == ["on"]
    # Who has seen it saves it knowingly.
    assert staff_client.post(page_of(later), shown).status_code == 302
    later.refresh_from_db()
    assert (later.body, later.title, later.tags) == ("mine", "New", ["a", "b"])


def test_edit_through_the_api_counts_as_well(staff_client, api, later, channel, user):
    mine, inbox = open_form(staff_client, later), Channel.objects.inbox_of(user)
    change = {"channels": [channel.pk, inbox.pk], "leads": ["PT15M"]}
    assert api.patch(f"/api/v1/reminders/{later.pk}/", change).status_code == 200
    said = errors_of(staff_client.post(page_of(later), mine))
    assert "In-app inbox: Inbox" in said
    assert "<b>Leads</b>: now “PT15M”, yours “PT0S”" in said


def test_what_the_form_does_not_show_refuses_nobody(staff_client, later, now):
    mine = open_form(staff_client, later)
    later.pause(now)
    assert staff_client.post(page_of(later), {**mine, "title": "New"}).status_code == 302
    later.refresh_from_db()
    assert (later.title, later.status) == ("New", "paused")


@pytest.mark.parametrize("edition", ["", "zzz", "title=00000000", ";;=;"])
def test_unreadable_edition_counts_as_outdated(staff_client, later, edition):
    mine = {**open_form(staff_client, later), "edition": edition}
    assert "somebody else has changed this" in errors_of(staff_client.post(page_of(later), mine))


def test_deleted_meanwhile_is_said(staff_client, later, now):
    mine = open_form(staff_client, later)
    later.close(now)
    assert errors_of(staff_client.post(page_of(later), mine))
    assert Reminder.objects.get().deleted_at == now


def others(user, channel, now):
    """Return one row of each other model that people edit, and a change of it."""
    token, _ = ApiToken.issue(user, "laptop", scopes=["me:read"], expires_at=now)
    token.refresh_from_db()
    pause, _ = pauses.begin("user", timezone.now(), owner=user)
    interval, _ = IntervalSchedule.objects.get_or_create(every=3, period="hours")
    task = PeriodicTask.objects.create(name="x", task="x", interval=interval)
    yield user, "first_name", {"is_staff": True}
    yield channel, "name", {"at_most_once": True}
    yield pause, "reason", {"until": timezone.now() + timedelta(days=3)}
    yield token, "name", {"expires_at": timezone.now() + timedelta(days=3)}
    yield Group.objects.create(name="Support"), "name", {"name": "Theirs"}
    yield task, "description", {"description": "Theirs"}
    yield interval, "every", {"every": 4}


def test_every_form_of_staff_refuses_an_outdated_edition(staff_client, user, channel, now):
    for row, field, theirs in others(user, channel, now):
        mine = {**open_form(staff_client, row), field: "7"}
        type(row)._base_manager.filter(pk=row.pk).update(**theirs)
        before = type(row)._base_manager.filter(pk=row.pk).values().get()
        said = errors_of(staff_client.post(page_of(row), mine))
        assert "somebody else has changed this" in said, row
        assert type(row)._base_manager.filter(pk=row.pk).values().get() == before, row


def test_every_form_of_staff_saves_what_it_shows(staff_client, user, channel, later, now):
    for row, field, _ in [*others(user, channel, now), (later, "title", {})]:
        mine = {**open_form(staff_client, row), field: "7"}
        answer = staff_client.post(page_of(row), mine)
        assert answer.status_code == 302, (row, answer.context["adminform"].form.errors)


def test_every_model_that_staff_edit_guards_its_edits(rf, staff):
    request = rf.get("/")
    request.user = staff
    editable = [
        each for each in admin.site._registry.values() if each.has_change_permission(request)
    ]
    assert len(editable) >= 9
    assert [each.opts.label for each in editable if not isinstance(each, GuardsEdits)] == []
    assert not any(each.list_editable for each in editable)
    inlines = [inline for each in editable for inline in each.inlines]
    assert all(set(inline.fields) == set(inline.readonly_fields) for inline in inlines)


def test_validating_a_form_writes_nothing(staff, later, rf):
    """So a preview, a wizard or a refused inline leaves everything as it was."""
    request = rf.get("/")
    request.user = staff
    model_admin = admin.site._registry[Reminder]
    form_class = model_admin.get_form(request, later, change=True)
    form = form_class(instance=later)
    data = MultiValueDict()
    for name in form.fields:
        value = form[name].value()
        data.setlist(name, value if isinstance(value, list) else [] if value is None else [value])
    data["title"] = "New"
    form = form_class(data, instance=later)
    assert form.is_valid(), form.errors
    assert Reminder.objects.get().title == "Original"
