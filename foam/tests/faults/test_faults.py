"""P1, P2, P4: servers and processes that fail under a running FOAM, which recovers by itself.

One rig serves all of these, and its processes stay up from one fault to the next. A fault that
takes one of them down for good is seen in the tests after it.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from environ import Env

from accounts.models import User
from foam.tests.processes import wait_until
from notifications.models import Channel, Delivery
from notifications.tests.receivers import Hang, Hold, HttpReceiver, Reply
from reminders.models import Heartbeat, Occurrence, Reminder
from tools.local_stack.data_dir import write_private
from tools.local_stack.programs import beat, worker
from tools.testbed.testbed import Rig

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
]

PROGRAMS = {"dispatch": worker("dispatch", 1), "deliver": worker("deliver", 2), "beat": beat()}


def sql(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


@contextmanager
def in_the_database_of(rig):
    """Have the test's own queries go to the rig's database."""
    own = connection.settings_dict
    connection.close()
    connection.settings_dict = {**own, **Env.db_url_config(rig.url("postgres"))}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = own


@pytest.fixture(scope="module")
def running_rig():
    keys = {"FOAM_ENCRYPTION_KEYS": ",".join(settings.FOAM_ENCRYPTION_KEYS)}
    # Durable, as in production: a crash may not lose what was committed.
    with Rig(durable=True, settings=keys) as rig:
        for name, words in PROGRAMS.items():
            rig.start(name, words)
        for name in ("dispatch", "deliver"):
            rig.wait_for_words(name, "ready.")
        yield rig


def tick():
    """Wait until a tick has ended that came to its end after this began."""
    Heartbeat.objects.all().delete()
    wait_until(Heartbeat.objects.exists, 60, "it ticks")


@pytest.fixture
def rig(running_rig, transactional_db):
    """A rig that is ticking."""
    with in_the_database_of(running_rig):
        tick()
        yield running_rig
    assert running_rig.ended() == {}


@pytest.fixture
def receiver():
    with HttpReceiver() as receiver:
        yield receiver


numbers = count()


@pytest.fixture
def remind(rig, receiver):
    """Return a function that stores `times` reminders due in `seconds`, told to the receiver."""
    name = f"user{next(numbers)}"
    user = User.objects.create_user(name, f"{name}@example.com", timezone="UTC")
    channel = Channel(
        owner=user,
        kind="webhook",
        name="Hook",
        address=receiver.url,
        verified_at=timezone.now(),
    )
    channel.store()

    def remind(seconds=1, times=1, clock=0):
        now = timezone.now() + timedelta(seconds=clock)
        due_at = (now + timedelta(seconds=seconds)).replace(microsecond=0)
        for _ in range(times):
            reminder = Reminder(owner=user, title="Stand-up", timezone="UTC")
            reminder.starts_at = due_at.replace(tzinfo=None)
            reminder.store(now, [channel])
        return due_at

    return remind


def deliveries(receiver):
    return Delivery.objects.filter(channel__address=receiver.url)


def ids(receiver):
    return Counter(request.headers["webhook-id"] for request in receiver.requests)


def ended(receiver):
    """Wait until all is recorded; return what became of the attempts at what this receiver got."""
    here = deliveries(receiver)
    wait_until(lambda: not here.unfinished().exists(), 30, "all outcomes are recorded")
    return list(here.order_by("attempts").values_list("attempts__outcome", flat=True))


def all_came_once(receiver, expected):
    receiver.wait_for(expected, timeout=30)
    ended_as = ended(receiver)
    occurrences = Occurrence.objects.filter(reminder__channels__address=receiver.url)
    return (
        occurrences.count() == expected
        and ended_as == ["sent"] * expected
        and sorted(ids(receiver).values()) == [1] * expected
    )


def leases_run_out(receiver):
    """Have the time of a lease pass for those who are dead."""
    deliveries(receiver).filter(status="sending").update(leased_until=timezone.now())


def children(rig, name):
    pid = rig.programs[name].process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


# Sessions of others than this test.
SESSIONS = """
SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'
    AND datname = current_database() AND pid != pg_backend_pid()
