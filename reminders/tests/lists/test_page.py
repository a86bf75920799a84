"""Pages of a list: each way to read one gives the rows that the filters and the order say."""

from datetime import datetime, timedelta
from random import Random

import pytest

from accounts.models import User
from notifications.models import Channel
from notifications.tests.counters import READ, counted
from reminders.lists import page
from reminders.lists.conditions import ReminderFilters
from reminders.lists.page import ListOrder, Position, page_ids
from reminders.models import Reminder

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
NEWEST = ListOrder.of("id", is_falling=True)
TITLES = (
    "Tea",
    "Water the plants",
    "Call O'Brien",
    "Überweisung",
    "Retro",
    "50% off \\ now",
)
TAGS = ([], ["home"], ["home", "O'Hara"], ["work"], ["a b", "home"], ["back\\slash"])
FILTERS = {
    "nothing": {},
    "tag": {"tags": ["home"]},
    "two tags": {"tags": ["home", "O'Hara"]},
    "tag with a space": {"tags": ["a b"]},
    "tag with a backslash": {"tags": ["back\\slash"]},
    "part of a tag": {"tags": ["hom"]},
    "status": {"statuses": ["paused"]},
    "statuses": {"statuses": ["active", "finished"]},
    "due before": {"due_until": datetime(2026, 11, 30)},
    "due within": {"due_from": datetime(2026, 11, 26), "due_until": datetime(2026, 12, 9)},
    "channel": {"channel_id": True},
    "external id": {"external_id": "x7"},
    "tag and status": {"tags": ["home"], "statuses": ["active"]},
}


@pytest.fixture
def rows(user, stranger, now):
    """Store 240 reminders of two owners in each state; return those of the user."""
    some = Random(1)
    channels = {owner: Channel.objects.inbox_of(owner) for owner in (user, stranger)}
    reminders = []
    for number in range(240):
        status = some.choice(("active", "active", "paused", "finished"))
        due = now + some.randrange(20) * DAY if status == "active" else None
        reminders.append(
            Reminder(
                owner=some.choice((user, user, stranger)),
                title=some.choice(TITLES),
                tags=some.choice(TAGS),
                external_id=f"x{number}" if number % 3 == 1 else None,
                starts_at=now.replace(tzinfo=None),
                timezone="UTC",
                status=status,
                next_due_at=due,
                next_fire_at=due,
                deleted_at=now if status == "finished" and number % 2 else None,
            )
        )
    Reminder.objects.bulk_create(reminders)
    for reminder in reminders[::5]:
        reminder.channels.add(channels[reminder.owner])
    return [reminder for reminder in reminders if reminder.owner == user]


def is_shown(reminder, filters: ReminderFilters, with_channel) -> bool:
    due = reminder.next_due_at
    return (
        reminder.deleted_at is None
        and set(filters.tags) <= set(reminder.tags)
        and (not filters.statuses or reminder.status in filters.statuses)
        and (filters.due_from is None or (due is not None and due >= filters.due_from))
        and (filters.due_until is None or (due is not None and due < filters.due_until))
        and filters.external_id in (None, reminder.external_id)
        and (filters.channel_id is None or reminder.pk in with_channel)
    )


def filters_of(name: str, user: User, now) -> ReminderFilters:
    values = dict(FILTERS[name])
    for key in ("due_from", "due_until"):
        if key in values:
            values[key] = values[key].replace(tzinfo=now.tzinfo)
    if "channel_id" in values:
        values["channel_id"] = Channel.objects.inbox_of(user).pk
    return ReminderFilters(user.pk, **values)


def read_all(filters: ReminderFilters, name: str, *, is_falling: bool) -> list[int]:
    """Return the ids of all pages of seven."""
    order, ids, after = ListOrder.of(name, is_falling=is_falling), [], None
    while found := page_ids(filters, order, after, 7):
        ids += found
        last = Reminder.objects.get(pk=ids[-1])
        after = Position(getattr(last, name), last.pk)
    return ids


# By a short walk along the order; by an index of a filter; by a long walk; by one that gives up.
WAYS = {
    "short walk": (2000, 5000, 30_000),
    "index": (1, 5000, 30_000),
    "walk": (1, -1, 30_000),
    "all": (1, -1, 3),
}


