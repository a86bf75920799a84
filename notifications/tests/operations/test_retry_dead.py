"""What died within a time is sent again by one command."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from notifications.models import Channel, Delivery
from notifications.outbox.post import Post, post_messages
from notifications.outbox.round import deliver_due
from notifications.transports import TransportError

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

HOUR = timedelta(hours=1)


def run(**options):
    out = StringIO()
    options = {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in options.items()
    }
    call_command("retry_dead", stdout=out, **options)
    return out.getvalue().strip()


@pytest.fixture
def mail(user, now):
    return Channel.objects.create(
        owner=user, kind="email", name="Mail", address="ada@example.com", verified_at=now
    )


@pytest.fixture
def die(mail, recorder):
    """Return a function that has messages die at a time, for a reason."""

    def die(name, at, detail="answered 550: 5.1.1 unknown", to=None, **fields):
        recorder.fail_with(TransportError(detail, permanent=True))
        post_messages([Post((to or mail).pk, name, "Pill", "", fields.get("due_at", at))], at)
        deliver_due(at)

    return die


def queued():
    return set(Delivery.objects.filter(status="queued").values_list("reference", flat=True))


def test_what_died_within_the_time_is_queued_again(die, now):
    for number in range(4):
        die(f"occurrence:{number}", now + number * HOUR)
    assert run(since=now + HOUR, until=now + 3 * HOUR) == "Queued again: 2."
    assert queued() == {"occurrence:1", "occurrence:2"}


def test_reason_and_kind_choose_among_them(die, channel, now):
    die("occurrence:1", now)
    die("occurrence:2", now, "answered 554: 5.7.1 Relay denied")
    die("occurrence:3", now, "answered 554: 5.7.1 Relay denied", to=channel)
    run(since=now - HOUR, until=now + HOUR, reason="relay", kind="email")
    assert queued() == {"occurrence:2"}


def test_old_ones_are_left_out_only_where_that_is_asked_for(die, now):
    die("occurrence:1", now, due_at=now - 9 * HOUR)
    die("occurrence:2", now)
    options = {"since": now - HOUR, "until": now + HOUR}
    assert "again: 2" in run(**options, dry_run=True)
    assert "again: 1" in run(**options, due_since=now - HOUR)
    assert queued() == {"occurrence:2"}


def test_channels_that_take_nothing_keep_their_dead(die, mail, now):
    die("occurrence:1", now)
    mail.disable("by hand", now)
    told = run(since=now - HOUR, until=now + HOUR)
    assert told.startswith("Queued again: 0. Left as they are: 1, as their channels are")


def test_more_than_one_chunk_is_queued(die, now, monkeypatch):
    monkeypatch.setattr("notifications.operations.retry_dead.RETRY_BATCH_SIZE", 2)
    for number in range(5):
        die(f"occurrence:{number}", now)
    assert run(since=now - HOUR, until=now + HOUR) == "Queued again: 5."


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"since": "yesterday"}, "--since: give an instant"),
        ({"since": "2026-11-30T08:00:00"}, "--since: give an instant"),
        ({"since": "2026-11-30T08:00:00Z", "until": "2026-11-30T07:00:00Z"}, "before --until"),
    ],
)
def test_bad_times_are_refused(db, options, said):
    with pytest.raises(CommandError, match=said):
        run(**options)
