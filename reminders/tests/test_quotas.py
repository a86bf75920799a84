"""The quotas of reminders: rows, words, and messages a day, by whichever face they come."""

from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ValidationError

from accounts.models import QuotaUsage, UserQuota
from notifications.models import Channel
from reminders.models import Reminder
from reminders.models.quota_cost import times_a_day
from reminders.recurrence.grammar import parse

REMINDERS = "/api/v1/reminders/"
FIELDS = {"title": "Tea", "starts_at": "2027-01-01T08:00:00", "timezone": "UTC"}


@pytest.fixture
def lower(settings):
    def lower(**values):
        settings.FOAM_QUOTAS = {**settings.FOAM_QUOTAS, **values}

    return lower


def batch(api, count, **fields):
    items = [{"op": "create", "fields": {**FIELDS, **fields}} for _ in range(count)]
    return api.post(f"{REMINDERS}batch/", {"items": items}, format="json").json()


def test_reminder_beyond_the_quota_is_refused_with_its_name_value_and_a_remedy(api, lower):
    lower(reminders=1)
    assert api.post(REMINDERS, FIELDS, format="json").status_code == 201
    refusal = api.post(REMINDERS, FIELDS, format="json")
    [error] = refusal.json()["errors"]
    assert (refusal.status_code, error["code"]) == (400, "quota")
    for part in ("1 reminders that are not deleted", "quota reminders", "delete reminders"):
        assert part in error["detail"]
    assert Reminder.objects.count() == 1


def test_batch_takes_what_is_left_and_refuses_the_others(api, lower):
    lower(reminders=3)
    answer = batch(api, 5)
    assert [result["status"] for result in answer["results"]] == [201] * 3 + [400] * 2
    assert Reminder.objects.count() == 3


def test_dry_run_and_refused_items_use_nothing_up(api, lower, user):
    lower(reminders=1)
    items = [{"op": "create", "fields": FIELDS}]
    api.post(f"{REMINDERS}batch/", {"items": items, "dry_run": True}, format="json")
    batch(api, 1, title="")
    assert api.post(REMINDERS, FIELDS, format="json").status_code == 201


def test_deleted_reminder_gives_its_place_back_but_not_its_row(api, lower):
    lower(reminders=1, stored_reminders=2)
    for expected in (201, 201, 400):
        answer = api.post(REMINDERS, FIELDS, format="json")
        assert answer.status_code == expected
        if expected == 201:
            api.delete(f"{REMINDERS}{answer.json()['id']}/")
    assert "quota stored_reminders" in answer.json()["errors"][0]["detail"]


def test_words_are_counted_in_new_reminders_and_in_edits(api, lower):
    lower(word_bytes=1800)
    pk = api.post(REMINDERS, FIELDS, format="json").json()["id"]
    assert api.post(REMINDERS, {**FIELDS, "body": "ä" * 1000}, format="json").status_code == 400
    refusal = api.patch(f"{REMINDERS}{pk}/", {"body": "a" * 2000}, format="json")
    assert "quota word_bytes" in refusal.json()["errors"][0]["detail"]
    assert api.patch(f"{REMINDERS}{pk}/", {"body": "short"}, format="json").status_code == 200


def test_edit_after_edit_uses_bytes_up_as_history_keeps_them(api, lower, user):
    lower(word_bytes=20_000)
    dates = [f"2028-{month:02}-{day:02}T08:00:00" for month in range(1, 9) for day in range(1, 29)]
    fields = {**FIELDS, "recurrence": "FREQ=DAILY", "exdates": dates}
    pk = api.post(REMINDERS, fields, format="json").json()["id"]
    titles = [{"title": f"Tea {number}"} for number in range(30)]
    statuses = [
        api.patch(f"{REMINDERS}{pk}/", title, format="json").status_code for title in titles
    ]
    assert (statuses[0], statuses[-1]) == (200, 400)


def test_messages_a_day_are_counted_with_leads_nags_and_channels(api, lower):
    lower(daily_messages=2880)
    minutely = {**FIELDS, "recurrence": "* * * * *"}
    assert api.post(REMINDERS, minutely, format="json").status_code == 201
    more = {**minutely, "leads": ["PT0S", "PT1H"]}
    refusal = api.post(REMINDERS, more, format="json")
    assert "quota daily_messages" in refusal.json()["errors"][0]["detail"]
    once = api.post(REMINDERS, FIELDS, format="json").json()["id"]
    assert (
        api.patch(f"{REMINDERS}{once}/", {"recurrence": "* * * * *"}, format="json").status_code
        == 200
    )
    nagging = {"nag_every": "PT1M", "nag_max": 100}
    assert api.patch(f"{REMINDERS}{once}/", nagging, format="json").status_code == 400


