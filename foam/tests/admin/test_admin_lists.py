"""Lists and searches of the admin: right, and of the same cost however many rows there are."""

from datetime import datetime, timedelta
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.admin import changelist, search
from accounts.models import User
from notifications.models import Channel, Delivery, InboxMessage
from notifications.outbox.round import deliver_due
from notifications.tests.counters import READ, counted
from reminders.engine import firing
from reminders.models import Occurrence, Plan, Reminder
from tools.testbed import seed

LISTS = {
    "reminders/reminder": Reminder,
    "reminders/occurrence": Occurrence,
    "notifications/delivery": Delivery,
    "notifications/channel": Channel,
    "notifications/inboxmessage": InboxMessage,
    "accounts/user": User,
}


@pytest.fixture
def staff_client(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def find(staff_client):
    """Return a function that searches in a list and returns what is shown."""

    def find(name, text, **query):
        answer = staff_client.get(f"/admin/{name}/", {"q": text, **query})
        return list(answer.context["cl"].result_list)

    return find


@pytest.fixture
def fired(make_reminder, woken, now):
    """Return a function that stores a reminder and fires it."""

    def fired(**fields):
        reminder = make_reminder(starts_at=datetime(2090, 1, 2), **fields)
        occurrence = firing.trigger(reminder, now)
        deliver_due(now)
        return reminder, occurrence

    return fired


@pytest.mark.django_db
def test_reminder_is_found_by_what_support_is_told(find, make_reminder, user, stranger):
    inbox = Channel.objects.inbox_of(stranger)
    mine = make_reminder(title="Water the plants", external_id="crm-17")
    theirs = make_reminder(title="Water the dog", owner=stranger, channels=[inbox])
    name = "reminders/reminder"
    assert find(name, str(mine.pk)) == find(name, "crm-17") == [mine]
    assert find(name, "ada@exam") == find(name, "ADA") == [mine]
    assert find(name, "water") == [theirs, mine]
    assert find(name, "the PLANTS") == find(name, "ada water") == find(name, "water ada") == [mine]
    assert find(name, "ada dog") == find(name, "crm-1") == find(name, "9" * 30) == []
    assert find(name, "water", state="paused") == []


@pytest.mark.django_db
def test_reminder_is_found_by_a_tag(find, make_reminder, stranger):
    made = make_reminder(title="Invoices", tags=["finance", "tax year"])
    make_reminder(title="Financial times")
    name = "reminders/reminder"
    assert find(name, "finance") == find(name, "tax year") == find(name, "ada finance") == [made]
    assert find(name, "finance invoices") == [made]
    assert find(name, f"{stranger.username} finance") == []


@pytest.mark.django_db
def test_occurrence_is_found_by_its_reminder(find, fired):
    reminder, occurrence = fired(title="Water the plants", external_id="crm-17")
    fired(title="Another")
    name = "reminders/occurrence"
    for text in (occurrence.reference, str(reminder.pk), "crm-17", "plants", "ada plants"):
        assert find(name, text) == [occurrence], text
    assert len(find(name, "ada")) == 2
    assert find(name, "eve") == []


@pytest.mark.django_db
def test_delivery_is_found_by_what_its_receiver_saw(find, fired, recorder):
    _, occurrence = fired(title="Water the plants")
    fired(title="Another")
    delivery = Delivery.objects.get(reference=occurrence.reference)
    name, seen = "notifications/delivery", delivery.message_id
    for text in (str(delivery.pk), seen, delivery.reference, "plants", "ada plants"):
        assert find(name, text) == [delivery], text
    assert len(find(name, "ada@")) == 2
    assert find(name, f"{seen}0") == find(name, "foam_1_zz") == find(name, "eve") == []


@pytest.mark.django_db
def test_channels_inboxes_and_users_are_found_by_their_owner(find, fired, user, stranger, channel):
    inbox = Channel.objects.inbox_of(user)
    Channel.objects.inbox_of(stranger)
    fired(title="Water the plants", channels=[inbox])
    [message] = InboxMessage.objects.all()
    assert find("notifications/channel", "ada") == [inbox, channel]
    assert find("notifications/channel", "ada hook") == find("notifications/channel", "0.1:9/h")
    assert find("notifications/inboxmessage", message.message_id) == [message]
    assert find("notifications/inboxmessage", "ada plants") == [message]
    assert find("accounts/user", "ada@") == find("accounts/user", str(user.pk)) == [user]
    assert find("accounts/user", "da@") == []


@pytest.mark.django_db
def test_titles_are_looked_for_among_the_newest_and_among_an_owners(
    find, make_reminder, monkeypatch
):
    made = [make_reminder(title=f"Water {n}") for n in range(4)]
    monkeypatch.setattr(search, "NEWEST_ROWS", 2)
    assert find("reminders/reminder", "water") == [made[3], made[2]]
    monkeypatch.setattr(search, "MAX_FOUND", 0)
    assert find("reminders/reminder", "water") == [made[3]]


@pytest.mark.django_db
@pytest.mark.parametrize("name", LISTS)
def test_what_a_search_finds_is_said_below_its_box(staff_client, name):
    page = staff_client.get(f"/admin/{name}/").content.decode()
    assert 'id="searchbar-help"' in page
    assert "Search by " in page


@pytest.mark.django_db
@pytest.mark.parametrize("name", LISTS)
def test_list_takes_the_same_queries_however_long(staff_client, fired, user, name):
    def count():
        with CaptureQueriesContext(connection) as queries:
            answer = staff_client.get(f"/admin/{name}/")
            assert answer.context["cl"].result_count >= 1
        return len(queries)

    inbox = Channel.objects.inbox_of(user)
    fired(channels=[inbox])
    before = count()
    for number in range(4):
        other = User.objects.create_user(f"user{number}", f"u{number}@example.com", "x")
        fired(owner=other, channels=[Channel.objects.inbox_of(other)])
    assert count() == before
    # Of these three are the session's, the user's and the banner's, and three set the time limit.
    assert before <= 13


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["reminders/reminder", "reminders/occurrence"])
def test_page_takes_the_same_queries_however_much_was_sent(
    staff_client, fired, user, channel, page
):
    reminder, occurrence = fired(channels=[channel])
    row = reminder if page == "reminders/reminder" else occurrence

    def count():
        with CaptureQueriesContext(connection) as queries:
            assert staff_client.get(f"/admin/{page}/{row.pk}/change/").status_code == 200
        return len(queries)

    count()
    before = count()
    for minute in range(1, 4):
        at = occurrence.due_at + timedelta(minutes=minute)
        firing.trigger(reminder, at)
        deliver_due(at)
    assert count() == before


