"""A recipient who says "not me" disables a channel with one click; its owner has a way back."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from accounts.audit.actor import Actor, acting_as
from notifications.links.signed_links import urls
from notifications.models import Channel, Delivery, InboxMessage
from notifications.outbox.round import deliver_due
from notifications.tests.receivers import SmtpReceiver
from reminders.engine import firing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account_mail(settings):
    with SmtpReceiver() as receiver:
        settings.EMAIL_URL = receiver.url
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", receiver.port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        yield receiver


@pytest.fixture(autouse=True)
def at_now(time_machine, now, woken):
    time_machine.move_to(now)


def not_me(client, reminder, now):
    """Press the link as a mail program does, by itself."""
    firing.trigger(reminder, now)
    delivery = Delivery.objects.filter(channel__in=reminder.channels.all()).latest("pk")
    path = urlsplit(urls(delivery)["not_me"]).path
    return client.post(path, "List-Unsubscribe=One-Click", "application/x-www-form-urlencoded")


@pytest.fixture
def stopped(client, reminder, channel, account_mail, now):
    assert not_me(client, reminder, now).status_code == 200
    channel.refresh_from_db()
    assert channel.disabled_at
    return channel


def link_in(text, label="Enable again: "):
    return urlsplit(text.split(label)[1].split()[0]).path


def test_owner_is_told_in_the_inbox_and_at_the_address_of_the_account(stopped, account_mail, now):
    deliver_due(now + timedelta(minutes=1))
    title = "FOAM no longer sends to Webhook: Hook"
    assert InboxMessage.objects.get().title == title
    [mail] = account_mail.wait_for(1)
    assert (mail.recipients, mail.message["Subject"]) == (["ada@example.com"], title)
    assert "not me" in mail.message.get_content()


def test_link_in_the_mail_enables_it_again_and_again_is_harmless(client, stopped, account_mail):
    [mail] = account_mail.wait_for(1)
    path = link_in(mail.message.get_content())
    assert "Send there again?" in client.get(path).content.decode()
    stopped.refresh_from_db()
    assert stopped.disabled_at
    assert "Enabled" in client.post(path).content.decode()
    assert "Already enabled" in client.post(path).content.decode()
    stopped.refresh_from_db()
    assert stopped.disabled_at is None


def test_link_in_the_inbox_does_the_same(api, client, stopped, now):
    deliver_due(now + timedelta(minutes=1))
    [message] = api.get("/api/v1/inbox/").json()["results"]
    client.post(urlsplit(message["actions"]["enable"]).path)
    stopped.refresh_from_db()
    assert stopped.disabled_at is None


def test_link_of_an_earlier_time_enables_nothing(client, stopped, account_mail, now):
    [mail] = account_mail.wait_for(1)
    stopped.enable()
    stopped.disable("answered 410", now + timedelta(hours=1))
    assert client.post(link_in(mail.message.get_content())).status_code == 410
    stopped.refresh_from_db()
    assert stopped.disabled_at


def test_link_to_a_deleted_channel_is_refused(client, stopped, account_mail, now):
    [mail] = account_mail.wait_for(1)
    stopped.close(now)
    assert client.post(link_in(mail.message.get_content())).status_code == 410


def test_mail_server_that_is_down_costs_the_recipient_nothing(
    client, reminder, channel, now, settings
):
    settings.EMAIL_URL, settings.EMAIL_PORT = "smtp://127.0.0.1:9", 9
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    assert not_me(client, reminder, now).status_code == 200
    assert Delivery.objects.filter(reference__startswith="notice:").exists()


def test_channel_that_staff_lead_elsewhere_is_told(staff, user, channel):
    channel.address = "https://other.example.com/"
    with acting_as(Actor("admin", staff.pk)):
        channel.store({"address"})
    notice = Delivery.objects.get(reference__startswith="unverified:")
    assert notice.channel == Channel.objects.inbox_of(user)


def test_channel_that_its_owner_leads_elsewhere_is_not(user, channel):
    channel.address = "https://other.example.com/"
    with acting_as(Actor("api", user.pk)):
        channel.store({"address"})
    assert not Delivery.objects.exists()
