"""What staff or a command does to an account is told to its owner by mail."""

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from django.core import mail
from django.core.cache import cache
from django.core.management import call_command

from accounts.account_data import closing
from accounts.audit.actor import Actor, Source, acting_as
from accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh(db, settings):
    cache.clear()
    settings.EMAIL_URL = "smtp://mail.example.com"


@pytest.fixture
def by_staff(staff, django_capture_on_commit_callbacks):
    """Run something as staff in the admin, and return the mails that it sends."""

    def run(act):
        mail.outbox.clear()
        with (
            acting_as(Actor(Source.ADMIN.value, staff.pk)),
            django_capture_on_commit_callbacks(execute=True),
        ):
            act()
        return [(sent.to[0], sent.subject) for sent in mail.outbox]

    return run


def set_password(user):
    user.set_password("correct horse")
    user.save()


def set_field(name, value):
    def act(user):
        setattr(user, name, value)
        user.save()

    return act


def remove_factor(user):
    Authenticator.objects.filter(user=user).delete()


def add_group(user):
    user.groups.add(Group.objects.create(name="Editors"))


@pytest.mark.parametrize(
    ("act", "subject"),
    [
        (set_password, "Your password was changed"),
        (set_field("email", "other@example.com"), "Your e-mail address was changed"),
        (remove_factor, "A second factor was removed"),
        (set_field("is_active", False), "Your account was switched off"),
        (set_field("is_staff", True), "Your rights were changed"),
        (set_field("is_superuser", True), "Your rights were changed"),
        (add_group, "Your rights were changed"),
    ],
)
def test_owner_is_told_at_the_address_of_before(user, by_staff, act, subject):
    Authenticator.objects.create(user=user, type="totp", data={})
    assert by_staff(lambda: act(user)) == [("ada@example.com", f"FOAM: {subject}")]
    assert "by staff, in the admin" in mail.outbox[0].body


def test_closed_account_is_told(user, by_staff, now):
    sent = by_staff(lambda: closing.close(user, now))
    assert ("ada@example.com", "FOAM: Your account was closed") in sent


def test_password_by_a_command_is_told(user, monkeypatch, django_capture_on_commit_callbacks):
    monkeypatch.setattr("getpass.getpass", lambda prompt: "correct horse")
    with (
        acting_as(Actor(Source.COMMAND.value)),
        django_capture_on_commit_callbacks(execute=True),
    ):
        call_command("changepassword", "ada")
    assert "with a command" in mail.outbox[0].body


def test_nobody_is_told_of_what_did_not_change(user, by_staff):
    assert by_staff(lambda: User.objects.get(pk=user.pk).save()) == []


def test_admin_itself_tells(client, user, staff, django_capture_on_commit_callbacks):
    client.force_login(staff)
    Authenticator.objects.create(user=user, type="totp", data={})
    form = {"action": "remove_second_factors", "_selected_action": [user.pk], "confirmed": "yes"}
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/admin/accounts/user/", form)
    assert mail.outbox[-1].subject == "FOAM: A second factor was removed"