@pytest.mark.django_db
def test_number_of_rows_is_estimated_beyond_what_is_counted(
    staff_client, make_reminder, monkeypatch
):
    for _ in range(4):
        make_reminder()
    monkeypatch.setattr(changelist, "MAX_COUNTED", 2)
    monkeypatch.setattr(changelist, "rows_of", lambda model: 1_234_567)

    def said(**query):
        return staff_client.get("/admin/reminders/reminder/", query).content.decode()

    assert "about 1,234,567" in said()
    assert "(<a href=" not in said()
    assert "more than 2" in said(state="active")
    assert "search or filter for others" in said()
    # There is one page of what was counted, however many rows there may be.
    assert staff_client.get("/admin/reminders/reminder/", {"p": 2}).status_code == 302
    monkeypatch.setattr(changelist, "MAX_COUNTED", 4)
    assert "about" not in said()


@pytest.mark.django_db
def test_rows_of_a_partitioned_table_are_those_of_its_partitions(fired, partitions):
    for _ in range(3):
        fired()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE reminders_occurrence")
    assert changelist.rows_of(Occurrence) == 3


@pytest.mark.django_db
def test_list_that_takes_too_long_is_given_up_and_says_so(staff_client, reminder, monkeypatch):
    def slow(self, request, queryset, text):
        return queryset.extra(where=["pg_sleep(5) IS NOT NULL"] if text else []), False

    monkeypatch.setattr(changelist, "QUERY_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(changelist.Listed, "get_search_results", slow)
    answer = staff_client.get("/admin/reminders/reminder/?q=x", follow=True)
    assert answer.redirect_chain == [("/admin/reminders/reminder/", 302)]
    assert changelist.GIVEN_UP in [str(message) for message in answer.context["messages"]]


@pytest.mark.django_db
def test_reminders_are_filtered_by_their_owner_a_tag_and_a_channel(
    find, make_reminder, user, stranger, channel
):
    mine = make_reminder(tags=["finance", "month end"])
    inbox = Channel.objects.inbox_of(stranger)
    theirs = make_reminder(owner=stranger, channels=[inbox])
    name = "reminders/reminder"
    assert find(name, "", owner=user.username) == [mine]
    assert find(name, "", owner=stranger.email.upper()) == [theirs]
    assert find(name, "", owner="no such user") == []
    assert find(name, "", tag="month end") == [mine]
    assert find(name, "", tag="month") == []
    assert find(name, "", channel=channel.name) == [mine]
    assert find(name, "", channel=str(channel.pk)) == [mine]
    assert find(name, "", channel="9" * 30) == []


@pytest.mark.django_db
def test_filters_show_what_they_say(find, make_reminder, now):
    name = "reminders/reminder"
    far, late = (make_reminder(starts_at=datetime(2090, 1, day)) for day in (2, 3))
    soon = timezone.now().replace(tzinfo=None, microsecond=0) + timedelta(minutes=30)
    later = make_reminder(starts_at=soon)
    Reminder.objects.filter(pk=late.pk).update(timezone="Asia/Tokyo")
    Plan.objects.filter(pk=late.pk).update(error="broken", next_fire_at=now, next_due_at=now)
    gone = make_reminder()
    gone.close(now)
    assert find(name, "", state="deleted") == [gone]
    assert find(name, "", state="error") == [late]
    assert find(name, "", state="active") == [later, late, far]
    assert find(name, "", timezone="Asia/Tokyo") == [late]
    assert find(name, "", due="hour")[-1] == later
    assert late in find(name, "", due="now")


# A rollback leaves the pages of a big table behind, for other tests to plan by; a flush does not.
ROWS = 20_000
FIRED = """
INSERT INTO reminders_occurrence (reminder_id, due_at, lead, status, reason, recorded_at)
SELECT id, now(), '0', 'pending', '', now() FROM reminders_reminder WHERE id > 0 ORDER BY id
"""
SENT = """
INSERT INTO notifications_delivery (channel_id, reference, title, due_at, data, body, status,
    attempt, max_attempts, reason, created_at, finished_at)
SELECT %s, 'occurrence:' || id, 'Title', now(), '{}', '', 'sent', 1, 10, '', now(), now()
FROM reminders_occurrence ORDER BY id
"""
TABLES = [
    "reminders_reminder",
    "reminders_plan",
    "reminders_occurrence",
    "notifications_delivery",
]


@pytest.fixture
def many(transactional_db, now):
    channels = seed.add_channels(["http://127.0.0.1:9/hook"])
    seed.add_stored(ROWS, channels, now)
    with connection.cursor() as cursor:
        cursor.execute(FIRED)
        cursor.execute(SENT, channels)
        cursor.execute("ANALYZE")
    return Reminder.objects.order_by("pk")[ROWS // 2]


def test_lists_and_searches_read_few_rows_of_many(many, staff_client, monkeypatch):
    """All in one test, as it takes its time to make so many rows."""
    monkeypatch.setattr(search, "NEWEST_ROWS", 200)
    monkeypatch.setattr(changelist.NewestValues, "NEWEST_ROWS", 200)
    monkeypatch.setattr(changelist, "MAX_COUNTED", 200)
    occurrence = many.occurrences.get()
    asked = [
        *(f"{name}/" for name in ("reminders/reminder", "reminders/occurrence")),
        "notifications/delivery/",
        f"reminders/reminder/?q={many.pk}",
        "reminders/reminder/?q=bread",
        "reminders/reminder/?state=active",
        "reminders/reminder/?due=day",
        f"reminders/occurrence/?q={many.pk}",
        "reminders/occurrence/?q=bread",
        "reminders/occurrence/?status__exact=pending",
        f"notifications/delivery/?q={occurrence.reference}",
        "notifications/delivery/?q=title",
        "notifications/delivery/?status=queued",
        f"reminders/reminder/{many.pk}/change/",
        f"reminders/occurrence/{occurrence.pk}/change/",
        f"notifications/delivery/{Delivery.objects.first().pk}/change/",
        "autocomplete/?app_label=reminders&model_name=reminder&field_name=owner&term=ri",
        "autocomplete/?app_label=reminders&model_name=reminder&field_name=channels&term=rig",
    ]

    def opens(path):
        assert staff_client.get(f"/admin/{path}").status_code == 200

    for path in asked:
        assert counted(READ, TABLES, partial(opens, path)) < ROWS / 10, path
