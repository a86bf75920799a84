"""Readiness: a fresh tick, a canary that arrives, and what every face says when they stop."""

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.utils import timezone

from accounts.models import SYSTEM_USER_ID, User, pause
from accounts.timezones import tzdata_version
from foam import broker_url
from foam.monitoring import health
from notifications.models import Attempt, Channel, Delivery
from notifications.outbox.round import deliver_due
from reminders import initial_rows
from reminders.engine import canary, replan, tick
from reminders.models import Occurrence, Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def arrive(now: datetime) -> None:
    """Let the canary that is due at `now` go all its way."""
    tick.run(now)
    deliver_due(now)


def failing(now: datetime) -> set[str]:
    report = health.readiness(now)
    return {name for name in ("database", "broker", "tick", "canary") if report[name] != "ok"}


# The canary


def test_canary_travels_all_the_way(planted, now):
    arrive(now)
    assert canary.Canary.read().arrived_due_at == now
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.channel.kind) == ("sent", "null")
    assert delivery.attempts.get().detail == "accepted"


def test_canary_comes_again_each_minute(planted, now):
    for minute in range(3):
        arrive(now + minute * MINUTE)
    assert list(Occurrence.objects.order_by("pk").values_list("due_at", flat=True)) == [
        now,
        now + MINUTE,
        now + 2 * MINUTE,
    ]


def test_new_canary_is_due_at_once(db, now):
    canary.plant(now + timedelta(seconds=59))
    arrive(now + timedelta(seconds=59))
    assert canary.Canary.read().arrived_due_at == now


def test_migration_plants_what_the_command_would(db, now):
    def rows():
        users = User.objects.filter(pk=SYSTEM_USER_ID).values(
            "username", "email", "is_active", "timezone"
        )
        reminders = Reminder.objects.filter(pk=SYSTEM_USER_ID).values(
            "title",
            "owner",
            "timezone",
            "recurrence",
            "leads",
            "misfire",
            "plan__status",
            "channels",
        )
        channels = Channel.objects.filter(pk=SYSTEM_USER_ID).values(
            "owner", "kind", "name", "address"
        )
        return [list(each) for each in (users, channels, reminders)]

    initial_rows.add_canary(apps)
    planted = rows()
    assert all(len(each) == 1 for each in planted)
    arrive(timezone.now())
    assert canary.Canary.read().arrived_due_at
    initial_rows.remove_canary(apps)
    assert not any(rows())
    assert not Delivery.objects.exists()
    canary.plant(now)
    assert rows() == planted


@pytest.mark.parametrize("harm", ["pause", "close"])
def test_command_plants_again_what_was_stopped_by_hand(planted, now, harm):
    arrive(now)
    getattr(planted, harm)(now)
    assert "manage.py canary plants it again" in health.readiness(now)["canary"]
    call_command("canary", stdout=StringIO())
    assert health.readiness(timezone.now())["canary"] == "ok"


def test_command_mends_the_channel(planted, now):
    Channel.objects.get(pk=SYSTEM_USER_ID).disable("by hand", now)
    canary.plant(now)
    arrive(now)
    assert Delivery.objects.get().status == "sent"


def test_without_a_canary_readiness_says_how_to_plant_it(db, now):
    assert "manage.py canary" in health.readiness(now)["canary"]


# Ready


def test_readyz_is_well_once_the_canary_has_arrived(client):
    now = timezone.now()
    canary.plant(now)
    arrive(now)
    answer = client.get("/readyz")
    seconds = answer.json()["seconds"]
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "database": "ok",
        "broker": "ok",
        "tick": "ok",
        "canary": "ok",
        "backlog": "none",
        "paused": "",
        "seconds": seconds,
        "tzdata": tzdata_version(),
    }
    assert 0 <= seconds["tick"] < 30
    assert 0 <= seconds["canary"] < 90
    assert seconds["overdue_reminder"] < 30
    assert seconds["overdue_delivery"] == 0


def test_first_canary_may_take_three_minutes(planted, now):
    tick.run(now + 3 * MINUTE)
    assert failing(now + 3 * MINUTE) == set()
    assert health.readiness(now + 3 * MINUTE)["seconds"]["canary"] is None
    tick.run(now + 3 * MINUTE + SECOND)
    assert failing(now + 3 * MINUTE + SECOND) == {"canary"}


