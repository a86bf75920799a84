"""Who has an API token that is to expire is reminded of it, by a reminder like any other."""

from datetime import timedelta

import pytest

from accounts import tokens
from accounts.models import User
from notifications.models import InboxMessage
from notifications.outbox.round import deliver_due
from reminders.engine import tick
from reminders.models import Occurrence, Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

DAY = timedelta(days=1)


@pytest.fixture
def make(user, now):
    def make(lifetime, name="laptop"):
        expires_at = None if lifetime is None else now + lifetime
        return tokens.make(user, name, now, scopes=["me:read"], expires_at=expires_at)[0]

    return make


def planned(user):
    return Reminder.objects.owned_by(user).get()


def test_owner_is_reminded_a_week_and_a_day_before(make, user, now):
    make(90 * DAY)
    reminder = planned(user)
    assert reminder.title == 'API token "laptop" expires'
    assert reminder.leads == [DAY, 7 * DAY]
    assert reminder.next_fire_at == now + 83 * DAY
    assert reminder.next_due_at == now + 90 * DAY
    assert [channel.kind for channel in reminder.channels.all()] == ["inbox"]
    assert reminder.tags == ["foam"]
    assert not reminder.urgent


def test_warning_arrives_in_the_inbox(make, user, now):
    token = make(90 * DAY)
    for day in (83, 89):
        tick.run(now + day * DAY)
        deliver_due(now + day * DAY)
    titles = [message.title for message in InboxMessage.objects.all()]
    assert titles == ['API token "laptop" expires'] * 2
    assert token.hint in InboxMessage.objects.last().body


@pytest.mark.parametrize(
    ("lifetime", "leads"), [(8 * DAY, [DAY, 7 * DAY]), (7 * DAY, [DAY]), (2 * DAY, [DAY])]
)
def test_only_what_lies_ahead_is_said(make, user, lifetime, leads):
    make(lifetime)
    assert planned(user).leads == leads


@pytest.mark.parametrize("lifetime", [None, DAY, timedelta(minutes=5)])
def test_token_that_never_or_soon_expires_has_none(make, user, lifetime):
    make(lifetime)
    assert not Reminder.objects.owned_by(user).exists()


def test_revoked_token_is_not_spoken_of(make, user, now):
    make(90 * DAY).revoke(now)
    assert not Reminder.objects.owned_by(user).exists()
    tick.run(now + 89 * DAY)
    assert not Occurrence.objects.exists()


def test_revoked_token_takes_only_its_own_reminder_along(make, user, now):
    make(90 * DAY, "other")
    make(90 * DAY, "laptop").revoke(now)
    assert planned(user).title == 'API token "other" expires'


def test_reminder_moves_with_the_expiry(make, user, now):
    tokens.expire(make(90 * DAY), now + 30 * DAY, now)
    assert planned(user).next_due_at == now + 30 * DAY


def test_deleted_reminder_harms_nothing(make, user, now):
    token = make(90 * DAY)
    planned(user).close(now)
    tokens.rename(token, "desk")
    token.revoke(now)
    assert not Reminder.objects.owned_by(user).exists()


def test_edited_reminder_harms_nothing(make, user, now):
    token = make(90 * DAY)
    reminder = planned(user)
    reminder.recurrence, reminder.leads = "FREQ=DAILY;COUNT=3", [timedelta(hours=1)]
    reminder.store(now)
    tokens.expire(token, now + 30 * DAY, now)
    assert planned(user).leads == [DAY, 7 * DAY]


def test_reminder_that_its_owner_has_made_another_is_left_alone(make, user, now):
    token = make(90 * DAY)
    reminder = planned(user)
    reminder.external_id = "mine"
    reminder.store(now)
    token.revoke(now)
    assert planned(user) == reminder


def test_name_is_no_template(make, user):
    make(90 * DAY, "{due} {oops")
    assert planned(user).title == 'API token "(due) (oops" expires'


def test_longest_name_fits(make, user):
    make(90 * DAY, "{" * 100)
    assert len(planned(user).title) < 200


@pytest.mark.parametrize("minutes", [0, 60])
def test_instant_is_right_in_the_hour_that_comes_twice(user, now, minutes):
    User.objects.update(timezone="Europe/Berlin")
    expires_at = now.replace(year=2027, month=10, day=31, hour=0, minute=30)
    expires_at += timedelta(minutes=minutes)
    tokens.make(user, "laptop", now, scopes=["me:read"], expires_at=expires_at)
    assert planned(user).next_due_at == expires_at


def test_token_and_reminder_are_stored_together_or_not_at_all(user, now, monkeypatch):
    def refuse(*args):
        raise RuntimeError

    monkeypatch.setattr(Reminder, "store", refuse)
    with pytest.raises(RuntimeError):
        tokens.make(user, "laptop", now, scopes=["me:read"], expires_at=now + 90 * DAY)
    assert not user.api_tokens.exists()
