"""P1, P2, P3: FOAM on two machines, one of which drops off the network and comes back.

The machines are network namespaces of this one, with a cable each to the PostgreSQL and the Redis
in the middle. On each there are a worker and a beat.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from foam.tests import processes
from foam.tests.faults.test_faults import in_the_database_of
from notifications.models import Channel, Delivery
from notifications.tests.receivers import Hold, HttpReceiver, Reply
from reminders.models import Occurrence, Reminder
from tools.local_stack import servers
from tools.testbed.testbed import Rig

MANY = 20
# The shortest that there is.
LEASE = 50


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


# Distinct for each run: one that was killed leaves its namespaces behind.
RUN = os.getpid() % 250 + 1
MIDDLE = f"10.203.{RUN}.1"


class Host:
    """A machine with a cable to the one in the middle, which is MIDDLE to all of them."""

    def __init__(self, number, exits):
        self.name, self.cable = f"foam{RUN}h{number}", f"foam{RUN}v{number}"
        near, far = (f"10.{203 + number}.{RUN}.{end}" for end in (1, 2))
        ip("netns", "add", self.name)
        exits.callback(ip, "netns", "delete", self.name)
        ip("link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("address", "add", f"{near}/30", "dev", self.cable)
        ip("link", "set", self.cable, "up")
        ip("-n", self.name, "address", "add", f"{far}/30", "dev", "eth0")
        ip("-n", self.name, "link", "set", "eth0", "up")
        ip("-n", self.name, "link", "set", "lo", "up")
        ip("-n", self.name, "route", "add", "default", "via", near)

    def cut(self):
        ip("link", "set", self.cable, "down")

    def mend(self):
        ip("link", "set", self.cable, "up")

    def start(self, words, env, log, exits):
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.name, sys.executable, "-m", *words],
                cwd=processes.PROJECT,
                env=env,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=processes.die_with_parent(9),
            )
        exits.callback(end, process)


def end(process):
    os.killpg(process.pid, 9)
    process.wait()


@pytest.fixture
def hosts():
    if not os.environ.get("FOAM_TEST_HOSTS"):
        pytest.skip("takes a minute and a half: FOAM_TEST_HOSTS=1 has it run, as .ci/run does")
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("network namespaces need root and iproute2")
    with ExitStack() as exits:
        try:
            ip("address", "add", f"{MIDDLE}/32", "dev", "lo")
            exits.callback(ip, "address", "delete", f"{MIDDLE}/32", "dev", "lo")
            made = [Host(number, exits) for number in (1, 2)]
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
        yield made


@pytest.fixture
def rig(hosts, transactional_db, monkeypatch, settings):
    """Servers that listen to both machines as well."""
    settings.FOAM_ALLOWED_PRIVATE_NETWORKS = ["10.0.0.0/8:*"]
    own = servers.HOST
    launch, launch_redis = servers.Postgres.launch, servers.Redis.launch

    def everywhere(self, binaries, port):
        rules = self.data / "pg_hba.conf"
        if "10.0.0.0/8" not in rules.read_text():
            rules.write_text(rules.read_text() + "host all all 10.0.0.0/8 scram-sha-256\n")
        with monkeypatch.context() as patch:
            patch.setattr(servers, "HOST", f"{own},{MIDDLE}")
            return launch(self, binaries, port)

    def redis_everywhere(self, binary, port):
        with monkeypatch.context() as patch:
            patch.setattr(servers, "HOST", f"{own} {MIDDLE}")
            return launch_redis(self, binary, port)

    monkeypatch.setattr(servers.Postgres, "launch", everywhere)
    monkeypatch.setattr(servers.Redis, "launch", redis_everywhere)
    env = {
        "FOAM_ENCRYPTION_KEYS": ",".join(settings.FOAM_ENCRYPTION_KEYS),
        "FOAM_LEASE_SECONDS": str(LEASE),
        "FOAM_ALLOWED_PRIVATE_NETWORKS": "10.0.0.0/8:*",
    }
    with Rig(settings=env) as rig:
        yield rig


class Receiver(HttpReceiver):
    """In the middle, where both machines reach it."""

    @property
    def url(self):
        return f"http://{MIDDLE}:{self.port}/hook"

    async def _listen(self):
        self._released = asyncio.Event()
        return await asyncio.start_server(self._connected, MIDDLE, 0)


@pytest.fixture
def receiver(hosts):
    with Receiver() as receiver:
        yield receiver
        receiver.release()


@pytest.fixture
def foam(rig, hosts, tmp_path):
    """A worker and a beat on each machine."""
    env = dict(rig.env)
    for name in ("DATABASE_URL", "REDIS_URL"):
        env[name] = env[name].replace(servers.HOST, MIDDLE)
    with ExitStack() as exits, in_the_database_of(rig):
        for host in hosts:
            log = tmp_path / f"{host.name}.log"
            host.start(processes.worker(host.name), env, log, exits)
            host.start(processes.beat(), env, tmp_path / f"{host.name}-beat.log", exits)
        for host in hosts:
            log = tmp_path / f"{host.name}.log"
            processes.wait_until(lambda log=log: b" ready." in log.read_bytes(), 60, "it works")
        yield


def store(receiver, many, seconds):
    now = timezone.now()
    user, _ = User.objects.get_or_create(username="ada", email="ada@example.com")
    for number in range(many):
        channel = Channel(
            owner=user,
            kind="webhook",
            name="Hook",
            address=f"{receiver.url}/{seconds}/{number}",
            verified_at=now,
        )
        channel.store()
        reminder = Reminder(owner=user, title="Stand-up", timezone="UTC")
        reminder.starts_at = (now + timedelta(seconds=seconds)).replace(microsecond=0, tzinfo=None)
        reminder.store(now, [channel])


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_machine_that_is_cut_off_loses_nothing_and_nothing_comes_twice_under_two_ids(
    rig, foam, hosts, receiver
):
    first, second = hosts
    users = Delivery.objects.exclude_system()
    receiver.default = Hold()
    second.cut()
    store(receiver, MANY, seconds=3)
    # The first has taken all of them, and waits for answers, when its cable is pulled.
    processes.wait_until(lambda: users.filter(status="sending").count() == MANY, 60, "it sends")
    receiver.wait_for(1)
    first.cut()
    second.mend()
    receiver.default = Reply()
    receiver.release()
    # The other takes over what the first had taken, when its lease has run out.
    processes.wait_until(lambda: not users.unfinished().exists(), LEASE + 60, "all is recorded")
    first.mend()

    # And the first is there again when the second goes.
    second.cut()
    store(receiver, 1, seconds=2)
    processes.wait_until(
        lambda: users.filter(status="sent").count() == MANY + 1, 60, "the first works again"
    )
    rig.manage("ledger")
    told = Counter(request.headers["webhook-id"] for request in receiver.requests)
    assert len(told) == MANY + 1
    assert max(told.values()) <= 2
    assert Occurrence.objects.exclude_system().count() == MANY + 1
