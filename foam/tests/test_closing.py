"""Closing an account, all apps together: what is left of it, and what races with it."""

import threading
from datetime import timedelta

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from accounts.account_data import closing
from accounts.audit.actor import Actor, acting_as
from accounts.models import ApiToken, User
from accounts.models import pause as pauses
from notifications.models import Channel, Delivery, InboxMessage
from notifications.outbox.lease import lease_oldest
from notifications.outbox.record import record_outcomes
from notifications.outbox.round import deliver_due
from notifications.transports import SendOutcome, TransportError, transport
from reminders.actions import responses
from reminders.engine import tick
from reminders.models import Occurrence, Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

MARK = "xyzzy"
MINUTE = timedelta(minutes=1)


def everything():
    """Return all text in the database as (table, row), sessions decoded."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            yield from ((table, row) for (row,) in cursor.fetchall())
    for session in Session.objects.all():
        yield "session", str(session.get_decoded())


def told(mark=MARK):
    return sorted({table for table, row in everything() if mark in row.lower()})


@pytest.fixture
def told_all(client, now, settings, recorder):
    """A user of whom each table tells something with the mark in it."""
    user = User.objects.create_user(
        f"{MARK}", f"{MARK}@example.com", "enigma-1843", first_name=MARK, last_name=MARK
    )
    client.force_login(user)
    client.get("/account/")
    ApiToken.issue(user, f"{MARK} laptop")
    hook = Channel.objects.create(
        owner=user, kind="webhook", name=MARK, address=f"http://127.0.0.1/{MARK}", verified_at=now
    )
    inbox = Channel.objects.inbox_of(user)
    reminder = Reminder(
        owner=user,
        title=f"Call {MARK}",
        body=f"about {MARK}",
        tags=[MARK],
        external_id=MARK,
        starts_at=now.replace(tzinfo=None),
        timezone="UTC",
        recurrence="FREQ=MINUTELY",
    )
    reminder.store(now - MINUTE, [hook, inbox])
    tick.run(now)
    recorder.fail_with(TransportError(f"answered 550: no {MARK}", permanent=True))
    deliver_due(now)
    tick.run(now + MINUTE)
    with acting_as(Actor("api", user.pk)):
        responses.snooze(Occurrence.objects.last(), now + 5 * MINUTE, now + MINUTE)
    reminder.refresh_from_db()
    reminder.title = f"Do not call {MARK}"
    reminder.store(now + MINUTE)
    hook.disable(f"answered 410: no {MARK}", now + MINUTE)
    InboxMessage.objects.create(channel=inbox, message_id="1", title=MARK, body=MARK, due_at=now)
    pause, _ = pauses.begin("tag", now, owner=user, tag=MARK, reason=MARK)
    for row in (user, reminder, hook, pause):
        LogEntry.objects.log_actions(user.pk, [row], CHANGE, [MARK], single_object=True)
    return user


def test_nothing_personal_is_left(told_all, now):
    assert {
        "accounts_apitoken",
        "accounts_user",
        "account_emailaddress",
        "django_admin_log",
        "notifications_attempt",
        "notifications_channel",
        "notifications_delivery",
        "notifications_inboxmessage",
        "reminders_reminder",
    } <= set(told())
    closing.close(told_all, now + 2 * MINUTE)
    assert told() == []


@pytest.mark.django_db(transaction=True)
def test_ledger_balances_before_and_after(told_all, now, capsys):
    call_command("ledger")
    before = capsys.readouterr().out
    closing.close(told_all, now + 2 * MINUTE)
    # Each raises where anything does not add up.
    call_command("ledger")
    after = capsys.readouterr().out
    # Two of them tell the owner that a message did not arrive.
    assert posted(before) == posted(after) == 7


def posted(ledger):
    (line,) = [line for line in ledger.splitlines() if line.startswith("posted")]
    return int(line.split()[1])


def test_nothing_is_sent_afterwards(told_all, now, recorder):
    closing.close(told_all, now + 2 * MINUTE)
    recorder.sent.clear()
    for minutes in range(2, 60, 7):
        tick.run(now + minutes * MINUTE)
        deliver_due(now + minutes * MINUTE)
    assert recorder.sent == []
    assert not Delivery.objects.unfinished().exists()


def test_what_a_worker_had_taken_leaves_no_words(make_reminder, user, now):
    inbox = Channel.objects.inbox_of(user)
    make_reminder(title=f"Call {MARK}", channels=[inbox])
    tick.run(now)
    (leased,) = lease_oldest(now)
    closing.close(user, now)
    (outcome,) = transport("inbox").send_many([leased.message], 1)
    record_outcomes([outcome], [leased], now)
    assert told() == []


def test_answer_that_comes_afterwards_is_not_kept(make_reminder, user, now):
    make_reminder(title=f"Call {MARK}")
    tick.run(now)
    (leased,) = lease_oldest(now)
    closing.close(user, now)
    error = TransportError(f"answered 410: no {MARK}", permanent=True, address_gone=True)
    record_outcomes([SendOutcome(leased.message, timedelta(0), error=error)], [leased], now)
    assert told() == []
    assert Channel.objects.filter(owner=user, deleted_at=None).count() == 0


@pytest.mark.parametrize("model", [Reminder, Channel])
def test_database_refuses_what_is_made_for_a_closed_account(user, reminder, now, model):
    closing.close(user, now)
    row = model.objects.filter(owner=user).first()
    row.pk, row._state.adding, row.deleted_at = None, True, None
    with pytest.raises(IntegrityError, match="is closed"), transaction.atomic():
        row.save()


@pytest.mark.django_db(transaction=True)
def test_what_is_just_being_made_is_waited_for_and_ended(user, channel, now, beat_rows):
    """Its transaction has begun before the account is closed, and ends after."""
    made, closed = threading.Event(), threading.Event()

    def close():
        made.wait(60)
        closing.close(user, now)
        closed.set()
        connection.close()

    thread = threading.Thread(target=close)
    thread.start()
    with transaction.atomic():
        fields = {"title": "Late", "starts_at": now.replace(tzinfo=None), "timezone": "UTC"}
        Reminder(owner=user, **fields).store(now - MINUTE, [channel])
        made.set()
        # It waits for us: nothing else would end it.
        assert not closed.wait(0.5)
    thread.join()
    assert Reminder.objects.not_deleted().count() == 0
    assert tick.run(now) == 0


@pytest.mark.django_db(transaction=True)
def test_ticks_rounds_and_a_closing_at_once_leave_nothing_to_send(user, channel, now, beat_rows):
    inbox = Channel.objects.inbox_of(user)
    for number in range(30):
        Reminder(
            owner=user,
            title=f"{MARK} {number}",
            starts_at=now.replace(tzinfo=None),
            timezone="UTC",
            recurrence="FREQ=MINUTELY",
        ).store(now - MINUTE, [inbox])
    stop = threading.Event()
    failures = []

    def work(step):
        at = now
        while not stop.is_set():
            try:
                step(at)
            except Exception as error:
                failures.append(error)
                break
            at += MINUTE
        connection.close()

    threads = [threading.Thread(target=work, args=[s]) for s in (tick.run, deliver_due)]
    for thread in threads:
        thread.start()
    while Occurrence.objects.count() < 60 and not failures:
        pass
    closing.close(user, now + timedelta(days=1))
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert not Delivery.objects.unfinished().exists()
    assert told() == []
    call_command("ledger")