def test_readiness_tells_how_long_the_oldest_waits(reminder, planted, now):
    arrive(now - MINUTE)
    report = health.readiness(now + timedelta(seconds=20))
    assert report["seconds"]["overdue_reminder"] == 20
    tick.run(now + timedelta(seconds=20))
    report = health.readiness(now + timedelta(seconds=25))
    assert report["seconds"]["overdue_reminder"] == 0
    assert report["seconds"]["overdue_delivery"] == 5


# Not ready


def test_tick_is_fresh_for_thirty_seconds(planted, now):
    arrive(now)
    assert failing(now + timedelta(seconds=30)) == set()
    assert failing(now + timedelta(seconds=31)) == {"tick"}


def test_readyz_fails_when_nothing_ever_ticked(client):
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "never ticked" in answer.json()["tick"]


def test_canary_that_fires_and_does_not_arrive_is_missed_within_three_minutes(planted, now):
    for minute in range(4):
        arrive(now + minute * MINUTE)
    last = now + 3 * MINUTE
    for seconds in (60, 120, 150):
        tick.run(last + seconds * SECOND)
    assert failing(last + 150 * SECOND) == set()
    assert failing(last + 151 * SECOND) == {"canary"}
    assert "due 151 s ago" in health.trouble(last + 151 * SECOND)


def test_tick_that_stopped_is_told_before_the_canary(planted, now):
    arrive(now)
    later = now + timedelta(hours=1)
    assert failing(later) == {"tick", "canary"}
    assert health.trouble(later).startswith("Reminders are not firing.")


def test_canary_that_arrives_after_all_makes_it_ready_again(planted, now):
    arrive(now)
    later = now + timedelta(hours=1)
    arrive(later)
    assert failing(later) == set()


def test_readyz_fails_when_the_broker_is_down(client, settings):
    settings.FOAM_BROKER = broker_url.read("redis://127.0.0.1:1/0", "")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "late, not lost" in answer.json()["broker"]


@pytest.mark.django_db(transaction=True)
def test_readyz_fails_when_the_database_is_down(client, monkeypatch):
    connection.close()
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "PORT", "1")
        answer = client.get("/readyz")
        connection.close()
    assert answer.status_code == 503
    report = answer.json()
    assert report["database"] == "The database does not answer."
    assert (report["broker"], report["tick"], report["canary"]) == ("ok", "unknown", "unknown")
    assert set(report["seconds"].values()) == {None}


# While everything is paused


def test_readyz_is_well_and_says_since_when_everything_is_paused(client, planted, now, woken):
    pause.begin("everything", now - MINUTE, reason="Wrong import")
    tick.run(now)
    deliver_due(now)
    told = health.readiness(now)
    assert (told["tick"], told["canary"]) == ("ok", "ok")
    assert told["paused"].startswith("Everything is paused since Monday 23 November 2026 at 16:59")
    assert told["paused"].endswith("until somebody ends it (Wrong import).")
    assert health.trouble(now) == told["paused"]


# Nobody else's business


def test_api_has_no_null_channels(api):
    answer = api.post("/api/v1/channels/", {"kind": "null", "name": "x"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "kind"


def test_database_has_one_null_channel_only(planted, user):
    with pytest.raises(IntegrityError, match="null_is_foams_own"):
        Channel.objects.create(owner=user, kind="null", name="x")


def test_canary_cannot_be_reached_through_the_api(planted, now, api):
    arrive(now)
    delivery = Delivery.objects.get()
    for path in ("reminders/0/", "channels/0/", f"deliveries/{delivery.pk}/"):
        assert api.get(f"/api/v1/{path}").status_code == 404
    assert api.get("/api/v1/deliveries/").json()["results"] == []


@pytest.mark.parametrize("model", [Channel, Reminder, Occurrence, Delivery, Attempt])
def test_what_is_of_users_leaves_the_canary_out(planted, now, model):
    arrive(now)
    assert model.objects.exists()
    assert not model.objects.exclude_system().exists()


def test_reports_leave_the_canary_out(planted, now, make_reminder):
    make_reminder(recurrence="FREQ=DAILY")
    assert replan.count(now - MINUTE * 2) == 1
