"""One's own export has all, whichever app holds it."""

import json
from datetime import timedelta

import pytest
from allauth.account.models import EmailConfirmation
from allauth.socialaccount.models import SocialToken
from django.apps import apps
from django.contrib.admin.models import LogEntry

from accounts.account_data import export
from accounts.models import IdempotencyKey, QuotaUsage, User, UserQuota
from conftest import client_of
from notifications.models import Flood, Verification
from notifications.outbox.round import deliver_due
from reminders.engine import tick
from reminders.models import Backlog, Plan, Reminder, Revision

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

# What leads to a user and is in no export, and why.
NOT_EXPORTED = {
    LogEntry: "what staff did, which is the operator's",
    EmailConfirmation: "not used: codes are kept in the session",
    SocialToken: "not kept",
    IdempotencyKey: "answers that were given already, for a day",
    Backlog: "what staff decided after an outage, which is the operator's",
    Revision: "when a reminder was changed, for programs that keep a copy",
    Flood: "counts of messages, which are in the export themselves",
    Verification: "a code on its way, which is a secret",
    Plan: "columns of its reminder, in the export of that",
    UserQuota: "limits that staff set, which `me/` shows",
    QuotaUsage: "counts of rows, which are in the export themselves",
}
# Rows that only join two of the others; these are told with one of them.
JOINS = {model for model in apps.get_models(include_auto_created=True) if model._meta.auto_created}


def exclude_system():
    """Return every model from which foreign keys lead to a user."""
    found = {User}
    while (
        more := {
            model
            for model in apps.get_models()
            for field in model._meta.concrete_fields
            if field.remote_field and field.related_model in found
        }
        - found
    ):
        found |= more
    return found


def test_every_model_that_leads_to_a_user_is_exported_or_named_here():
    exported = {section.model for section in export.sections}
    assert exclude_system() - JOINS == exported | NOT_EXPORTED.keys()
    assert len(exported) == len(export.sections)


def read(client):
    answer = client.get("/api/v1/me/export/")
    assert answer.status_code == 200
    return [json.loads(line) for line in answer.getvalue().splitlines()]


@pytest.fixture
def rows(api, make_reminder, now, recorder):
    make_reminder(title="Call Grace", leads=[timedelta(0), timedelta(hours=1)])
    tick.run(now)
    deliver_due(now)
    return read(api)


def test_export_has_what_is_ones_own(rows):
    types = [row["type"] for row in rows]
    assert types[0] == "export"
    assert {"profile", "email", "token", "channel", "delivery", "attempt", "reminder"} <= set(types)
    (reminder,) = [row for row in rows if row["type"] == "reminder"]
    assert reminder["title"] == "Call Grace"
    assert reminder["leads"] == ["PT0S", "PT1H"]
    assert len(reminder["channels"]) == 1


def test_last_line_counts_the_others(rows):
    assert rows[-1] == {"type": "end", "count": len(rows) - 2}


def test_export_tells_no_secret(api, user):
    from notifications.models import Channel

    Channel(owner=user, kind="webhook", name="Hook", address="https://example.com/").store()
    hook = Channel.objects.get()
    assert hook.secret
    text = api.get("/api/v1/me/export/").getvalue().decode()
    assert hook.secret not in text
    assert user.password not in text


def test_export_of_a_stranger_has_nothing_of_others(stranger_api, rows):
    text = json.dumps(read(stranger_api))
    assert "ada" not in text
    assert "Call Grace" not in text


def test_export_needs_its_scope(user):
    answer = client_of(user, ["reminders:read"]).get("/api/v1/me/export/")
    assert answer.status_code == 403


def test_export_reads_by_batch(user, channel, now, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(export, "EXPORT_BATCH_SIZE", 2)
    Reminder.objects.bulk_create(
        Reminder(owner=user, title=str(n), starts_at=now.replace(tzinfo=None), status="finished")
        for n in range(5)
    )
    (section,) = [each for each in export.sections if each.name == "reminder"]
    with django_assert_num_queries(4):
        assert [row["title"] for row in section.rows(user)] == list("01234")
