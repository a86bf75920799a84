"""Rows that are shown by hand equal what their serializers show, field by field."""

import json
from datetime import timedelta

import pytest
from rest_framework.test import APIRequestFactory

from accounts.api.json_renderer import JSONRenderer
from accounts.audit.actor import Actor, acting_as
from accounts.models import ApiToken, Pause
from conftest import client_of
from notifications.api.serializers import (
    DeliveryDetailSerializer,
    DeliverySerializer,
    InboxMessageSerializer,
)
from notifications.models import Attempt, Channel, Delivery, InboxMessage
from notifications.models.channel import FOREVER
from reminders.actions import responses
from reminders.api.occurrence_serializers import OccurrenceDetailSerializer, OccurrenceSerializer
from reminders.api.serializers import ReminderSerializer
from reminders.engine import tick
from reminders.models import Occurrence, Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

B = "/api/v1/"
YEAR = timedelta(days=365)


@pytest.fixture
def history(make_reminder, user, channel, now):
    """Occurrences and deliveries in each state, and messages in an inbox."""
    inbox = Channel.objects.inbox_of(user)
    words = {"title": "Tea {due}", "body": "Grün\u2028", "tags": ["a", "b"]}
    make_reminder(channels=[channel, inbox], external_id="tea:1", **words)
    make_reminder(timezone="Asia/Kolkata", leads=[timedelta(hours=1)], nag_every=timedelta(hours=1),
        starts_at=(now + timedelta(hours=6, minutes=30)).replace(tzinfo=None))  # fmt: skip
    make_reminder(recurrence="FREQ=DAILY", title="Skipped")
    tick.run(now)
    # Tea, Stand-up, Skipped.
    first, second, third = Occurrence.objects.order_by("-reminder__title")
    acting_as(Actor("api", user.pk))(responses.acknowledge)(first, now)
    acting_as(Actor("link", None, channel_id=channel.pk))(responses.snooze)(
        second, now + timedelta(days=1), now
    )
    Occurrence.objects.filter(pk=third.pk).update(
        status="missed", reason="It was late.", follow_up_at=None
    )
    queued = {"status": "queued", "reason": "", "finished_at": None}
    states = [
        {**queued, "next_attempt_at": FOREVER, "held": "paused"},
        {"status": "dead", "reason": "no", "next_attempt_at": None, "finished_at": now},
        {**queued, "next_attempt_at": FOREVER, "held": "digest"},
        {**queued, "next_attempt_at": now, "urgent": True, "attempt": 2},
    ]
    deliveries = list(Delivery.objects.order_by("pk"))
    for row, state in zip(deliveries, states, strict=True):
        Delivery.objects.filter(pk=row.pk).update(**state)
    for number, latency in ((1, timedelta(milliseconds=41.74)), (2, None)):
        Attempt.objects.create(
            delivery=deliveries[0], number=number, outcome="transient", detail="no",
            latency=latency, ended_at=now + timedelta(seconds=number, milliseconds=40),
        )  # fmt: skip
    for read_at, reference in ((None, "occurrence:1"), (now, "")):
        InboxMessage.objects.create(
            channel=inbox, message_id=f"{read_at}", reference=reference, title="Tea", due_at=now,
            read_at=read_at,
        )  # fmt: skip


@pytest.fixture
def reminders(make_reminder, channel, stranger, history, now):
    """Reminders with each field set, each kind of channel, a loss, and pauses."""
    user = channel.owner
    unverified = Channel.objects.create(owner=user, kind="email", name="Mail", address="a@b.org")
    disabled = Channel.objects.create(
        owner=user, kind="email", name="Mail", address="c@b.org", verified_at=now, disabled_at=now,
        disabled_reason="gone",
    )  # fmt: skip
    dates = [(now + timedelta(days=n)).replace(tzinfo=None) for n in range(1, 20)]
    make_reminder(
        recurrence="FREQ=DAILY", exdates=dates[:3], rdates=dates[4:5], gap="skip", fold="both",
        leads=[timedelta(days=1), timedelta(0)], misfire="all", grace=timedelta(minutes=7),
        nag_every=timedelta(hours=1), nag_max=4, escalate_after=timedelta(days=1, hours=2),
        channels=[disabled, unverified], escalate_channels=[unverified, channel], urgent=True,
    )  # fmt: skip
    make_reminder(recurrence="FREQ=DAILY", rdates=dates, tags=["b"]).pause(now, now + YEAR)
    make_reminder(recurrence="FREQ=DAILY").pause(now)
    broken = make_reminder(recurrence="FREQ=DAILY", tags=["c"])
    Reminder.objects.filter(pk=broken.pk).update(recurrence="FREQ=NEVER")
    make_reminder(channels=[unverified, channel])
    Channel.objects.filter(pk=unverified.pk).update(deleted_at=now)
    Pause.objects.create(scope="tag", owner=user, tag="b", created_at=now)
    Pause.objects.create(scope="tag", owner=user, tag="c", created_at=now, ended_at=now)
    Pause.objects.create(scope="tag", owner=user, tag="a", created_at=now, until=now + 9 * YEAR)
    Pause.objects.create(scope="user", owner=stranger, created_at=now)


