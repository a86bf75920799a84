"""What the rig stores by the thousand is what the engine would have planned."""

from datetime import timedelta

import pytest
from django.db.models import Count

from notifications.models import Channel
from reminders.models import Reminder
from tools.testbed import seed
from tools.testbed.load import percentile

pytestmark = pytest.mark.django_db
PLANNED = ("status", "next_fire_at", "next_due_at", "next_lead", "next_walls", "missed_count")


@pytest.fixture
def channels():
    return seed.add_channels([f"http://127.0.0.1:9/{number}" for number in range(3)])


def replanned(reminder: Reminder, now):
    reminder.plan_after(now)
    return [getattr(reminder, name) for name in PLANNED]


def test_stored_reminders_stand_as_the_engine_plans_them(channels, now, monkeypatch):
    monkeypatch.setattr(seed, "TEMPLATES", 60)
    seed.add_stored(150, channels, now)
    kept = list(Reminder.objects.filter(owner__username="rig"))
    stored = [[getattr(reminder, name) for name in PLANNED] for reminder in kept]
    assert len(kept) == 150
    assert stored == [replanned(reminder, now) for reminder in kept]
    assert not Reminder.objects.filter(pk__gt=0).due(now + seed.LATER).exists()


def test_reminders_are_shared_out_among_owners_of_many_sizes(channels, now, monkeypatch):
    monkeypatch.setattr(seed, "TEMPLATES", 60)
    seed.add_stored(1000, channels, now)
    seed.share_out(20, 0.5)
    owned = Reminder.objects.filter(pk__gt=0).values_list("owner__username")
    sizes = dict(owned.annotate(number=Count("pk")))
    assert 400 < sizes.pop("rig") < 600
    assert max(sizes.values()) > 5 * min(sizes.values())


def test_due_reminders_are_all_due_at_the_instant(channels, now):
    due_at = now + timedelta(seconds=90)
    seed.add_due(100, channels, due_at, now)
    kept = list(Reminder.objects.filter(owner__username="rig"))
    assert {(r.next_fire_at, replanned(r, now)[1]) for r in kept} == {(due_at, due_at)}
    assert len({reminder.recurrence for reminder in kept}) >= 4


def test_channels_take_turns(channels, now):
    seed.add_due(30, channels, now + timedelta(seconds=1), now)
    assert [channel.reminders.count() for channel in Channel.objects.filter(pk__in=channels)] == [
        10,
        10,
        10,
    ]


def test_channels_have_secrets_of_their_own(channels):
    assert len({channel.secret for channel in Channel.objects.filter(pk__in=channels)}) == 3


@pytest.mark.parametrize(
    ("values", "share", "found"),
    [([1, 2, 3, 4], 0.5, 2), ([1, 2, 3, 4], 0.99, 4), ([7], 0.5, 7), ([1, 2], 1, 2)],
)
def test_percentile_is_the_nearest_rank(values, share, found):
    assert percentile(values, share) == found
