"""P1, P2, P3: web, worker and beat that are told to end, as an upgrade does, drop nothing."""

import http.client
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
import yaml
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import ApiToken
from foam.tests import processes
from notifications.models import Channel, Delivery
from notifications.outbox.lease import LEASE
from notifications.outbox.post import Post, post_messages
from notifications.tests.receivers import Hold, HttpReceiver

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
]

COMPOSE = yaml.safe_load((processes.PROJECT / "docker-compose.yml").read_text())["services"]
HELD_UP = """
SELECT count(*) FROM pg_locks WHERE NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def held_up():
    with connection.cursor() as cursor:
        cursor.execute(HELD_UP)
        return cursor.fetchone()[0]


# Web


@pytest.fixture
def web(user, tmp_path):
    """Gunicorn as run.sh starts it, with two workers; it is left to the test to end it."""
    port = processes.free_port()
    words = [
        "gunicorn",
        "--config",
        "foam/processes/gunicorn_conf.py",
        "--bind",
        f"127.0.0.1:{port}",
    ]
    env = processes.environment(WEB_CONCURRENCY="2")
    log = tmp_path / "web.log"
    with processes.running([*words, "foam.wsgi:application"], env, log) as process:
        process.log, process.port = log, port
        processes.wait_until(
            lambda: processes.answers(f"http://127.0.0.1:{port}/healthz"), 60, "web answers"
        )
        processes.wait_until(lambda: len(workers_of(process)) == 2, 30, "it has two workers")
        yield process
    assert "Traceback" not in log.read_text()


def workers_of(process):
    return psutil.Process(process.pid).children()


@pytest.fixture
def ask(web, user):
    """Return a function that asks `web` for the reminders on a connection of its own."""
    _, secret = ApiToken.issue(user, "test")

    def ask(_=None):
        client = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
        client.request("GET", "/api/v1/reminders/", headers={"Authorization": f"Bearer {secret}"})
        answer = client.getresponse()
        answer.read()
        client.close()
        return answer.status

    return ask


def is_refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_web_that_is_told_to_end_answers_what_is_under_way_and_refuses_others(web, ask):
    with ThreadPoolExecutor(12) as threads:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE reminders_reminder IN ACCESS EXCLUSIVE MODE")
            asked = [threads.submit(ask) for _ in range(12)]
            # Each worker has four threads; who is not yet their business waits for one.
            processes.wait_until(lambda: held_up() >= 4, 30, "requests are under way")
            web.send_signal(signal.SIGTERM)
            processes.wait_until(lambda: is_refused(web.port), 30, "it takes nobody in")
            assert not any(each.done() for each in asked)
        assert [each.result() for each in asked] == [200] * 12
    assert web.wait(30) == 0


def test_web_that_is_told_to_end_serves_whoever_had_connected_and_waits_in_the_queue(web, ask):
    workers = workers_of(web)
    for each in workers:
        each.suspend()
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(ask) for _ in range(8)]
        processes.wait_until(lambda: waiting_at(web.port) == 8, 30, "they are connected")
        web.send_signal(signal.SIGTERM)
        processes.wait_until(lambda: b"signal: term" in web.log.read_bytes(), 30, "it was told")
        for each in workers:
            each.resume()
        assert [each.result() for each in asked] == [200] * 8
    assert web.wait(30) == 0


def waiting_at(port):
    """Return how many of its clients' connections the kernel has made."""
    return sum(
        each.status == psutil.CONN_ESTABLISHED and each.raddr and each.raddr.port == port
        for each in psutil.Process().net_connections("tcp")
    )


GUNICORN = (
    'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" -m gunicorn --config foam/processes/gunicorn_conf.py '
    "foam.wsgi:application"
)