"""


def pids(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return {pid for (pid,) in cursor.fetchall()}


def opened():
    """Return how many sessions have been opened so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sessions FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]


def test_tick_uses_the_session_of_the_one_before(rig):
    tick()
    before = opened()
    for _ in range(3):
        tick()
    assert opened() == before


def test_tick_whose_session_was_lost_opens_another_and_does_not_fail(rig):
    tick()
    said = len(rig.log_of("dispatch"))
    lost = pids(f"{SESSIONS} AND state = 'idle'")
    assert lost
    sql(f"SELECT pg_terminate_backend(pid) FROM unnest(ARRAY{sorted(lost)}) AS pid")
    tick()
    assert not pids(SESSIONS) & lost
    assert "ERROR" not in rig.log_of("dispatch")[said:]


def test_broker_that_is_flushed_again_and_again_loses_nothing(rig, remind, receiver):
    for seconds in (1, 2, 3):
        remind(seconds, times=5)
    for arrived in range(1, 16):
        rig.flush_broker()
        receiver.wait_for(arrived, timeout=30)
    assert all_came_once(receiver, 15)


def test_what_came_due_while_the_broker_was_down_fires_when_it_is_back(rig, remind, receiver):
    rig.stop_server("redis", crash=True)
    due_at = remind(1, times=5)
    wait_until(lambda: timezone.now() > due_at + timedelta(seconds=1), 30, "it is late")
    assert receiver.requests == []
    rig.start_server("redis")
    assert all_came_once(receiver, 5)


def test_message_on_its_way_is_not_broken_off_when_the_broker_restarts(rig, remind, receiver):
    receiver.script(Hold())
    remind()
    receiver.wait_for(1, timeout=30)
    said = len(rig.log_of("deliver"))
    rig.restart_redis()
    wait_until(lambda: "Connected to" in rig.log_of("deliver")[said:], 30, "it is back")
    receiver.release()
    assert ended(receiver) == ["sent"]
    remind()
    assert all_came_once(receiver, 2)
    assert rig.ended() == {}


@pytest.mark.parametrize("crash", [False, True], ids=["in order", "crash"])
def test_database_that_restarts_over_a_due_instant_loses_nothing(rig, remind, receiver, crash):
    remind(1, times=5)
    remind(2, times=5)
    receiver.wait_for(1, timeout=30)
    rig.restart_postgres(crash=crash)
    connection.close()
    assert all_came_once(receiver, 10)


def test_answer_that_came_while_the_database_was_down_is_recorded_when_it_is_back(
    rig, remind, receiver
):
    receiver.script(Hold())
    remind()
    receiver.wait_for(1, timeout=30)
    rig.stop_server("postgres", crash=True)
    receiver.release()
    rig.wait_for_words("deliver", "the database fails", 20)
    rig.start_server("postgres")
    connection.close()
    assert ended(receiver) == ["sent"]
    assert ids(receiver).total() == 1


def test_process_of_a_worker_killed_while_sending_is_made_up_for(rig, remind, receiver):
    receiver.script(Hang())
    remind()
    receiver.wait_for(1, timeout=30)
    for pid in children(rig, "deliver"):
        os.kill(pid, signal.SIGKILL)
    leases_run_out(receiver)
    receiver.wait_for(2, timeout=30)
    assert ended(receiver) == ["uncertain", "sent"]
    assert list(ids(receiver).values()) == [2]


def test_beats_that_come_and_go_fire_each_once(rig, remind, receiver):
    for name in ("beat2", "beat3"):
        rig.start(name, beat())
    for name in ("beat2", "beat3"):
        rig.wait_for_words(name, "is starting.")
    for seconds in (1, 3, 5):
        remind(seconds, times=5)
    receiver.wait_for(5, timeout=30)
    rig.kill("beat")
    receiver.wait_for(10, timeout=30)
    rig.start_again("beat")
    rig.kill("beat2")
    assert all_came_once(receiver, 15)
    rig.kill("beat3")


