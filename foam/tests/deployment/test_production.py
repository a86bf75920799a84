"""What users run: production's own commands, on an empty database, until a reminder has arrived.

With FOAM_TEST_IMAGE=1 the steps of the Dockerfile are done first, in a clean folder, and what comes
of them is what runs.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from foam.tests.deployment import image as images
from foam.tests.deployment.production import (
    BEAT,
    WEB,
    WORKER,
    Installation,
    new_database,
    secret_variables,
)
from foam.tests.deployment.test_upgrade import commits_before, lay_out, loopback_of
from foam.tests.processes import wait_until
from notifications.tests.receivers import HttpReceiver, Meet, Request
from tools.local_stack.data_dir import Folder
from tools.local_stack.processes import Signals, stop
from tools.local_stack.servers import Postgres

pytestmark = pytest.mark.e2e

INSTALLED = Path("/usr/lib/postgresql")
OLDEST = 15


class Postgres15(Postgres):
    """The oldest that FOAM takes, as Debian packs it."""

    name = "PostgreSQL 15"
    locale = ("--locale=C",)

    def binaries(self) -> Path:
        return INSTALLED / str(OLDEST) / "bin"


@pytest.fixture(scope="module")
def image() -> Iterator[images.Image]:
    if os.environ.get("FOAM_TEST_IMAGE"):
        with images.built() as image:
            yield image
    else:
        yield images.checkout()


@pytest.fixture(scope="module", params=["18", "15"])
def server(request) -> Iterator[str]:
    """The address of a PostgreSQL: the one of the tests, and the oldest that will do."""
    if request.param == "18":
        yield os.environ["DATABASE_URL"]
        return
    if not (INSTALLED / request.param / "bin" / "initdb").exists():
        pytest.skip("no PostgreSQL 15 here: apt-get install postgresql-15")
    handlers = {number: signal.getsignal(number) for number in (1, 2, 15)}
    signals = Signals()
    folder = Folder.ephemeral()
    child, url = Postgres15(folder, ephemeral=True).start(signals)
    yield url
    stop(child, signals, 10)
    folder.remove()
    for number, handler in handlers.items():
        signal.signal(number, handler)


def variables(**extra: str) -> dict[str, str]:
    """Return what stands in .env."""
    return {
        **secret_variables(),
        "FOAM_ALLOWED_PRIVATE_NETWORKS": "127.0.0.0/8:*",
        "FOAM_PRIVATE_NETWORKS_FOR": "everybody",
        "WEB_CONCURRENCY": "1",
        "FOAM_WORKER_CONCURRENCY": "2",
        **extra,
    }


def servers(database: str) -> dict[str, str]:
    """Return the addresses of the servers, and a place of its own in Redis."""
    return {
        "DATABASE_URL": database,
        "REDIS_URL": os.environ["REDIS_URL"],
        "FOAM_REDIS_PREFIX": f"production-{time.monotonic_ns()}:",
    }


@pytest.fixture(scope="module")
def installation(image, server, tmp_path_factory) -> Iterator[Installation]:
    """All services, up and healthy, on a database that was empty."""
    folder = tmp_path_factory.mktemp("production")
    settings = variables(FOAM_WEBHOOK_PORTS="80,443,1024-65535")
    with (
        new_database(server) as database,
        Installation(image, settings, servers(database), folder) as installation,
    ):
        installation.up()
        yield installation


class Api:
    """A program with a token, made as docs/deployment.md tells."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token

    @classmethod
    def of_new_user(cls, installation: Installation) -> "Api":
        installation.manage(
            *("createsuperuser", "--no-input", "--username", "ada", "--email", "ada@example.com"),
            DJANGO_SUPERUSER_PASSWORD="enigma-1843",
        )
        return cls(installation.url, installation.manage("createtoken", "ada"))

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.url}/api/v1/{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def hook(self, receiver: HttpReceiver) -> int:
        """Return a channel that leads to a receiver, which has met its challenge."""
        wish = {"kind": "webhook", "name": "Hook", "address": receiver.url}
        channel = self.ask("POST", "channels/", wish)["id"]
        assert self.ask("POST", f"channels/{channel}/verify/", {})["is_verified"]
        return channel

    def remind(self, channel: int, seconds: float) -> int:
        """Make a reminder that is due after so many seconds, and return its id."""
        due = datetime.now(UTC) + timedelta(seconds=seconds)
        wish = {"title": "Stand-up", "starts_at": due.isoformat(), "channels": [channel]}
        return self.ask("POST", "reminders/", wish)["id"]


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        receiver.default = Meet()
        yield receiver


def reminders_of(requests: list[Request]) -> list[int]:
    """Return the reminders that have arrived; a challenge is of none."""
    bodies = [json.loads(request.body)["data"] for request in requests]
    return [body["reminder_id"] for body in bodies if body.get("reminder_id")]


def test_new_installation_delivers_a_reminder_over_a_webhook(installation, receiver):
    api = Api.of_new_user(installation)
    reminder = api.remind(api.hook(receiver), seconds=2)
    assert reminders_of(receiver.wait_for(2)) == [reminder]
    installation.manage("ledger")
    with urllib.request.urlopen(f"{installation.url}/readyz", timeout=10) as answer:
        assert answer.status == 200


def test_health_checks_of_worker_and_beat_take_a_tenth_of_a_second(installation):
    for name in (WORKER, BEAT):
        took = []
        for _ in range(5):
            began = time.monotonic()
            assert installation.is_healthy(name)
            took.append(time.monotonic() - began)
        assert min(took) < 0.1, name


@pytest.mark.parametrize(
    ("name", "node"), [(WORKER, "dispatch"), (WORKER, "deliver"), (BEAT, "beat")]
)
def test_health_check_sees_a_node_that_hangs(installation, name, node):
    service = psutil.Process(installation.processes[name].pid)
    processes = [service, *service.children()]
    [hung] = [each for each in processes if f"--hostname={node}@%h" in each.cmdline()]
    [file] = (installation.tmp_of(name) / "alive").glob(f"{node}@*")
    hung.suspend()
    try:
        # As it is when it has hung for that long.
        long_ago = time.time() - 130
        os.utime(file, (long_ago, long_ago))
        assert not installation.is_healthy(name)
    finally:
        hung.resume()
    wait_until(lambda: installation.is_healthy(name), 30, f"{node} is healthy again")


def test_every_service_ends_within_its_grace_when_it_is_told(installation):
    codes = {name: installation.stop(name) for name in (WORKER, BEAT, WEB)}
    assert codes == {WORKER: 0, BEAT: 0, WEB: 0}


# The same as an upgrade

PEOPLE = """
from accounts.models import User
User.objects.bulk_create(
    User(username=f"user{n}", email=f"user{n}@example.com") for n in range(3000)
)
"""
FLOW = 60


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    """The newest tree that lacks a migration, and whose own migrations are in one line."""
    folder = tmp_path_factory.mktemp("releases")
    for number, commit in enumerate(commits_before()):
        tree = lay_out(commit, folder / str(number))
        words = [sys.executable, "manage.py", "migrate", "--plan"]
        env = {**os.environ, "FOAM_ALLOWED_PRIVATE_NETWORKS": loopback_of(tree)}
        if not subprocess.run(
            words, cwd=tree, env=env, capture_output=True, check=False
        ).returncode:
            return tree
    pytest.skip("none of the last releases with other migrations can be installed")


@pytest.fixture
def former(release, server, tmp_path) -> Iterator[Installation]:
    """The release before, at work, on a database of its own with people in it."""
    checkout = images.checkout()
    image = images.Image(release, checkout.env, checkout.command)
    folder = tmp_path / "former"
    folder.mkdir()
    file = release / "docker-compose.yml"
    with (
        new_database(server) as database,
        Installation(
            image,
            variables(FOAM_ALLOWED_PRIVATE_NETWORKS=loopback_of(release)),
            servers(database),
            folder,
            file=file,
        ) as installation,
    ):
        # A release could not always make an empty database by its own run.sh.
        installation.manage("migrate", "--no-input")
        installation.manage("shell", "--verbosity", "0", "-c", PEOPLE)
        installation.start(WEB)
        installation.wait_until_healthy(WEB)
        for name in (WORKER, BEAT):
            installation.start(name)
        yield installation


@pytest.mark.parametrize("server", ["18"], indirect=True)
def test_upgrade_at_work_loses_nothing_and_sends_nothing_twice(former, image, receiver, tmp_path):
    api = Api.of_new_user(former)
    channel = api.hook(receiver)
    reminders = [api.remind(channel, 2 + number / 2) for number in range(FLOW)]
    receiver.wait_for(5, timeout=60)
    same = {**former.variables, "FOAM_ALLOWED_PRIVATE_NETWORKS": "127.0.0.0/8:*"}
    with Installation(image, same, former.servers, tmp_path) as new:
        new.up()
        for name in (WORKER, BEAT, WEB):
            former.stop(name)
        reminders.append(Api(new.url, api.token).remind(channel, seconds=1))
        arrived = reminders_of(receiver.wait_for(1 + len(reminders), timeout=90))
        assert sorted(arrived) == reminders
        new.manage("ledger")
        assert len(reminders_of(receiver.requests)) == len(reminders)