@pytest.mark.parametrize(
    ("rule", "times"),
    [
        ("", 0),
        ("* * * * *", 1440),
        ("*/15 8-17 * * 1-5", 40),
        ("FREQ=MINUTELY", 1440),
        ("FREQ=MINUTELY;INTERVAL=7", 206),
        ("FREQ=MINUTELY;BYHOUR=3;BYMINUTE=0,30", 2),
        ("FREQ=MINUTELY;BYHOUR=1,2", 120),
        ("FREQ=HOURLY;BYMINUTE=0,30", 48),
        ("FREQ=HOURLY;BYMINUTE=0,15,30,45;BYSETPOS=1", 24),
        ("FREQ=DAILY", 1),
        ("FREQ=WEEKLY;BYHOUR=8,20;BYMINUTE=0,30", 4),
        ("FREQ=MINUTELY;COUNT=3", 3),
    ],
)
def test_times_a_day_are_bounded_by_the_parts_of_the_rule(rule, times):
    assert times_a_day(parse(rule), []) == times


def test_times_beside_the_rule_count_where_they_are_dense():
    dense = [datetime(2027, 1, 1) + timedelta(minutes=n) for n in range(500)]
    spread = [datetime(2027, 1, 1) + timedelta(days=n) for n in range(500)]
    assert (times_a_day(None, dense), times_a_day(None, spread)) == (500, 1)


def test_channels_of_one_reminder_are_limited(user, make_reminder, lower):
    lower(reminder_channels=2)
    channels = [
        Channel.objects.create(owner=user, kind="webhook", name="H", address=f"http://h/{n}")
        for n in range(3)
    ]
    with pytest.raises(ValidationError, match="quota reminder_channels"):
        make_reminder(channels=channels)
    reminder = make_reminder(channels=channels[:2])
    with pytest.raises(ValidationError, match="quota reminder_channels"):
        reminder.store(reminder.starts_at.astimezone(), channels)


def test_channels_of_a_user_are_limited(api, lower):
    lower(channels=1)
    hook = {"kind": "webhook", "name": "H", "address": "http://127.0.0.1/1"}
    assert api.post("/api/v1/channels/", hook).status_code == 201
    refusal = api.post("/api/v1/channels/", {**hook, "address": "http://127.0.0.1/2"})
    assert "quota channels" in refusal.json()["errors"][0]["detail"]


def test_import_keeps_to_the_quota(api, lower):
    lower(reminders=2)
    answer = api.post(
        f"{REMINDERS}import/?format=crontab&timezone=UTC",
        "\n".join(f"{n} 8 * * * tea {n}" for n in range(4)),
        content_type="text/plain",
    )
    assert answer.json()["counts"] == {"created": 2, "updated": 0, "unchanged": 0, "refused": 2}


def test_own_quota_of_a_user_counts_before_the_setting(api, user, lower):
    lower(reminders=0)
    UserQuota.objects.create(user=user, name="reminders", value=1)
    assert api.post(REMINDERS, FIELDS, format="json").status_code == 201
    assert QuotaUsage.objects.get(user=user).reminders == 1


def test_dry_run_of_an_import_tells_what_the_quota_refuses(api, lower, user):
    lower(reminders=2)
    answer = api.post(
        f"{REMINDERS}import/?format=crontab&timezone=UTC&dry_run=true",
        "\n".join(f"{n} 8 * * * tea {n}" for n in range(4)),
        content_type="text/plain",
    )
    assert answer.json()["counts"] == {"created": 2, "updated": 0, "unchanged": 0, "refused": 2}
    # Its counter stays unlocked for as long as the dry run takes.
    assert not QuotaUsage.objects.filter(user=user).exists()


def test_deleted_channels_are_counted_as_well(api, lower):
    lower(stored_channels=1)
    hook = {"kind": "webhook", "name": "H", "address": "http://127.0.0.1/1"}
    pk = api.post("/api/v1/channels/", hook).json()["id"]
    api.delete(f"/api/v1/channels/{pk}/")
    assert "stored_channels" in api.post("/api/v1/channels/", hook).json()["errors"][0]["detail"]
