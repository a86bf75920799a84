"""What quiet hours, digests and the flood guard hold back, and until when."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from notifications.models import Channel, Delivery, Flood, flood
from notifications.models.delivery import EPOCH
from notifications.outbox import hold_rules
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import deliver_due
from notifications.transports import TransportError

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

NIGHT = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)
MORNING = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def quiet(user):
    """The user sleeps from 22:00 to 07:00."""
    user.quiet_from, user.quiet_until = time(22), time(7)
    user.save()
    return user


@pytest.fixture
def mail(user):
    return Channel.objects.create(
        owner=user, kind="email", name="Mail", address="ada@example.com", verified_at=EPOCH
    )


def post(channel, count=1, at=NIGHT, first=1, **fields):
    """Post so many messages to a channel and return their deliveries."""
    names = [f"occurrence:{number}" for number in range(first, first + count)]
    post_messages([Post(channel.pk, name, f"Tea {name}", "", at, **fields) for name in names], at)
    posted = Delivery.objects.filter(channel=channel, reference__in=names)
    return sorted(posted, key=lambda each: names.index(each.reference))


def held(deliveries):
    for each in deliveries:
        each.refresh_from_db()
    return [(each.held, each.next_attempt_at) for each in deliveries]


# Quiet hours


def test_message_of_quiet_hours_waits_for_their_end(quiet, channel, recorder):
    (delivery,) = post(channel)
    assert held([delivery]) == [("quiet", MORNING)]
    deliver_due(MORNING - SECOND)
    assert recorder.sent == []
    deliver_due(MORNING)
    assert len(recorder.sent) == 1


def test_urgent_message_passes_quiet_hours(quiet, channel, recorder):
    post(channel, urgent=True)
    deliver_due(NIGHT)
    assert len(recorder.sent) == 1


def test_inbox_disturbs_nobody(quiet):
    assert held(post(Channel.objects.inbox_of(quiet))) == [(None, NIGHT)]


def test_quiet_hours_are_the_owners_alone(quiet, stranger):
    other = Channel.objects.create(
        owner=stranger, kind="webhook", name="x", address="http://x.org", verified_at=EPOCH
    )
    assert held(post(other)) == [(None, NIGHT)]


def test_quiet_hours_are_by_the_owners_clock(quiet, channel):
    quiet.timezone = "America/New_York"
    quiet.save()
    assert held(post(channel)) == [(None, NIGHT)]


def test_retry_does_not_fall_into_quiet_hours(quiet, channel, recorder):
    evening = NIGHT.replace(hour=21, minute=59, second=59)
    (delivery,) = post(channel, at=evening)
    recorder.fail_with(TransportError("busy"))
    deliver_due(evening)
    assert held([delivery]) == [("quiet", MORNING)]


def test_retry_of_an_urgent_message_does(quiet, channel, recorder):
    (delivery,) = post(channel, urgent=True)
    recorder.fail_with(TransportError("busy"))
    deliver_due(NIGHT)
    delivery.refresh_from_db()
    assert delivery.held is None
    assert delivery.next_attempt_at < NIGHT + timedelta(minutes=1)


def test_what_held_the_first_attempt_does_not_hold_the_next_one(quiet, channel, recorder):
    (delivery,) = post(channel)
    recorder.fail_with(TransportError("busy"))
    deliver_due(MORNING)
    delivery.refresh_from_db()
    assert delivery.held is None


def test_who_ends_quiet_hours_gets_what_they_held(quiet, channel):
    deliveries = post(channel)
    quiet.quiet_from = quiet.quiet_until = None
    quiet.store(NIGHT + SECOND)
    assert held(deliveries) == [(None, NIGHT + SECOND)]


def test_who_sleeps_longer_gets_it_later(quiet, channel):
    deliveries = post(channel)
    quiet.quiet_until = time(9)
    quiet.store(NIGHT + SECOND)
    assert held(deliveries) == [("quiet", MORNING.replace(hour=9))]


def test_who_moves_is_woken_by_the_new_clock(quiet, channel):
    deliveries = post(channel)
    quiet.timezone = "Europe/Berlin"
    quiet.store(NIGHT + SECOND)
    assert held(deliveries) == [("quiet", MORNING.replace(hour=6))]


def test_user_that_cannot_be_stored_releases_nothing(quiet, channel):
    deliveries = post(channel)
    quiet.quiet_from = None
    with pytest.raises(ValidationError):
        quiet.store(NIGHT + SECOND)
    assert held(deliveries) == [("quiet", MORNING)]


def test_held_messages_end_when_their_channel_does(quiet, channel):
    (delivery,) = post(channel)
    channel.close(NIGHT)
    delivery.refresh_from_db()
    assert delivery.status == Delivery.Status.CANCELLED


# The flood guard


def test_what_is_more_than_the_limit_waits_for_the_end_of_the_hour(mail, settings, now):
    settings.FOAM_FLOOD_LIMIT = 3
    found = held(post(mail, 5, at=now))
    assert found == [(None, now)] * 3 + [("flood", now + timedelta(hours=1))] * 2


def test_limit_counts_over_batches_and_begins_anew_with_the_hour(mail, settings, now):
    settings.FOAM_FLOOD_LIMIT = 3
    post(mail, 2, at=now)
    found = held(post(mail, 2, at=now + timedelta(minutes=59), first=10))
    assert [why for why, _ in found] == [None, "flood"]
    assert held(post(mail, 1, at=now + timedelta(hours=1), first=20))[0][0] is None


def test_urgent_messages_pass_the_limit_and_do_not_count(mail, settings, now):
    settings.FOAM_FLOOD_LIMIT = 2
    urgent = post(mail, 5, at=now, urgent=True)
    assert {why for why, _ in held([*urgent, *post(mail, 2, at=now, first=10)])} == {None}


def test_programs_want_all_unless_they_say_otherwise(channel, settings, now):
    settings.FOAM_FLOOD_LIMIT = 1
    assert {why for why, _ in held(post(channel, 3, at=now))} == {None}
    assert not Flood.objects.exists()
    Channel.objects.filter(pk=channel.pk).update(flood_limit=1)
    assert [why for why, _ in held(post(channel, 2, at=now, first=10))] == [None, "flood"]


def test_channel_without_a_limit_takes_any_number(mail, settings, now):
    settings.FOAM_FLOOD_LIMIT = 1
    Channel.objects.filter(pk=mail.pk).update(flood_limit=0)
    assert {why for why, _ in held(post(mail, 3, at=now))} == {None}


def test_what_quiet_hours_release_at_once_is_guarded_too(quiet, mail, settings):
    settings.FOAM_FLOOD_LIMIT = 2
    found = held(post(mail, 2) + post(mail, 2, at=NIGHT + timedelta(hours=2), first=10))
    assert found == [("quiet", MORNING)] * 2 + [("flood", MORNING + timedelta(hours=1))] * 2


def test_without_a_guard_what_it_holds_goes_out(mail, settings, now):
    settings.FOAM_FLOOD_LIMIT = 1
    deliveries = post(mail, 2, at=now)
    mail.flood_limit = 0
    hold_rules.store(mail, now + SECOND)
    assert held(deliveries)[1] == (None, now + SECOND)


def test_counts_of_last_week_are_forgotten(mail, now):
    post(mail, 1, at=now)
    flood.forget(now + timedelta(days=6))
    assert Flood.objects.count() == 1
    flood.forget(now + timedelta(days=8))
    assert Flood.objects.count() == 0


# What it costs


def test_messages_that_nothing_holds_are_looked_up_in_one_query(
    channel, stranger, now, django_assert_num_queries
):
    ids = [
        Channel.objects.create(
            owner=stranger, kind="webhook", name="x", address=f"http://{n}.org", verified_at=EPOCH
        ).pk
        for n in range(5)
    ]
    posts = [Post(pk, f"occurrence:{pk}", "Tea", "", now) for pk in [channel.pk, *ids]]
    with django_assert_num_queries(0):  # by Django's own cursors
        assert hold_rules.plan_sends(posts, now) == ([], [])


@pytest.mark.parametrize("index", ["accounts_user_quiet", "notifications_channel_special"])
def test_special_channels_are_found_by_partial_indexes(index, user, channel):
    plain = {"owner": user, "kind": "webhook", "name": "x", "verified_at": EPOCH}
    Channel.objects.bulk_create(Channel(**plain, address=f"http://{n}.org") for n in range(500))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE notifications_channel, accounts_user")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    with hold_rules.bulk_cursor() as cursor:
        cursor.execute(f"EXPLAIN {hold_rules.CHANNELS_WITH_RULES}", {"ids": [channel.pk]})
        assert index in "\n".join(line for (line,) in cursor.fetchall())


# What cannot be


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"digest_at": time(8), "digest_every": timedelta(hours=1)}, "one_digest"),
        ({"digest_every": timedelta(minutes=14)}, "digest_window"),
        ({"digest_every": timedelta(hours=25)}, "digest_window"),
        ({"flood_limit": -1}, "flood_limit"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_the_database(channel, fields, name):
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Channel.objects.filter(pk=channel.pk).update(**fields)