def test_power_cut_while_sending_loses_nothing_and_explains_each_copy(rig, remind, receiver):
    # By then some are recorded, some have been answered, and two are on their way.
    receiver.script(*[Reply()] * 10, Hang(), Hang())
    remind(1, times=20)
    receiver.wait_for(12, timeout=30)
    for name in PROGRAMS:
        rig.kill(name)
    for server in ("postgres", "redis"):
        rig.stop_server(server, crash=True)
    for server in ("postgres", "redis"):
        rig.start_server(server)
    connection.close()
    for name in PROGRAMS:
        rig.start_again(name)
    leases_run_out(receiver)
    wait_until(lambda: len(ids(receiver)) == 20, 60, "each has come")
    ended(receiver)
    came = ids(receiver)
    for delivery in deliveries(receiver):
        unknown = delivery.attempts.filter(outcome="uncertain").count()
        assert delivery.status == "sent"
        assert came[delivery.message_id] <= 1 + unknown


@pytest.fixture
def small_disk(rig):
    """Return a tablespace on a small file system, and the file that fills that."""
    path = rig.folder.home / "small"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", path]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small file system")
    try:
        rig.folder.give_away(path)
        path.chmod(0o700)
        sql(f"CREATE TABLESPACE small LOCATION '{path}'")
        yield path / "filler"
        sql("ALTER TABLE ALL IN TABLESPACE small SET TABLESPACE pg_default")
        sql("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)
        path.rmdir()


def fill(path):
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def leaves(table):
    """Return the partitions of a table, or the table itself."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relid::regclass::text FROM pg_partition_tree(%s) WHERE isleaf", [table]
        )
        return [name for (name,) in cursor.fetchall()] or [table]


WRITES = {
    "reminders_occurrence": "dispatch",
    "notifications_delivery": "dispatch",
    "notifications_attempt": "deliver",
}


@pytest.mark.parametrize("table", WRITES)
def test_disk_that_is_full_stops_work_in_sight_and_all_goes_on_when_there_is_room(
    rig, remind, receiver, small_disk, table
):
    program = WRITES[table]
    # Without the room that rows of tests before have left in it.
    for leaf in leaves(table):
        sql(f"VACUUM FULL {leaf}")
        sql(f"ALTER TABLE {leaf} SET TABLESPACE small")
    fill(small_disk)
    said = len(rig.log_of(program))
    remind(2, times=120)
    wait_until(lambda: "No space left on device" in rig.log_of(program)[said:], 30, "it is full")
    occurrences = Occurrence.objects.filter(reminder__channels__address=receiver.url)
    if program == "dispatch":
        assert (occurrences.count(), deliveries(receiver).count()) == (0, 0)
    small_disk.unlink()
    assert all_came_once(receiver, 120)


@pytest.fixture
def set_clock(rig, tmp_path):
    """Return a function that sets the clock of FOAM's processes, in seconds off the real one."""
    compiler = shutil.which("cc")
    if not compiler or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux and a C compiler")
    source, library = Path(__file__).with_name("clock.c"), tmp_path / "clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", source, "-o", library, "-ldl"], check=True)
    hand = tmp_path / "hand"
    hand.write_text("0")
    before = dict(rig.env)
    rig.env |= {"LD_PRELOAD": str(library), "CLOCK_HAND": str(hand)}
    start_anew(rig)

    def set_clock(seconds):
        write_private(hand, str(seconds))

    yield set_clock
    rig.env = before
    start_anew(rig)


def start_anew(rig):
    for name in PROGRAMS:
        rig.kill(name)
        rig.start_again(name)


def ticks_by(seconds):
    at = Heartbeat.objects.get(name="tick").at
    return abs(at - timezone.now() - timedelta(seconds=seconds)) < timedelta(minutes=1)


def test_clock_that_jumps_under_a_running_foam_is_followed(rig, remind, receiver, set_clock):
    arrived = count(1)
    for seconds in (0, 3 * 3600, 0, -600, 0):
        set_clock(seconds)
        # What fires before that fires by the old clock.
        wait_until(lambda by=seconds: ticks_by(by), 30, "it ticks by the new clock")
        remind(2, clock=seconds)
        receiver.wait_for(next(arrived), timeout=30)
    assert list(ids(receiver).values()) == [1] * 5
    assert "the clock was set back" in rig.log_of("beat")
