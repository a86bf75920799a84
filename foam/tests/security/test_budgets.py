"""One budget for each mailbox that has not confirmed, over all doors."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from accounts.email_addresses import mailbox_of
from accounts.models import MailBudget
from accounts.models import mail_budget as budgets
from notifications.channels import direct_send, verification
from notifications.models import Channel, Delivery

RESET, SIGNUP = "/account/password/reset/", "/account/signup/"
HEADLESS = "/_allauth/app/v1/auth/password/request"
VICTIM = "victim@example.net"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def open_doors(settings, empty_cache):
    settings.FOAM_SIGNUP = "open"
    settings.EMAIL_URL = "smtp://127.0.0.1:9"
    # Their limits are others, and per door.
    settings.ACCOUNT_RATE_LIMITS = False


def by_headless(client, address):
    client.post(HEADLESS, {"email": address}, content_type="application/json")


def by_browser(client, address):
    client.post(RESET, {"email": address})


def by_sign_up(client, address):
    words = "Enigma-1843-x"
    client.post(SIGNUP, {"email": address, "password1": words, "password2": words})


@pytest.mark.parametrize("door", [by_browser, by_headless])
def test_address_without_an_account_gets_one_mail_a_day(client, door):
    for _ in range(3):
        door(client, VICTIM)
    assert len(mail.outbox) == 1


def test_doors_share_the_budget_of_three_an_hour(client, user):
    for door in (by_browser, by_headless, by_sign_up) * 2:
        client.logout()
        door(client, user.email)
    assert len(mail.outbox) == 3


def test_channel_shares_it(client, user, stranger):
    now = timezone.now()
    channel = Channel(owner=user, kind="email", name="Mail", address="V.ictim+1@gmail.com")
    channel.store()
    verification.request(channel, now)
    direct_send.test(channel, now)
    by_browser(client, "victim@googlemail.com")
    other = Channel(owner=stranger, kind="email", name="Mail", address="victim@gmail.com")
    other.store()
    with pytest.raises(direct_send.ReceiverLimitReached, match="3 mails an hour"):
        verification.request(other, now)
    assert not Delivery.objects.filter(channel=other).exists()


def test_api_says_when_the_next_mail_may_go(api, user):
    channel = Channel(owner=user, kind="email", name="Mail", address=VICTIM)
    channel.store()
    answers = [api.post(f"/api/v1/channels/{channel.pk}/verify/") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert 3000 < int(answers[-1]["Retry-After"]) <= 3600


def test_verified_channel_has_no_such_budget(api, user):
    channel = Channel(
        owner=user, kind="email", name="Mail", address=VICTIM, verified_at=timezone.now()
    )
    channel.save()
    assert [api.post(f"/api/v1/channels/{channel.pk}/test/").status_code for _ in range(4)][
        -1
    ] != 429


def test_three_an_hour_and_ten_a_day(now):
    sent = [
        at
        for minutes in range(0, 24 * 60, 10)
        if not budgets.take_mail(VICTIM, at := now + timedelta(minutes=minutes))
    ]
    assert len(sent) == budgets.DAILY_LIMIT
    assert sum(at < now + timedelta(hours=1) for at in sent) == budgets.HOURLY_LIMIT
    assert not budgets.take_mail(VICTIM, now + timedelta(days=1, minutes=1))


@pytest.mark.parametrize(
    "address",
    ["VICTIM@Example.net", "victim+x@example.net", " victim@example.net ", "victim@example.net.",
     "ｖictim@example.net", "victim@example。net"],
)  # fmt: skip
def test_other_spelling_of_an_address_is_the_same_mailbox(address):
    assert mailbox_of(address) == VICTIM


def test_encoding_of_a_domain_makes_no_other_mailbox():
    assert mailbox_of("a@bücher.example") == mailbox_of("A@xn--bcher-kva.example")


def test_not_me_ends_the_mails_and_only_a_press_does(client, user):
    by_browser(client, user.email)
    url = re.search(r"https?://\S+/account/not-me/\S+", mail.outbox[0].body).group()
    path = "/" + url.split("/", 3)[3]
    assert user.email not in url
    assert client.get(path).status_code == 200
    by_headless(client, user.email)
    assert len(mail.outbox) == 2
    assert client.post(path).status_code == 200
    by_headless(client, user.email)
    assert len(mail.outbox) == 2
    assert client.get("/account/not-me/forged/").status_code == 404


def test_notice_to_a_confirmed_address_is_always_sent(client, user):
    for _ in range(3):
        budgets.take_mail(user.email, timezone.now())
    client.force_login(user)
    new = "Enigma-1843-y"
    client.post(
        "/account/password/change/",
        {"oldpassword": "enigma-1843", "password1": new, "password2": new},
    )
    assert [message.subject for message in mail.outbox] == ["FOAM: Your password was changed"] or (
        len(mail.outbox) == 1
    )


def test_no_address_is_stored_and_old_rows_go(now):
    budgets.take_mail(VICTIM, now)
    assert VICTIM not in str(MailBudget.objects.values().get())
    budgets.take_mail("other@example.net", now + timedelta(days=2))
    assert MailBudget.objects.count() == 1
