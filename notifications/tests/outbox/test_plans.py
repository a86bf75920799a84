"""How statements of the hot path find their rows, whatever the statistics say of the table."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F

from notifications.models import Attempt, Channel, Delivery
from notifications.outbox.lease import channels_with_work, lease_of_channels, lease_oldest, release
from notifications.outbox.post import Post, post_messages
from notifications.outbox.record import record_outcomes
from notifications.tests.counters import READ, counted
from notifications.transports import SendOutcome

# A rollback leaves the pages of a big table behind, for other tests to plan by; a flush does not.
pytestmark = pytest.mark.django_db(transaction=True)

# Read of the table for each delivery that is leased, recorded or put back: itself, a few times.
A_FEW = 5


@pytest.fixture
def fill(channel, now, woken):
    def fill(name, number):
        posts = [Post(channel.pk, f"{name}:{each}", "Title", "Body", now) for each in range(number)]
        post_messages(posts, now)

    return fill


def analyze():
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE notifications_delivery")


def has_just_begun_to_grow(fill):
    """No statistics know of it yet."""
    fill("first", 1000)


def has_all_of_it_queued(fill):
    """None is being sent: so PostgreSQL believes until it looks again."""
    fill("all", 10_000)
    analyze()


def had_ended_all_of_it(fill):
    """When PostgreSQL looked; it has grown anew."""
    fill("ended", 5000)
    Delivery.objects.update(status="sent", next_attempt_at=None, finished_at=F("created_at"))
    analyze()
    Delivery.objects.all().delete()
    fill("burst", 1000)


def empty(fill, number, left):
    """Have a table of so many hold a few, as PostgreSQL knows, in the pages of all of them."""
    fill("pruned", number)
    Delivery.objects.all().delete()
    fill("left", left)
    analyze()


def has_met_a_burst_with_few_in_it(fill):
    empty(fill, 5000, left=20)
    fill("burst", 5000)


def has_met_a_burst_with_one_in_it(fill):
    empty(fill, 10_000, left=1)
    fill("burst", 2000)


TABLES = [
    has_just_begun_to_grow,
    has_all_of_it_queued,
    had_ended_all_of_it,
    has_met_a_burst_with_few_in_it,
    has_met_a_burst_with_one_in_it,
]


@pytest.fixture(params=TABLES, ids=lambda table: table.__name__)
def table(request, fill):
    """A table of deliveries that are due, in a state that has led a planner astray."""
    with connection.cursor() as cursor:
        # Not the pages that tests before have left behind.
        cursor.execute("TRUNCATE notifications_delivery CASCADE")
    request.param(fill)


def read_by(call):
    """Return how many rows of the deliveries a call reads."""
    return counted(READ, ["notifications_delivery"], call)


def test_a_lease_reads_only_what_it_takes(table, now):
    assert read_by(lambda: lease_oldest(now, 10)) <= 10 * A_FEW


@pytest.fixture
def other(table, user, now):
    """Another channel, for which a few are due beside all of these."""
    other = Channel.objects.create(
        owner=user, kind="webhook", name="Other", address="http://127.0.0.1:9/", verified_at=now
    )
    post_messages([Post(other.pk, f"other:{n}", "Title", "Body", now) for n in range(5)], now)
    return other.pk


def test_a_lease_of_some_channels_reads_nothing_of_the_others(other, now):
    assert read_by(lambda: lease_of_channels(now, [other], ["webhook"], 10)) <= 10 * A_FEW


def test_channels_with_work_are_found_without_their_history(other, channel):
    Delivery.objects.filter(channel=channel).update(
        status="sent", next_attempt_at=None, finished_at=F("created_at")
    )
    assert read_by(lambda: channels_with_work(-1)) <= A_FEW


def test_recording_reads_only_what_was_leased(table, now):
    leased = lease_oldest(now, 10)
    outcomes = [SendOutcome(each.message, timedelta(0)) for each in leased]
    assert read_by(lambda: record_outcomes(outcomes, leased, now)) <= 10 * A_FEW


@pytest.mark.usefixtures("partitions")
def test_leasing_and_recording_read_no_attempt_of_many_partitions(fill, now):
    fill("due", 50)

    def deliver():
        leased = lease_oldest(now, 50)
        record_outcomes([SendOutcome(each.message, timedelta(0)) for each in leased], leased, now)

    assert counted(READ, ["notifications_attempt"], deliver) == 0
    assert Attempt.objects.count() == 50


def test_putting_back_reads_only_what_was_leased(table, now):
    messages = [each.message for each in lease_oldest(now, 10)]
    assert read_by(lambda: release(messages)) <= 10 * A_FEW
