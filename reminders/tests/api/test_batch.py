"""Many at once: a result for each, the rules of one, and few queries."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notifications.models import Channel
from reminders.api import batch
from reminders.api.batch import Item, Op
from reminders.models import Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

URL = "/api/v1/reminders/"
STANDUP = {"title": "Stand-up", "starts_at": "2030-01-07T18:00:00", "timezone": "UTC"}


def send(api, *items, **options):
    answer = api.post(f"{URL}batch/", {"items": items, **options})
    assert answer.status_code == 200, answer.json()
    return answer.json()


def create(**fields):
    return {"op": "create", "fields": {**STANDUP, **fields}}


def statuses(answer):
    return [result["status"] for result in answer["results"]]


def test_each_item_has_a_result_in_its_place(api, make_reminder):
    changed, gone = make_reminder(), make_reminder()
    answer = send(
        api,
        create(title="New"),
        {"op": "update", "id": changed.pk, "fields": {"title": "Changed"}},
        create(timezone="Mars/Olympus"),
        {"op": "delete", "id": gone.pk},
        {"op": "upsert", "fields": {**STANDUP, "external_id": "e1"}},
        {"op": "delete", "id": 999_999},
        {"op": "upsert", "fields": {**STANDUP, "external_id": "e1", "title": "Again"}},
        {"op": "update", "id": changed.pk, "version": 1, "fields": {"title": "Late"}},
    )
    assert statuses(answer) == [201, 200, 400, 204, 201, 404, 200, 412]
    assert (answer["done"], answer["refused"]) == (5, 3)
    assert answer["results"][2]["errors"][0]["field"] == "timezone"
    assert [each["errors"][0]["code"] for each in answer["results"][5::2]] == [
        "not_found",
        "outdated",
    ]
    titles = set(Reminder.objects.owned_by(changed.owner).values_list("title", flat=True))
    assert titles == {"New", "Changed", "Again"}


def test_created_in_a_batch_is_as_if_created_alone(api, user):
    fields = {
        "recurrence": "0 9 * * 1-5",
        "leads": ["PT0S", "PT1H"],
        "tags": ["work"],
        "channels": [Channel.objects.inbox_of(user).pk],
        "escalate_after": "PT1H",
        "escalate_channels": [Channel.objects.inbox_of(user).pk],
    }
    alone = api.post(URL, {**STANDUP, **fields}).json()
    (result,) = send(api, create(**fields))["results"]
    together = api.get(f"{URL}{result['id']}/").json()
    own = {"id", "created_at", "updated_at"}
    assert {k: v for k, v in together.items() if k not in own} == {
        k: v for k, v in alone.items() if k not in own
    }


def test_left_out_channels_become_the_inbox(api, user):
    (result,) = send(api, create())["results"]
    assert api.get(f"{URL}{result['id']}/").json()["channels"] == [
        Channel.objects.inbox_of(user).pk
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"channels": []}, "channels"),
        ({"channels": [999_999]}, "channels"),
        ({"channels": [True]}, "channels"),
        ({"channels": [2**70]}, "channels"),
        ({"starts_at": "2020-01-01T10:00:00"}, "starts_at"),
        ({"titel": "typo"}, "titel"),
        ({"title": "{nonsense}"}, "title"),
        ({"escalate_after": "PT1H"}, "escalate_channels"),
    ],
)
def test_refused_item_names_the_field_and_leaves_the_others(api, change, field):
    answer = send(api, create(), create(**change), create())
    assert statuses(answer) == [201, 400, 201]
    assert field in {error["field"] for error in answer["results"][1]["errors"]}


def test_channel_of_another_is_refused(api, stranger):
    answer = send(api, create(channels=[Channel.objects.inbox_of(stranger).pk]))
    assert statuses(answer) == [400]


def test_reminder_of_another_answers_404(stranger_api, make_reminder):
    reminder = make_reminder()
    answer = send(
        stranger_api,
        {"op": "update", "id": reminder.pk, "fields": {"title": "x"}},
        {"op": "delete", "id": reminder.pk},
    )
    assert statuses(answer) == [404, 404]


def test_external_id_twice_refuses_the_second(api):
    answer = send(api, create(external_id="a"), create(external_id="a"), create())
    assert statuses(answer) == [201, 400, 201]
    assert answer["results"][1]["errors"][0]["field"] == "external_id"


def test_external_id_that_is_there_is_refused(api, make_reminder):
    make_reminder(external_id="a")
    assert statuses(send(api, create(external_id="a"), create())) == [400, 201]


def test_row_that_the_database_refuses_leaves_the_others(api, make_reminder, monkeypatch):
    """As when somebody takes an external_id after it was looked for."""
    make_reminder(external_id="a")
    monkeypatch.setattr(
        "reminders.models.reminder_queryset.ReminderQuerySet._with_taken_ids",
        lambda self, rows: {},
    )
    answer = send(api, create(), create(external_id="a"), create())
    assert statuses(answer) == [201, 400, 201]


def test_upsert_of_what_came_meanwhile_replaces_it(user, make_reminder, now, monkeypatch):
    there = make_reminder(external_id="a")
    monkeypatch.setattr(batch.ReminderBatch, "_lock_reminders", lambda self: set())
    items = [Item(Op.UPSERT, {**STANDUP, "external_id": "a", "title": "Mine"})]
    (result,) = batch.apply(user, items, now)
    assert (result.status, result.reminder.pk, result.reminder.title) == (200, there.pk, "Mine")


def test_dry_run_tells_all_and_keeps_nothing(api, make_reminder):
    reminder = make_reminder()
    answer = send(api, create(), {"op": "delete", "id": reminder.pk}, dry_run=True)
    assert (statuses(answer), answer["dry_run"]) == ([201, 204], True)
    assert list(Reminder.objects.owned_by(reminder.owner)) == [reminder]


def test_atomic_keeps_all_or_nothing(api):
    answer = send(api, create(), create(timezone="Mars/Olympus"), atomic=True)
    assert (statuses(answer), answer["done"]) == ([424, 400], 0)
    assert not Reminder.objects.exists()
    assert statuses(send(api, create(), create(), atomic=True)) == [201, 201]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "items"),
        ({"items": []}, "items"),
        ({"items": [create()] * 1001}, "items"),
        ({"items": ["x"]}, "items.0"),
        ({"items": [{"op": "explode"}]}, "items.0.op"),
        ({"items": [{"op": "delete"}]}, "items.0.id"),
        ({"items": [{"op": "delete", "id": 0}]}, "items.0.id"),
        ({"items": [{**create(), "id": 1}]}, "items.0.id"),
        ({"items": [create(), {**create(), "extra": 1}]}, "items.1.extra"),
        ({"items": [create()], "dry": True}, "dry"),
    ],
)
def test_batch_that_cannot_be_read_is_named_and_changes_nothing(api, body, field):
    answer = api.post(f"{URL}batch/", body)
    assert answer.status_code == 400
    assert any(error["field"].startswith(field) for error in answer.json()["errors"])
    assert not Reminder.objects.exists()


def test_id_beyond_all_ids_is_not_found(api):
    assert statuses(send(api, {"op": "delete", "id": 2**80})) == [404]


def test_batch_needs_the_scope_to_write(user):
    from conftest import client_of

    answer = client_of(user, ["reminders:read"]).post(f"{URL}batch/", {"items": [create()]})
    assert answer.status_code == 403


def queries_for(api, items):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = send(api, *items)
    assert answer["refused"] == 0
    return len(queries)


def test_creates_take_the_same_queries_however_many(api, user, channel):
    # The first use of a token is written down.
    api.get("/api/v1/me/")
    inbox = Channel.objects.inbox_of(user)
    # The first batch of a user also begins the counter of quotas.
    queries_for(api, [create(external_id="first", channels=[inbox.pk])])
    counts = {
        queries_for(
            api,
            [
                create(external_id=f"{size} {i}", channels=[inbox.pk, channel.pk])
                for i in range(size)
            ],
        )
        for size in (2, 20, 200)
    }
    assert len(counts) == 1
    assert counts.pop() < 20


def test_new_upserts_take_the_same_queries_however_many(api, user):
    api.get("/api/v1/me/")
    Channel.objects.inbox_of(user)
    # The first batch of a user also begins the counter of quotas.
    queries_for(api, [create(external_id="first")])
    counts = {
        queries_for(
            api,
            [
                {"op": "upsert", "fields": {**STANDUP, "external_id": f"{size} {i}"}}
                for i in range(size)
            ],
        )
        for size in (2, 20, 200)
    }
    assert len(counts) == 1
