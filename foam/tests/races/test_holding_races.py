"""P2: digests and the flood guard, with real transactions in real threads and a process killed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from foam.tests.faults.test_crashes import DELIVER, ROW, kill_at, stopped_by
from foam.tests.races.test_races import THREADS, at_once, beside
from notifications.models import Channel, Delivery
from notifications.models.delivery import EPOCH
from notifications.outbox.post import Post, collect_digests, post_messages
from notifications.outbox.round import deliver_due
from notifications.tests.receivers import HttpReceiver

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("woken"),
]

HOUR = timedelta(hours=1)


def collecting(user, address, number=1):
    """Store channels that send a digest each hour."""
    channels = [
        Channel(
            owner=user, kind="webhook", name="Hook", address=f"{address}/{i}", verified_at=EPOCH
        )
        for i in range(number)
    ]
    for channel in channels:
        channel.digest_every = HOUR
        channel.store()
    return channels


def post(channels, at, names=range(5)):
    posts = [
        Post(each.pk, f"occurrence:{name}", f"Tea {name}", "", at)
        for each in channels
        for name in names
    ]
    return post_messages(posts, at)


def digests():
    return Delivery.objects.filter(reference__startswith="digest:")


def assert_each_is_in_the_one_digest_of_its_channel(channels):
    assert digests().count() == len(channels)
    collected = Delivery.objects.filter(status="collected")
    assert collected.count() == 5 * len(channels)
    assert all(each.digest.channel_id == each.channel_id for each in collected)


def test_parallel_collectors_make_one_digest_of_each_window(user, now):
    channels = collecting(user, "http://127.0.0.1:9", 30)
    post(channels, now)
    at_once(*[lambda: collect_digests(now + HOUR)] * THREADS)
    collect_digests(now + HOUR)  # what was passed by
    assert_each_is_in_the_one_digest_of_its_channel(channels)


def test_collector_passes_by_a_channel_that_another_holds(user, now):
    held, free = collecting(user, "http://127.0.0.1:9", 2)
    post([held, free], now)
    lock = Channel.objects.select_for_update()
    assert beside(lambda: lock.get(pk=held.pk), lambda: collect_digests(now + HOUR)) == 5
    assert digests().get().channel == free


def test_parallel_posts_keep_to_the_limit_together(user, now):
    mail = Channel.objects.create(
        owner=user, kind="email", name="M", address="a@x.org", verified_at=EPOCH
    )
    Channel.objects.filter(pk=mail.pk).update(flood_limit=15)
    some = [range(10 * i, 10 * i + 10) for i in range(THREADS)]
    at_once(*[lambda names=names: post([mail], now, names) for names in some])
    assert Delivery.objects.filter(held=None).count() == 15
    assert Delivery.objects.filter(held="flood").count() == 25


STOPS = {
    "while it collects": ("UPDATE OF digest_id", "queued"),
    "between collecting and sending": ("UPDATE OF leased_until", "collected"),
}


@pytest.mark.e2e
@pytest.mark.parametrize("point", STOPS)
def test_digest_goes_out_once_when_its_worker_is_killed(point, user, tmp_path):
    event, left = STOPS[point]
    with HttpReceiver() as receiver:
        channels = collecting(user, receiver.url)
        post(channels, timezone.now() - 2 * HOUR)
        kill_at(stopped_by(ROW, event, "notifications_delivery"), DELIVER, tmp_path / "log")
        assert Delivery.objects.filter(status=left, reference__startswith="occ").count() == 5
        assert receiver.requests == []
        deliver_due(timezone.now())
        assert len(receiver.requests) == 1
    assert_each_is_in_the_one_digest_of_its_channel(channels)