@contextmanager
def on_socket(held, log):
    """Web as systemd starts it, with a socket that is not its own."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["sh", "-c", GUNICORN, sys.executable],
            cwd=processes.PROJECT,
            env=processes.environment(WEB_CONCURRENCY="2"),
            stdout=output,
            stderr=output,
            pass_fds=[3],
            preexec_fn=lambda: os.dup2(held.fileno(), 3),
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)
    assert "Traceback" not in log.read_text()


def test_web_that_is_told_to_end_before_its_workers_have_begun_does_so(db, tmp_path):
    log = tmp_path / "web.log"
    with socket.create_server(("127.0.0.1", 0)) as held, on_socket(held, log) as web:
        processes.wait_until(lambda: b"Booting worker" in log.read_bytes(), 60, "it begins")
        web.send_signal(signal.SIGTERM)
        assert web.wait(30) == 0


def test_web_that_is_replaced_under_a_socket_of_systemds_cuts_and_refuses_nobody(db, tmp_path):
    answers = []
    is_over = threading.Event()

    def load(port):
        while not is_over.is_set():
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                client.request("GET", "/healthz")
                answers.append(client.getresponse().status)
            except OSError as error:
                answers.append(repr(error))
            client.close()

    def wait_for_more():
        enough = len(answers) + 50
        processes.wait_until(lambda: len(answers) >= enough, 60, "it answers")

    with socket.create_server(("127.0.0.1", 0), backlog=128) as held, ExitStack() as exits:
        port = held.getsockname()[1]
        first = exits.enter_context(on_socket(held, tmp_path / "first.log"))
        threads = [threading.Thread(target=load, args=[port]) for _ in range(6)]
        for each in threads:
            each.start()
        exits.callback(lambda: [is_over.set(), *(each.join() for each in threads)])
        wait_for_more()
        first.send_signal(signal.SIGTERM)
        assert first.wait(30) == 0
        exits.enter_context(on_socket(held, tmp_path / "second.log"))
        wait_for_more()
        is_over.set()
        for each in threads:
            each.join()
    assert set(answers) == {200}


# Worker


@pytest.fixture
def receiver():
    with HttpReceiver() as receiver:
        receiver.default = Hold()
        yield receiver
        receiver.release()


@pytest.fixture
def queued(user, receiver):
    """Two hundred messages to one receiver, of which only some are begun at once."""
    now = timezone.now()
    channel = Channel(
        owner=user, kind="webhook", name="Hook", address=receiver.url, verified_at=now
    )
    channel.store()
    posts = [Post(channel.pk, f"test:{n}", "Hello", "", now) for n in range(200)]
    with transaction.atomic():
        post_messages(posts, now)


def statuses():
    return Counter(Delivery.objects.exclude_system().values_list("status", flat=True))


def wake(env):
    """Wake deliverers as a process of FOAM's with this environment does."""
    words = ["-m", "django", "shell", "-v", "0", "-c"]
    code = "from notifications.outbox.queue import wake_workers; wake_workers()"
    subprocess.run([sys.executable, *words, code], env=env, cwd=processes.PROJECT, check=True)


def deliver_worker(tmp_path, env, name):
    words = [*processes.worker(name), "--queues", "deliver"]
    return processes.running(words, env, tmp_path / f"{name}.log")


def test_worker_that_is_told_to_end_records_what_it_began_and_gives_the_rest_back(
    queued, receiver, tmp_path
):
    env = processes.environment()
    with deliver_worker(tmp_path, env, "first") as worker:
        wake(env)
        receiver.wait_for(1, timeout=60)
        worker.send_signal(signal.SIGTERM)
        processes.wait_until(
            lambda: statuses()["sending"] == len(receiver.requests), 30, "what waits is given back"
        )
        begun = len(receiver.requests)
        assert worker.poll() is None
        receiver.release()
        assert worker.wait(30) == 0
    assert 0 < begun < 200
    assert statuses() == {"sent": begun, "queued": 200 - begun}
    with deliver_worker(tmp_path, env, "second"):
        # As each tick does: the first one's own wake-up may have gone with it.
        wake(env)
        receiver.wait_for(200, timeout=30)
        processes.wait_until(lambda: statuses() == {"sent": 200}, 30, "all is recorded")
    ids = Counter(request.headers["webhook-id"] for request in receiver.requests)
    assert sorted(ids.values()) == [1] * 200


