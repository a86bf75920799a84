"""P1, P2, P4: servers and processes that fail under a running FOAM, which recovers by itself.

One rig serves all of these, and its processes stay up from one fault to the next. A fault that
takes one of them down for good is seen in the tests after it.
"""

import os
import signal
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from environ import Env

from accounts.models import User
from foam.rig.stack import Rig, beat, worker
from foam.tests.processes import wait_until
from notifications.models import Channel, Delivery
from notifications.tests.receivers import Hold, HttpReceiver
from reminders.models import Heartbeat, Occurrence, Reminder

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
]

PROGRAMS = {"dispatch": worker("dispatch", 1), "deliver": worker("deliver", 2), "beat": beat()}


@contextmanager
def in_the_database_of(rig):
    """Have the test's own queries go to the rig's database."""
    own = connection.settings_dict
    connection.close()
    connection.settings_dict = {**own, **Env.db_url_config(rig.url("postgres"))}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = own


@pytest.fixture(scope="module")
def running_rig():
    keys = {"FOAM_ENCRYPTION_KEYS": ",".join(settings.FOAM_ENCRYPTION_KEYS)}
    # Durable, as in production: a crash may not lose what was committed.
    with Rig(durable=True, settings=keys) as rig:
        for name, words in PROGRAMS.items():
            rig.start(name, words)
        for name in ("dispatch", "deliver"):
            rig.wait_for_words(name, "ready.")
        yield rig


@pytest.fixture
def rig(running_rig, transactional_db):
    """A rig that is ticking."""
    began = timezone.now()
    with in_the_database_of(running_rig):
        wait_until(lambda: Heartbeat.objects.filter(at__gt=began).exists(), 30, "it ticks")
        yield running_rig
    assert running_rig.ended() == {}


@pytest.fixture
def receiver():
    with HttpReceiver() as receiver:
        yield receiver


numbers = count()


@pytest.fixture
def remind(rig, receiver):
    """Return a function that stores `times` reminders due in `seconds`, told to the receiver."""
    name = f"user{next(numbers)}"
    user = User.objects.create_user(name, f"{name}@example.com", timezone="UTC")
    channel = Channel(owner=user, kind="webhook", name="Hook", address=receiver.url)
    channel.store()

    def remind(seconds=1, times=1):
        now = timezone.now()
        due_at = (now + timedelta(seconds=seconds)).replace(microsecond=0)
        for _ in range(times):
            reminder = Reminder(owner=user, title="Stand-up", timezone="UTC")
            reminder.starts_at = due_at.replace(tzinfo=None)
            reminder.store(now, [channel])
        return due_at

    return remind


def ids(receiver):
    return Counter(request.headers["webhook-id"] for request in receiver.requests)


def ended(receiver):
    """Wait until all is recorded; return what became of the attempts at what this receiver got."""
    here = Delivery.objects.filter(channel__address=receiver.url)
    wait_until(lambda: not here.unfinished().exists(), 10, "all outcomes are recorded")
    return list(here.order_by("attempts").values_list("attempts__outcome", flat=True))


def all_came_once(receiver, expected):
    receiver.wait_for(expected, timeout=30)
    ended_as = ended(receiver)
    occurrences = Occurrence.objects.filter(reminder__channels__address=receiver.url)
    return (
        occurrences.count() == expected
        and ended_as == ["sent"] * expected
        and sorted(ids(receiver).values()) == [1] * expected
    )


def test_broker_that_is_flushed_again_and_again_loses_nothing(rig, remind, receiver):
    for seconds in (1, 2, 3):
        remind(seconds, times=5)
    for arrived in range(1, 16):
        rig.flush_broker()
        receiver.wait_for(arrived, timeout=20)
    assert all_came_once(receiver, 15)


def test_what_came_due_while_the_broker_was_down_fires_when_it_is_back(rig, remind, receiver):
    rig.stop_server("redis", crash=True)
    due_at = remind(1, times=5)
    wait_until(lambda: timezone.now() > due_at + timedelta(seconds=1), 10, "it is late")
    assert receiver.requests == []
    rig.start_server("redis")
    assert all_came_once(receiver, 5)


def test_message_on_its_way_is_not_broken_off_when_the_broker_restarts(rig, remind, receiver):
    receiver.script(Hold())
    remind()
    receiver.wait_for(1, timeout=20)
    rig.restart_redis()
    rig.wait_for_words("deliver", "Connection to broker lost", 20)
    receiver.release()
    assert all_came_once(receiver, 1)


@pytest.mark.parametrize("crash", [False, True], ids=["in order", "crash"])
def test_database_that_restarts_over_a_due_instant_loses_nothing(rig, remind, receiver, crash):
    remind(1, times=5)
    remind(2, times=5)
    receiver.wait_for(1, timeout=20)
    rig.restart_postgres(crash=crash)
    connection.close()
    assert all_came_once(receiver, 10)


def test_answer_that_came_while_the_database_was_down_is_recorded_when_it_is_back(
    rig, remind, receiver
):
    receiver.script(Hold())
    remind()
    receiver.wait_for(1, timeout=20)
    rig.stop_server("postgres", crash=True)
    receiver.release()
    rig.wait_for_words("deliver", "the database fails", 20)
    rig.start_server("postgres")
    connection.close()
    assert ended(receiver) == ["sent"]
    assert ids(receiver).total() == 1