@pytest.fixture(params=WAYS)
def _way(request, monkeypatch):
    for name, value in zip(("SHORT_WALK", "MOST", "WALK"), WAYS[request.param], strict=True):
        monkeypatch.setattr(page, name, value)


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("name", FILTERS)
def test_page_holds_the_rows_of_its_filters_in_its_order(rows, user, now, name):
    filters = filters_of(name, user, now)
    with_channel = set(Reminder.channels.through.objects.values_list("reminder_id", flat=True))
    shown = [row for row in rows if is_shown(row, filters, with_channel)]
    assert shown or name in ("part of a tag", "external id")
    far = datetime.max.replace(tzinfo=now.tzinfo)
    keys = {
        "id": lambda row: row.pk,
        "title": lambda row: (order_of_titles[row.title], row.pk),
        "next_due_at": lambda row: (row.next_due_at or far, row.pk),
        "updated_at": lambda row: (row.updated_at, row.pk),
        "created_at": lambda row: (row.created_at, row.pk),
    }
    titles = Reminder.objects.order_by("title").values_list("title", flat=True).distinct()
    order_of_titles = {title: place for place, title in enumerate(titles)}
    for column, key in keys.items():
        for is_falling in (False, True):
            ids = [row.pk for row in sorted(shown, key=key, reverse=is_falling)]
            assert read_all(filters, column, is_falling=is_falling) == ids, (column, is_falling)


@pytest.fixture(params=[0, 10_000])
def _search(request, monkeypatch):
    monkeypatch.setattr("reminders.lists.conditions.MAX_READ_WHOLE", request.param)


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("plants", {"Water the plants"}),
        ("WATER pla", {"Water the plants"}),
        ("o'brien", {"Call O'Brien"}),
        ("überw", {"Überweisung"}),
        ("50%", {"50% off \\ now"}),
        ("xyzzy", set()),
    ],
)
@pytest.mark.usefixtures("_search")
def test_text_is_found_by_words_among_many_and_by_parts_among_few(rows, user, text, titles):
    ids = page_ids(ReminderFilters(user.pk, text=text), NEWEST, None, 99)
    assert set(Reminder.objects.filter(pk__in=ids).values_list("title", flat=True)) == titles
    assert all(row.pk in ids for row in rows if row.title in titles and row.deleted_at is None)


def test_part_of_a_word_is_found_among_few(rows, user):
    ids = page_ids(ReminderFilters(user.pk, text="lant"), NEWEST, None, 9)
    assert set(Reminder.objects.filter(pk__in=ids).values_list("title", flat=True)) == {
        "Water the plants"
    }


def test_words_of_another_owner_are_not_found(rows, stranger, monkeypatch):
    monkeypatch.setattr("reminders.lists.conditions.MAX_READ_WHOLE", 0)
    ids = page_ids(ReminderFilters(stranger.pk, text="tea"), NEWEST, None, 999)
    assert set(Reminder.objects.filter(pk__in=ids).values_list("owner", flat=True)) == {stranger.pk}


def test_edit_and_deletion_change_what_is_found(user, make_reminder, now, monkeypatch):
    monkeypatch.setattr("reminders.lists.conditions.MAX_READ_WHOLE", 0)
    reminder = make_reminder(title="Tea", tags=["kitchen"])

    def ids(**values):
        return page_ids(ReminderFilters(user.pk, **values), NEWEST, None, 9)

    assert ids(text="tea") == ids(tags=["kitchen"]) == ids(text="kitch") == [reminder.pk]
    reminder.title = "Coffee"
    reminder.store(now)
    assert (ids(text="tea"), ids(text="coffee")) == ([], [reminder.pk])
    reminder.close(now)
    assert ids(text="coffee") == ids(tags=["kitchen"]) == ids() == []


MANY = 3000


@pytest.fixture
def many(transactional_db, user, now):
    Reminder.objects.bulk_create(
        Reminder(
            owner=user,
            title=f"Title {number}",
            body="a rare walrus" if number % 1000 == 0 else "",
            tags=["rare"] if number % 1000 == 0 else ["usual"],
            starts_at=now.replace(tzinfo=None),
            timezone="UTC",
            next_due_at=now + DAY,
            next_fire_at=now + DAY,
        )
        for number in range(MANY)
    )


@pytest.mark.parametrize(
    ("values", "most"),
    [
        ({}, 60),
        ({"tags": ["nowhere"]}, 60),
        ({"tags": ["rare"]}, 60),
        ({"tags": ["usual"]}, 300),
        ({"text": "xyzzy"}, 60),
        ({"text": "walrus"}, 60),
        ({"text": "title"}, 300),
        ({"statuses": ["paused"]}, 60),
        ({"due_until": datetime(2026, 11, 1)}, 60),
    ],
)
@pytest.mark.usefixtures("many")
def test_page_reads_few_rows_whether_none_few_or_most_match(user, now, monkeypatch, values, most):
    monkeypatch.setattr("reminders.lists.conditions.MAX_READ_WHOLE", 10)
    monkeypatch.setattr(page, "SHORT_WALK", 20)
    monkeypatch.setattr(page, "MOST", 50)
    values = {
        key: value.replace(tzinfo=now.tzinfo) if isinstance(value, datetime) else value
        for key, value in values.items()
    }
    filters = ReminderFilters(user.pk, **values)
    tables = ["reminders_reminder", "reminders_plan"]
    for name in page.COLUMNS:
        order = ListOrder.of(name, is_falling=True)
        read = counted(READ, tables, lambda order=order: page_ids(filters, order, None, 11))
        assert read <= most, name