def test_compose_worker_service_ends_both_its_workers_when_docker_stops_it(db, tmp_path):
    script = COMPOSE["foam_celery_worker"]["command"][-1].replace("$$", "$")
    script = re.sub(r"\${FOAM_WORKER_CONCURRENCY:-\d}", "1", script)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = processes.environment(LOG_LEVEL="INFO", PATH=path)
    log = tmp_path / "service.log"
    with log.open("wb") as output:
        service = subprocess.Popen(
            ["bash", "-c", script],
            cwd=processes.PROJECT,
            env=env,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        processes.wait_until(lambda: log.read_text().count(" ready.") == 2, 60, "both work")
        service.send_signal(signal.SIGTERM)
        service.wait(30)
    finally:
        if service.poll() is None:
            os.killpg(service.pid, signal.SIGKILL)
    said = log.read_text()
    assert said.count("Warm shutdown") == 2
    assert "Traceback" not in said


# Beat, and how long each is given


def test_beat_that_is_told_to_end_does_so_at_once(transactional_db, beat_rows, tmp_path):
    log = tmp_path / "beat.log"
    env = processes.environment()
    prefix = env["FOAM_REDIS_PREFIX"]
    broker = redis.Redis.from_url(env["REDIS_URL"])
    with broker, processes.running(processes.beat(), env, log) as beat:
        processes.wait_until(lambda: broker.llen(f"{prefix}dispatch"), 60, "it beats")
        beat.send_signal(signal.SIGTERM)
        assert beat.wait(10) == 0
    assert b"Traceback" not in log.read_bytes()


def test_beat_that_is_told_to_end_while_it_waits_for_the_database_does_so_when_that_answers(
    transactional_db, beat_rows, tmp_path
):
    log = tmp_path / "beat.log"
    env = processes.environment()
    prefix = env["FOAM_REDIS_PREFIX"]
    broker = redis.Redis.from_url(env["REDIS_URL"])
    with broker, processes.running(processes.beat(), env, log) as beat:
        processes.wait_until(lambda: broker.llen(f"{prefix}dispatch") > 2, 60, "it beats")
        with psycopg.connect(env["DATABASE_URL"]) as session:
            tables = "django_celery_beat_periodictasks, django_celery_beat_periodictask"
            session.execute(f"LOCK TABLE {tables}")
            processes.wait_until(is_held_up, 10, "beat waits for a lock")
            beat.send_signal(signal.SIGTERM)
        assert beat.wait(10) == 0
    assert b"Traceback" not in log.read_bytes()


def is_held_up():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


def seconds(duration):
    number, unit = re.fullmatch(r"(\d+)(s|m)", duration).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def test_docker_waits_for_longer_than_a_request_or_a_round_may_take():
    gunicorn = runpy.run_path(str(processes.PROJECT / "foam" / "processes" / "gunicorn_conf.py"))
    grace = {name: seconds(each.get("stop_grace_period", "10s")) for name, each in COMPOSE.items()}
    assert grace["foam_web"] > gunicorn["graceful_timeout"]
    # A round begins nothing more once it is told to end, and gives up what it began 20 s later.
    assert grace["foam_celery_worker"] > 20 + timedelta(seconds=5).total_seconds()
    assert grace["foam_celery_worker"] <= LEASE.total_seconds() + 60


def test_proxy_closes_an_idle_connection_before_web_does():
    gunicorn = runpy.run_path(str(processes.PROJECT / "foam" / "processes" / "gunicorn_conf.py"))
    # Caddy's two minutes are the longest among those that the documentation names.
    assert gunicorn["keepalive"] > 120