@pytest.fixture
def everything_paused(reminders, now):
    Pause.objects.create(scope="everything", created_at=now, until=now + 9 * YEAR, reason="Move")


LISTS = [
    ("reminders", Reminder, ReminderSerializer),
    ("deliveries", Delivery, DeliverySerializer),
    ("occurrences", Occurrence, OccurrenceSerializer),
    ("inbox", InboxMessage, InboxMessageSerializer),
]
DETAILS = [
    ("reminders", Reminder, ReminderSerializer),
    ("deliveries", Delivery, DeliveryDetailSerializer),
    ("occurrences", Occurrence, OccurrenceDetailSerializer),
    ("inbox", InboxMessage, InboxMessageSerializer),
]


def rows_of(model):
    rows = model.objects.all()
    return rows.with_last_loss() if model is Reminder else rows


def serialized(serializer_class, instance, token=None):
    request = APIRequestFactory().get("/")
    request.auth = token
    data = serializer_class(instance, context={"request": request}).data
    return json.loads(JSONRenderer().render(data))


@pytest.mark.parametrize(("noun", "model", "serializer"), LISTS)
def test_row_of_a_list_equals_its_serializer(api, reminders, noun, model, serializer):
    shown = api.get(f"{B}{noun}/").json()["results"]
    stored = rows_of(model).order_by("-pk")
    assert len(shown) >= 2
    for row, instance in zip(shown, stored, strict=True):
        assert list(row.items()) == list(serialized(serializer, instance).items())


@pytest.mark.parametrize(
    ("noun", "model", "serializer"), DETAILS, ids=lambda value: str(value)[:30]
)
def test_single_row_equals_its_serializer(api, reminders, noun, model, serializer):
    for instance in rows_of(model):
        row = api.get(f"{B}{noun}/{instance.pk}/").json()
        assert list(row.items()) == list(serialized(serializer, instance).items())


def test_pause_of_everything_is_shown_like_its_serializer_shows_it(api, everything_paused):
    for instance in rows_of(Reminder):
        row = api.get(f"{B}reminders/{instance.pk}/").json()
        assert row == serialized(ReminderSerializer, instance)
        assert row["paused_by"]["scope"] in {"everything", "tag"}


@pytest.mark.parametrize("field", ["next_due_at", "created_at", "updated_at", "title"])
@pytest.mark.parametrize("sign", ["", "-"])
def test_reminders_in_each_order_lead_through_all_rows(api, reminders, field, sign):
    seen, address = [], f"{B}reminders/?page_size=2&ordering={sign}{field}"
    while address:
        page = api.get(address).json()
        seen += [row["id"] for row in page["results"]]
        address = page["next"]
    keys = {pk: (value is None, value, pk) for pk, value in api_values(api, field)}
    assert seen == sorted(seen, key=keys.get, reverse=sign == "-")
    assert len(seen) == len(set(seen)) == Reminder.objects.count()


def api_values(api, field):
    return [(row["id"], row[field]) for row in api.get(f"{B}reminders/").json()["results"]]


def test_links_of_a_message_are_those_that_the_scopes_allow(user, history):
    api = client_of(user, ["deliveries:read", "channels:write"])
    token = ApiToken.objects.latest("pk")
    for row in api.get(f"{B}inbox/").json()["results"]:
        instance = InboxMessage.objects.get(pk=row["id"])
        assert row == serialized(InboxMessageSerializer, instance, token)


@pytest.mark.parametrize("noun", [noun for noun, *_ in LISTS])
def test_pages_lead_through_all_rows_and_back(api, reminders, noun):
    seen, address, last = [], f"{B}{noun}/?page_size=1", None
    while address:
        page = api.get(address).json()
        seen += [row["id"] for row in page["results"]]
        address, last = page["next"], page
    assert seen == sorted(seen, reverse=True)
    assert len(seen) > 1
    assert [row["id"] for row in api.get(last["previous"]).json()["results"]] == [seen[-2]]


@pytest.mark.parametrize("noun", [noun for noun, *_ in DETAILS])
@pytest.mark.parametrize("pk", ["0", "-1", "word", "99999999999999999999", "1.0"])
def test_row_that_cannot_exist_is_not_found(api, noun, pk):
    assert api.get(f"{B}{noun}/{pk}/").status_code == 404


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("external_id=tea:1", ["Tea {due}"]),
        ("tag=a", ["Tea {due}"]),
        ("tag=a&tag=c", []),
        ("timezone=Asia/Kolkata", ["Stand-up"]),
        ("answered_since=2026-11-23T17:00:00Z", ["Stand-up", "Tea {due}"]),
        ("answered_since=2026-11-23T17:00:01Z", []),
        ("answered_since=2026-11-23T17:00:00Z&status=acknowledged", ["Tea {due}"]),
    ],
)
def test_occurrences_are_filtered_by_their_reminder_and_answer(api, history, query, titles):
    shown = api.get(f"{B}occurrences/?{query}").json()["results"]
    assert [row["title"] for row in shown] == titles


def test_instant_without_an_offset_is_refused(api):
    answer = api.get(f"{B}occurrences/?answered_since=2026-11-23T17:00:00")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "answered_since"
