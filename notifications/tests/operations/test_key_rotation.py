"""Secrets: two while a webhook's rotates, new keys for all, and none where it should not be."""

import logging
from datetime import timedelta
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from notifications.channels import direct_send
from notifications.encryption import EncryptedTextField
from notifications.models import Attempt, Channel, Delivery
from notifications.operations import key_rotation
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import deliver_due
from notifications.tests.receivers import HttpReceiver, Reply

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

CHANNELS = "/api/v1/channels/"


@pytest.fixture
def receiver(settings):
    settings.FOAM_ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8:*"]
    with HttpReceiver() as receiver:
        yield receiver


@pytest.fixture
def hook(user, receiver, now):
    channel = Channel(
        owner=user, kind="webhook", name="Hook", address=receiver.url, verified_at=now
    )
    channel.store()
    return channel


@pytest.fixture
def staff_client(client, staff):
    client.force_login(staff)
    return client


def rotate(**options):
    out = StringIO()
    call_command("rotate_secrets", stdout=out, stderr=StringIO(), **options)
    return out.getvalue().strip()


def stored(channel):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT secret, previous_secret FROM notifications_channel WHERE id = %s", [channel.pk]
        )
        return cursor.fetchone()


# The secret of a webhook


def test_while_a_secret_rotates_messages_are_signed_with_both(api, hook, receiver):
    new = api.post(f"{CHANNELS}{hook.pk}/rotate_secret/").json()["secret"]
    direct_send.test(hook, timezone.now())
    [request] = receiver.requests
    assert new != hook.secret
    for secret in (new, hook.secret):
        assert Webhook(secret).verify(request.body, request.headers)
    assert len(request.headers["webhook-signature"].split(" ")) == 2


def test_after_a_day_only_the_new_one_signs(hook, receiver, now):
    old = hook.secret
    hook.rotate_secret(now)
    direct_send.test(hook, now + timedelta(hours=24))
    [request] = receiver.requests
    assert Webhook(hook.secret).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(request.body, request.headers)


def test_new_secret_is_shown_once_and_until_when_the_old_one_is_good(api, hook):
    made = api.post(f"{CHANNELS}{hook.pk}/rotate_secret/").json()
    read = api.get(f"{CHANNELS}{hook.pk}/").json()
    assert made["secret"].startswith("whsec_")
    assert read["secret"] == f"{made['secret'][:6]}…{made['secret'][-4:]}"
    assert read["previous_secret_until"] == made["previous_secret_until"] is not None


def test_secret_that_is_set_by_hand_is_the_only_one(api, hook, now):
    hook.rotate_secret(now)
    api.patch(f"{CHANNELS}{hook.pk}/", {"secret": ""})
    hook.refresh_from_db()
    assert hook.previous_secret is None


def test_mail_has_no_secret_to_rotate(api, user):
    mail = Channel.objects.create(owner=user, kind="email", name="x", address="ada@example.com")
    answer = api.post(f"{CHANNELS}{mail.pk}/rotate_secret/")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "kind")


# The keys of all secrets


def test_after_a_rotation_the_old_key_can_go(hook, receiver, settings, now):
    hook.rotate_secret(now)
    [old], new = settings.FOAM_ENCRYPTION_KEYS, Fernet.generate_key().decode()
    settings.FOAM_ENCRYPTION_KEYS = [new, old]
    assert rotate() == "2 rotated, 0 have the newest key already."
    assert rotate() == "0 rotated, 2 have the newest key already."
    settings.FOAM_ENCRYPTION_KEYS = [new]
    assert rotate(check=True) == "2 have the newest key already."
    assert direct_send.test(hook, now).attempt.outcome == "sent"
    [request] = receiver.requests
    assert Webhook(hook.secret).verify(request.body, request.headers)


