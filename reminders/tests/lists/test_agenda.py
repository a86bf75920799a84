from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import pause
from accounts.models.pause import Pause
from reminders.lists import agenda
from reminders.models import Plan, Reminder

pytestmark = pytest.mark.django_db

URL = "/api/v1/agenda/"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
# The API plans by the wall clock, and a pause lasts two years at most.
YEAR = datetime.now(UTC).year + 1


def at(day, hour=9, minute=0):
    return datetime(YEAR, 1, day, hour, minute)


@pytest.fixture
def daily(make_reminder):
    return make_reminder(title="Tea", starts_at=at(2), recurrence="FREQ=DAILY", tags=["home"])


def window(first=1, last=8, **values):
    return {
        "from": f"{YEAR}-01-{first:02}T00:00:00Z",
        "until": f"{YEAR}-01-{last:02}T00:00:00Z",
        **values,
    }


def entries(api, **values):
    answer = api.get(URL, window(**values))
    assert answer.status_code == 200, answer.content
    return [(row["due_at"][8:16], row["title"]) for row in answer.json()["results"]]


def test_agenda_lists_the_instants_of_all_reminders_in_their_order(api, daily, make_reminder):
    make_reminder(title="Bread", starts_at=at(3, 8))
    make_reminder(title="Later", starts_at=at(20))
    assert entries(api, last=5) == [
        ("02T09:00", "Tea"),
        ("03T08:00", "Bread"),
        ("03T09:00", "Tea"),
        ("04T09:00", "Tea"),
    ]


def test_entry_shows_its_reminder(api, daily):
    [row] = api.get(URL, window(last=3)).json()["results"]
    assert row == {
        "due_at": f"{YEAR}-01-02T09:00:00Z",
        "reminder": daily.pk,
        "title": "Tea",
        "external_id": None,
        "tags": ["home"],
        "timezone": "UTC",
        "urgent": False,
    }


def test_pages_give_each_entry_once(api, daily, make_reminder):
    # At the same instants, so that the id decides.
    make_reminder(title="Bread", starts_at=at(2), recurrence="FREQ=DAILY")
    whole = entries(api)
    assert len(whole) == 12
    seen, address = [], None
    while True:
        page = (api.get(address) if address else api.get(URL, window(page_size=5))).json()
        seen += [(row["due_at"][8:16], row["title"]) for row in page["results"]]
        assert page["previous"] is None
        if not (address := page["next"]):
            break
    assert seen == whole


def test_window_ends_before_its_end_and_begins_with_its_begin(api, daily):
    values = {"from": f"{YEAR}-01-02T09:00:00Z", "until": f"{YEAR}-01-03T09:00:00Z"}
    assert len(api.get(URL, values).json()["results"]) == 1


def test_what_is_past_is_left_to_the_occurrences(api, make_reminder):
    make_reminder(starts_at=datetime(2026, 1, 1), recurrence="FREQ=DAILY")
    now = datetime.now(UTC)
    values = {"from": (now - 9 * DAY).isoformat(), "until": (now + DAY).isoformat()}
    assert len(api.get(URL, values).json()["results"]) == 1


def test_skipped_instant_is_left_out(api, daily, now):
    daily.skip(now)
    assert entries(api, last=4) == [("03T09:00", "Tea")]


def test_paused_reminder_is_left_out_until_its_pause_ends(api, daily):
    now = datetime.now(UTC)
    daily.pause(now)
    assert entries(api) == []
    daily.pause(now, datetime(YEAR, 1, 6, tzinfo=UTC))
    assert entries(api) == [("06T09:00", "Tea"), ("07T09:00", "Tea")]


@pytest.mark.usefixtures("daily")
def test_instants_within_a_pause_of_a_tag_are_left_out(api, user):
    end = datetime(YEAR, 1, 6, tzinfo=UTC)
    pause.begin(Pause.Scope.TAG, datetime.now(UTC), owner=user, tag="home", until=end)
    assert entries(api) == [("06T09:00", "Tea"), ("07T09:00", "Tea")]


def test_agenda_is_filtered(api, daily, make_reminder):
    make_reminder(title="Bread", starts_at=at(3, 8))
    assert entries(api, last=4, tag="home") == [("02T09:00", "Tea"), ("03T09:00", "Tea")]
    assert entries(api, last=4, search="brea") == [("03T08:00", "Bread")]
    assert entries(api, last=4, tag="work") == []


def test_agenda_of_another_user_is_not_shown(api, stranger, make_reminder):
    reminder = make_reminder(starts_at=at(2))
    Reminder.objects.filter(pk=reminder.pk).update(owner=stranger)
    assert Plan.objects.get(pk=reminder.pk).owner == stranger
    assert entries(api) == []


def test_schedule_that_cannot_be_read_has_no_entries(api, daily, make_reminder):
    make_reminder(title="Bread", starts_at=at(3, 8))
    Reminder.objects.filter(pk=daily.pk).update(recurrence="FREQ=NEVER")
    assert entries(api) == [("03T08:00", "Bread")]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"from": "2090-01-02T00:00:00Z", "until": "2090-01-02T00:00:00Z"}, "until"),
        ({"from": "2090-01-02T00:00:00Z", "until": "2091-02-02T00:00:00Z"}, "until"),
        ({"from": "tomorrow"}, "from"),
        ({"until": "2090-01-02"}, "until"),
        ({"ordering": "id"}, "ordering"),
        ({"status": "active"}, "status"),
        ({"cursor": "x"}, "cursor"),
    ],
)
def test_unusable_parameter_is_refused_by_name(api, values, field):
    answer = api.get(URL, values)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_more_reminders_than_are_expanded_are_refused(api, daily, make_reminder, monkeypatch):
    monkeypatch.setattr(agenda, "MAX_REMINDERS", 1)
    make_reminder(title="Bread", starts_at=at(3, 8))
    answer = api.get(URL, window())
    assert answer.status_code == 400
    assert "reminders may be due" in answer.json()["errors"][0]["detail"]
    assert len(entries(api, last=3)) == 1


def test_rule_by_the_minute_costs_the_page_that_is_asked_for(api, make_reminder):
    make_reminder(starts_at=at(2), recurrence="FREQ=MINUTELY")
    page = api.get(URL, window(last=31, page_size=50)).json()
    assert [row["due_at"][11:16] for row in page["results"]][-1] == "09:49"
