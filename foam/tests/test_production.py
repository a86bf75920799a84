"""What users run: production's own commands, on an empty database, until a reminder has arrived.

With FOAM_TEST_IMAGE=1 the steps of the Dockerfile are done first, in a clean folder, and what comes
of them is what runs.
"""

import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from foam.stack.folder import Folder
from foam.stack.processes import Signals, stop
from foam.stack.servers import Postgres
from foam.tests import image as images
from foam.tests.production import Installation, new_database, secret_variables
from notifications.tests.receivers import HttpReceiver, Meet

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


@pytest.fixture(scope="module")
def installation(image, server, tmp_path_factory) -> Iterator[Installation]:
    """All services, up and healthy, on a database that was empty."""
    variables = {
        **secret_variables(),
        "FOAM_ALLOWED_PRIVATE_NETWORKS": "127.0.0.0/8",
        "FOAM_WEBHOOK_PORTS": "80,443,1024-65535",
        "WEB_CONCURRENCY": "1",
        "FOAM_WORKER_CONCURRENCY": "2",
    }
    with new_database(server) as database:
        servers = {
            "DATABASE_URL": database,
            "REDIS_URL": os.environ["REDIS_URL"],
            "FOAM_REDIS_PREFIX": f"production-{time.monotonic_ns()}:",
        }
        folder = tmp_path_factory.mktemp("production")
        with Installation(image, variables, servers, folder) as installation:
            installation.up()
            yield installation


class Api:
    """A program with a token, made as docs/deployment.md tells."""

    def __init__(self, installation: Installation) -> None:
        self.url = installation.url
        self.token = installation.manage("createtoken", "ada")

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def api(installation) -> Api:
    installation.manage(
        *("createsuperuser", "--no-input", "--username", "ada", "--email", "ada@example.com"),
        DJANGO_SUPERUSER_PASSWORD="enigma-1843",
    )
    return Api(installation)


def test_new_installation_delivers_a_reminder_over_a_webhook(installation, api):
    with HttpReceiver() as receiver:
        receiver.default = Meet()
        hook = {"kind": "webhook", "name": "Hook", "address": receiver.url}
        channel = api.ask("POST", "channels/", hook)
        assert api.ask("POST", f"channels/{channel['id']}/verify/", {})["is_verified"]
        due = (datetime.now(UTC) + timedelta(seconds=2)).isoformat(timespec="seconds")
        wish = {"title": "First", "starts_at": due, "channels": [channel["id"]]}
        reminder = api.ask("POST", "reminders/", wish)
        last = receiver.wait_for(2)[-1]
    assert json.loads(last.body)["data"]["reminder_id"] == reminder["id"]
    installation.manage("ledger")