def test_check_tells_which_rows_need_an_old_key_and_changes_nothing(hook, settings):
    before = stored(hook)
    settings.FOAM_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.FOAM_ENCRYPTION_KEYS]
    with pytest.raises(CommandError, match=rf"Channel.secret: 1 still need .*: {hook.pk}\."):
        rotate(check=True)
    assert stored(hook) == before


def test_what_no_key_reads_is_named_and_left_as_it_is(hook, settings):
    before = stored(hook)
    settings.FOAM_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError, match=rf"Channel.secret: 1 read by no key .*: {hook.pk}\."):
        rotate()
    assert stored(hook) == before


def test_secret_that_is_saved_meanwhile_is_not_written_over(hook, settings, monkeypatch):
    settings.FOAM_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.FOAM_ENCRYPTION_KEYS]
    write = key_rotation._write
    meanwhile = Channel(kind="webhook").transport.make_secret()

    def write_late(column, rows):
        Channel.objects.update(secret=meanwhile)
        return write(column, rows)

    monkeypatch.setattr(key_rotation, "_write", write_late)
    rotate()
    hook.refresh_from_db()
    assert hook.secret == meanwhile


def test_every_encrypted_column_is_found_and_rotated_batch_by_batch(user, settings, monkeypatch):
    monkeypatch.setattr(key_rotation, "ROW_BATCH_SIZE", 2)
    for number in range(5):
        address = f"https://example.com/{number}"
        Channel(owner=user, kind="webhook", name="x", address=address).store()
    settings.FOAM_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.FOAM_ENCRYPTION_KEYS]
    assert rotate() == "5 rotated, 0 have the newest key already."
    found = {column.field for column in key_rotation.columns() if not column.key}
    assert found == {
        field
        for model in apps.get_models()
        for field in model._meta.fields
        if isinstance(field, EncryptedTextField)
    }


# Where a secret is not to be


def test_secret_is_in_no_answer_page_log_nor_error(api, hook, receiver, staff_client, caplog):
    now = timezone.now()
    caplog.set_level(logging.DEBUG)
    old = hook.secret
    new = api.post(f"{CHANNELS}{hook.pk}/rotate_secret/").json()["secret"]
    receiver.default = Reply(500, f"{old} is not {new}".encode())
    post_messages([Post(hook.pk, "occurrence:1", "Stand-up", "", now)], now)
    deliver_due(now)
    api.post(f"{CHANNELS}{hook.pk}/test/")
    api.patch(f"{CHANNELS}{hook.pk}/", {"secret": "whsec_short"})
    answers = [api.get(path) for path in (CHANNELS, f"{CHANNELS}{hook.pk}/", "/api/v1/deliveries/")]
    answers += [api.get(f"/api/v1/deliveries/{each.pk}/") for each in Delivery.objects.all()]
    for model, row in (("channel", hook), ("delivery", Delivery.objects.first())):
        answers.append(staff_client.get(reverse(f"admin:notifications_{model}_changelist")))
        change = reverse(f"admin:notifications_{model}_change", args=[row.pk])
        answers.append(staff_client.get(change))
    said = "".join(answer.content.decode() for answer in answers)
    said += caplog.text + "".join(Attempt.objects.values_list("detail", flat=True))
    assert "answered 500: whsec_… is not whsec_…" in said
    for secret in (old, new):
        assert secret.removeprefix("whsec_") not in said


def test_what_second_factors_are_computed_from_is_rotated(user, settings):
    from allauth.mfa.models import Authenticator

    from accounts.encryption import decrypt, encrypt

    data = {"secret": encrypt("JBSWY3DP"), "other": "stays"}
    factor = Authenticator.objects.create(user=user, type="totp", data=data)
    settings.FOAM_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.FOAM_ENCRYPTION_KEYS]
    assert rotate() == "1 rotated, 0 have the newest key already."
    settings.FOAM_ENCRYPTION_KEYS = settings.FOAM_ENCRYPTION_KEYS[:1]
    factor.refresh_from_db()
    assert decrypt(factor.data["secret"]) == "JBSWY3DP"
    assert factor.data["other"] == "stays"
