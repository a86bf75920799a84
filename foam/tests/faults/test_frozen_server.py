"""P1, P4: the primary's processes are stopped under a running FOAM, and a standby is promoted.

Nobody lends a hand: beat, the workers and web notice, and go on with the server that answers.
"""

import http.client
import json
import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from environ import Env

from accounts.models import ApiToken, User
from foam.tests import postgres
from foam.tests.faults.relay import Relay
from foam.tests.processes import wait_until
from notifications.models import Channel
from notifications.tests.receivers import HttpReceiver
from reminders.models import Plan, Reminder
from tools.local_stack.programs import beat, worker
from tools.testbed.testbed import Rig

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# In which everybody has noticed; the standby is promoted meanwhile.
WITHIN = 60


@contextmanager
def in_the_database_at(url):
    own = connection.settings_dict
    connection.close()
    connection.settings_dict = {**own, **Env.db_url_config(url)}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = own


class Web:
    def __init__(self, port):
        self.port = port

    def ask(self, path, token="", timeout=60):
        """Return the status of an answer, its body, and how long it took."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        began = time.monotonic()
        try:
            client.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            answer = client.getresponse()
            return answer.status, answer.read(), time.monotonic() - began
        finally:
            client.close()

    def is_up(self):
        try:
            return self.ask("/healthz", timeout=2)[0] == 200
        except OSError:
            return False


@pytest.fixture
def receiver():
    with HttpReceiver() as receiver:
        yield receiver


def remind(receiver):
    """Store a reminder of each second of the next minutes."""
    now = timezone.now()
    user = User.objects.create_user("ada", "ada@example.com", timezone="UTC")
    channel = Channel(
        owner=user, kind="webhook", name="Hook", address=receiver.url, verified_at=now
    )
    channel.store()
    for second in range(1, 240):
        reminder = Reminder(
            owner=user, title=f"No. {second}", timezone="UTC", grace=timedelta(hours=1)
        )
        at = (now + timedelta(seconds=second)).replace(microsecond=0, tzinfo=None)
        reminder.starts_at = at
        reminder.store(now, [channel])
    return ApiToken.issue(user, "test")[1]


@pytest.fixture
def pair():
    """A rig, and a standby that follows its PostgreSQL."""
    keys = {"FOAM_ENCRYPTION_KEYS": ",".join(settings.FOAM_ENCRYPTION_KEYS)}
    with Rig(settings=keys) as rig, ExitStack() as exits:
        follower = postgres.Standby(rig.folder, rig.url("postgres"))
        child, url = follower.start(rig.signals)
        exits.callback(postgres.end, child, rig.signals)
        exits.callback(postgres.thaw, rig.pids()["postgres"])
        yield rig, follower, follower.url(urlsplit(url).port)


@pytest.fixture
def start(pair, receiver):
    """Return a function that starts FOAM with a DATABASE_URL, and waits until it delivers."""
    rig, _, _ = pair

    def start(url):
        web = [
            "-m",
            "gunicorn",
            "--config",
            "foam/processes/gunicorn_conf.py",
            "foam.wsgi:application",
        ]
        web += ["--bind", f"127.0.0.1:{rig.port}", "--workers", "1"]
        for name, words in {
            "web": web,
            "dispatch": worker("dispatch", 1),
            "deliver": worker("deliver", 2),
            "beat": beat(),
        }.items():
            rig.start(name, words, {"DATABASE_URL": url})
        wait_until(Web(rig.port).is_up, 60, "web answers")
        with in_the_database_at(rig.url("postgres")):
            token = remind(receiver)
        receiver.wait_for(3, timeout=60)
        return Web(rig.port), token

    return start


def test_sessions_that_stay_with_a_standby_cost_seconds(pair, start, receiver):
    rig, _, standby = pair
    primary = urlsplit(rig.url("postgres"))
    with Relay(("127.0.0.1", primary.port)) as relay:
        login = primary.netloc.rpartition("@")[0]
        web, _ = start(primary._replace(netloc=f"{login}@127.0.0.1:{relay.port}").geturl())
        # For a while the address leads to a server that takes no writes.
        relay.target = ("127.0.0.1", urlsplit(standby).port)
        with in_the_database_at(rig.url("postgres")), connection.cursor() as cursor:
            cursor.execute(SESSIONS)
        rig.wait_for_words("dispatch", "the session is closed sqlstate=25006", 30)
        # What is open stays with that one.
        relay.target = ("127.0.0.1", primary.port)
        before = len(receiver.requests)
        wait_until(lambda: len(receiver.requests) > before, 15, "the next is delivered")
        wait_until(lambda: web.ask("/readyz")[0] == 200, 60, "web is ready")
    assert rig.ended() == {}


def test_server_that_is_frozen_costs_less_than_a_minute_and_no_hand(pair, start, receiver, capsys):
    rig, follower, standby = pair
    both = postgres.Pair(standby, rig.url("postgres"), follower).both
    web, token = start(f"{both}?target_session_attrs=read-write")
    postgres.freeze(rig.pids()["postgres"])
    frozen_at = time.monotonic()
    # More requests than web has threads.
    threads = [
        threading.Thread(target=web.ask, args=["/api/v1/reminders/", token]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    slowest = 0.0
    while time.monotonic() - frozen_at < 12:
        status, _, took = web.ask("/healthz", timeout=10)
        assert status == 200
        status, body, ready_took = web.ask("/readyz", timeout=10)
        assert (status, json.loads(body)["database"]) == (503, "The database does not answer.")
        slowest = max(slowest, took)
        assert took < 2
        assert ready_took < 8
        time.sleep(0.5)
    follower.promote()
    promoted_at, before = time.monotonic(), len(receiver.requests)
    wait_until(lambda: len(receiver.requests) > before, WITHIN, "the next is delivered")
    resumed = time.monotonic()
    for thread in threads:
        thread.join()
    wait_until(lambda: web.ask("/readyz")[0] == 200, WITHIN, "web is ready")
    ready = time.monotonic()
    with capsys.disabled():
        import shutil

        shutil.copytree(rig.folder.log, "/tmp/hang/logs", dirs_exist_ok=True)
        print(
            f"\nfrozen to delivery {resumed - frozen_at:.1f} s, promoted to delivery "
            f"{resumed - promoted_at:.1f} s, frozen to ready {ready - frozen_at:.1f} s, "
            f"healthz at most {slowest:.2f} s"
        )
    assert resumed - frozen_at < WITHIN
    assert rig.ended() == {}
    with in_the_database_at(standby):
        wait_until(lambda: is_up_to_date(receiver), 60, "all that was due has arrived")


def is_up_to_date(receiver):
    due = Plan.objects.filter(next_fire_at__lt=timezone.now() - timedelta(seconds=3))
    came = {request.headers["webhook-id"] for request in receiver.requests}
    return not due.exists() and len(came) >= Plan.objects.filter(status="finished").count()
