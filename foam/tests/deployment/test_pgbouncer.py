"""FOAM behind PgBouncer in transaction mode: each transaction may have another session."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import ApiToken
from foam.tests import processes
from foam.tests.deployment.test_deployment import PRODUCTION, load, production  # noqa: F401
from notifications.models import Channel, Delivery
from notifications.tests.receivers import HttpReceiver
from tools.local_stack.data_dir import server_user

POOL = 4
MANY = 30
CONFIG = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = {pool}
max_client_conn = 200
"""
SESSIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# Of this database: others are at work in theirs.
LOCKS = """
SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE locktype = 'advisory' AND datname = current_database()
"""


def one(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


@pytest.fixture
def bouncer(transactional_db, tmp_path_factory):
    """A PgBouncer in front of the test database; return the environment of processes behind it."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if not program:
        pytest.skip("no pgbouncer here: apt-get install pgbouncer")
    env = processes.environment(FOAM_PGBOUNCER="true")
    database = urlsplit(env["DATABASE_URL"])
    own, user = processes.free_port(), server_user()
    folder = tmp_path_factory.mktemp("pgbouncer")
    (folder / "users.txt").write_text(
        f'"{database.username}" "{unquote(database.password or "")}"\n'
    )
    config = folder / "pgbouncer.ini"
    where = {"host": database.hostname, "port": database.port or 5432}
    config.write_text(CONFIG.format(**where, own=own, folder=folder, pool=POOL))
    # It refuses to be root, who hands it an open file instead of a way to it.
    for path in [folder, *folder.iterdir()]:
        if user:
            shutil.chown(path, user["user"], user["group"])
    top = Path(tempfile.gettempdir())
    for path in [each for each in folder.parents if top in each.parents] if user else []:
        path.chmod(path.stat().st_mode | 0o011)
    process = subprocess.Popen(
        [program, "--quiet", config], stderr=subprocess.DEVNULL, cwd="/", **user
    )
    netloc = database.netloc.rpartition("@")[0] + f"@127.0.0.1:{own}"
    env["DATABASE_URL"] = database._replace(netloc=netloc).geturl()
    try:
        processes.wait_until(lambda: listens(own) or process.poll() is not None, 30, "it listens")
        assert process.poll() is None
        yield env
    finally:
        process.terminate()
        process.wait(10)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def manage(env, *words):
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=processes.PROJECT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_reminders_fire_and_arrive_once_behind_pgbouncer(bouncer, beat_rows, user, tmp_path):
    _, secret = ApiToken.issue(user, "test")
    port = processes.free_port()
    programs = {
        "web": processes.web(port),
        "worker1": processes.worker("worker1"),
        "worker2": processes.worker("worker2"),
        "beat": processes.beat(),
    }
    with HttpReceiver() as receiver, ExitStack() as started:
        channel = Channel(
            owner=user,
            kind="webhook",
            name="Hook",
            address=receiver.url,
            verified_at=timezone.now(),
        )
        channel.store()
        for name, words in programs.items():
            started.enter_context(processes.running(words, bouncer, tmp_path / f"{name}.log"))
        base = f"http://127.0.0.1:{port}"
        processes.wait_until(lambda: processes.answers(f"{base}/healthz"), 60, "web answers")
        at = (timezone.now() + timedelta(seconds=8)).isoformat(timespec="seconds")
        for n in range(MANY):
            wish = {"title": f"No. {n}", "starts_at": at, "channels": [channel.pk]}
            request = urllib.request.Request(
                f"{base}/api/v1/reminders/",
                json.dumps(wish).encode(),
                {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
            )
            urllib.request.urlopen(request, timeout=10).close()
        receiver.wait_for(MANY, timeout=60)
        waiting = Delivery.objects.exclude_system().unfinished()
        processes.wait_until(lambda: not waiting.exists(), 30, "all is recorded")
        assert one(SESSIONS) <= POOL
    ids = Counter(request.headers["webhook-id"] for request in receiver.requests)
    assert sorted(ids.values()) == [1] * MANY
    for log in tmp_path.glob("*.log"):
        assert "Traceback" not in log.read_text()


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "words",
    [
        ["ledger"],
        ["prune"],
        ["after_restore"],
        ["clock_report"],
        ["migrate_once"],
        ["import_reminders", "--owner", "ada", "--format", "crontab", os.devnull],
    ],
    ids=lambda words: words[0],
)
def test_command_works_behind_pgbouncer(bouncer, reminder, words):
    done = manage(bouncer, *words)
    assert done.returncode == 0, done.stderr
    # A lock that outlives its process would have everybody wait who migrates after it.
    assert one(LOCKS) == 0


@pytest.mark.e2e
@pytest.mark.django_db
def test_pgbouncer_refuses_what_foam_tells_a_session_without_the_setting(bouncer):
    done = manage({**bouncer, "FOAM_PGBOUNCER": "false"}, "ledger")
    assert "unsupported startup parameter" in done.stderr


def test_nothing_is_kept_in_a_session_behind_pgbouncer(production, monkeypatch):  # noqa: F811
    monkeypatch.setenv("FOAM_PGBOUNCER", "true")
    database = load()["DATABASES"]["default"]
    assert database["DISABLE_SERVER_SIDE_CURSORS"] is True
    assert not database["OPTIONS"].keys() & {"options", "prepare_threshold"}
    monkeypatch.setenv("FOAM_PGBOUNCER", "false")
    options = load()["DATABASES"]["default"]["OPTIONS"]
    assert "idle_in_transaction" in options["options"]
    assert "prepare_threshold" in options
