"""What is asked at once keeps to a quota together."""

import pytest
from django.core.exceptions import ValidationError

from accounts.models.mail_budget import take_mail
from foam.tests.races.test_races import THREADS, at_once
from notifications.models import Channel
from reminders.models import Reminder

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("woken")]


def attempt(act):
    def tried():
        try:
            act()
        except ValidationError:
            return False
        return True

    return tried


def test_reminders_stored_at_once_keep_to_the_quota(user, make_reminder, settings):
    settings.FOAM_QUOTAS = {**settings.FOAM_QUOTAS, "reminders": 3}
    assert sum(at_once(*[attempt(make_reminder)] * THREADS)) == 3
    assert Reminder.objects.count() == 3


def test_channels_stored_at_once_keep_to_the_quota(user, settings):
    settings.FOAM_QUOTAS = {**settings.FOAM_QUOTAS, "channels": 2}

    def store(number):
        address = f"http://127.0.0.1/{number}"
        Channel(owner=user, kind="webhook", name="Hook", address=address).store()

    acts = [attempt(lambda number=number: store(number)) for number in range(THREADS)]
    assert sum(at_once(*acts)) == 2


def test_mails_at_once_keep_to_the_budget(db, now):
    waits = at_once(*[lambda: take_mail("victim@example.net", now)] * THREADS)
    assert sum(not wait for wait in waits) == 3
