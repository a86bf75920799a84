"""A page of a list costs that page, whatever else is stored and whatever PostgreSQL believes."""

from datetime import timedelta

import pytest
from django.db import connection

from accounts.models import User
from notifications.models import Channel, Delivery, InboxMessage
from notifications.outbox.post import Post, post_messages
from notifications.tests.counters import READ, counted
from reminders.models import Reminder

# A rollback leaves the pages of a big table behind, for other tests to plan by; a flush does not.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("woken")]

TABLES = [
    "notifications_delivery",
    "notifications_inboxmessage",
    "reminders_reminder",
    "reminders_plan",
]
# Rows read for a page of ten and one more: each twice, as its id and then as a whole.
PAGE = 30


def analyze():
    with connection.cursor() as cursor:
        for table in (*TABLES, "notifications_channel"):
            cursor.execute(f"ANALYZE {table}")


def never_analyzed():
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM pg_statistic WHERE starelid = ANY(%s::regclass[])", [TABLES])


STATISTICS = pytest.mark.parametrize("statistics", [analyze, never_analyzed])


def rows_read(api, address):
    def ask():
        answer = api.get(address)
        assert answer.status_code == 200, answer.content
        assert len(answer.json()["results"]) == 10

    return counted(READ, TABLES, ask)


def channels_of(owner, number, now):
    made = [
        Channel(owner=owner, kind="webhook", name=f"{n}", address=f"http://127.0.0.1:9/{n}")
        for n in range(number)
    ]
    for each in made:
        each.verified_at = now
    return Channel.objects.bulk_create(made)


def send(channels, number, now, status="sent"):
    posts = [
        Post(channels[n % len(channels)].pk, f"{status}:{n}", "Title", "Body", now)
        for n in range(number)
    ]
    post_messages(posts, now)
    Delivery.objects.filter(reference__startswith=f"{status}:").update(
        status=status, next_attempt_at=None, finished_at=now, reason="It ended."
    )


@pytest.fixture
def history(user, stranger, now):
    """The user's messages are old, and those of a stranger are many and newer."""
    own = channels_of(user, 3, now)
    send(own, 60, now, "dead")
    send(own, 3000, now)
    send(channels_of(stranger, 2, now), 3000, now, "cancelled")
    return own


@STATISTICS
@pytest.mark.parametrize("query", ["", "&status=dead", "&status=sent"])
def test_page_of_deliveries_reads_a_page(api, history, statistics, query):
    statistics()
    assert rows_read(api, f"/api/v1/deliveries/?page_size=10{query}") <= 3 * PAGE


@STATISTICS
def test_last_page_of_deliveries_reads_a_page(api, history, statistics):
    statistics()
    first = api.get("/api/v1/deliveries/?page_size=10").json()
    assert rows_read(api, first["next"]) <= 3 * PAGE


@STATISTICS
def test_page_of_the_inbox_reads_a_page(api, user, stranger, now, statistics):
    for owner, number in ((user, 2000), (stranger, 4000)):
        inbox = Channel.objects.inbox_of(owner)
        InboxMessage.objects.bulk_create(
            InboxMessage(channel=inbox, message_id=f"{owner}{n}", title="Tea", due_at=now)
            for n in range(number)
        )
    statistics()
    assert rows_read(api, "/api/v1/inbox/?page_size=10") <= PAGE


@STATISTICS
@pytest.mark.parametrize("ordering", ["-id", "id"])
def test_page_of_reminders_reads_a_page(api, many_reminders, statistics, ordering):
    statistics()
    assert rows_read(api, f"/api/v1/reminders/?page_size=10&ordering={ordering}") <= PAGE


@pytest.fixture
def many_reminders(user, stranger, now):
    for owner, number in ((user, 2000), (stranger, 6000), (user, 5)):
        store(owner, number, now)


def store(owner: User, number: int, now) -> None:
    Reminder.objects.bulk_create(
        Reminder(
            owner=owner,
            title="Tea",
            starts_at=now.replace(tzinfo=None),
            timezone="UTC",
            next_due_at=now + timedelta(days=1),
            next_fire_at=now + timedelta(days=1),
            next_lead=timedelta(0),
        )
        for _ in range(number)
    )


def test_deliveries_of_several_channels_come_newest_first(api, history):
    seen, address = [], "/api/v1/deliveries/?page_size=200"
    while address:
        page = api.get(address).json()
        seen += [row["id"] for row in page["results"]]
        address = page["next"]
    own = Delivery.objects.filter(channel__in=history).order_by("-pk").values_list("pk", flat=True)
    assert seen == list(own)
