"""P4: the broker is chosen by its address alone: Redis, Redis behind Sentinel, RabbitMQ."""

import json
import os
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings as django_settings
from django.utils import timezone

from foam import broker_url
from foam.celery import app
from foam.monitoring import health
from foam.tests import processes
from foam.tests.faults.relay import Relay
from notifications.models import Channel
from notifications.tests.receivers import HttpReceiver
from reminders.models import Heartbeat, Reminder
from tools.local_stack.processes import die_with_parent
from tools.local_stack.servers import find_redis

# Reading an address


def test_redis_is_told_the_prefix_and_when_to_give_up():
    assert broker_url.read("redis://:secret@redis:6379/0", "foam:") == (
        "redis://:secret@redis:6379/0",
        {
            "global_keyprefix": "foam:",
            "ack_emulation": False,
            "socket_connect_timeout": 2,
            "socket_timeout": 10,
        },
        False,
        True,
    )


def test_sentinels_are_told_the_name_of_the_master_and_their_own_password():
    url = "sentinel://:secret@one:26379/0;sentinel://:secret@two:26379/0"
    read = broker_url.read(f"{url}?master_name=foam&sentinel_password=other", "foam:")
    assert read.url == url
    assert read.options["master_name"] == "foam"
    assert read.options["sentinel_kwargs"]["password"] == "other"
    assert read.options["global_keyprefix"] == "foam:"


def test_rabbitmq_is_told_nothing_that_only_redis_understands():
    assert broker_url.read("amqp://foam:secret@rabbit/foam", "foam:") == (
        "amqp://foam:secret@rabbit/foam",
        {},
        False,
        True,
    )


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("memory://", "must begin with"),
        ("redis", "must begin with"),
        ("sqs://key:secret@", "must begin with"),
        ("sentinel://one:26379/0", "master_name"),
        ("sentinel://one:26379/0?master_name=", "master_name"),
        ("sentinel://one:26379/0?master_name=foam&db=1", "master_name"),
        ("rediss://redis/0?ssl_cert_reqs=maybe", "one of required, optional, none"),
        ("rediss://redis/0?ssl_check_hostname=maybe", "true or false"),
        ("rediss://redis/0?ssl_ca_certs=/nowhere/ca.pem", "where there is no file"),
        ("rediss://redis/0?ssl_cacerts=/etc/ssl/ca.pem", "none of ssl_cert_reqs"),
        ("redis://redis/0?ssl_cert_reqs=required", "must begin with rediss"),
        ("amqp://rabbit//?ssl_cert_reqs=required", "must begin with amqps"),
    ],
)
def test_address_of_no_broker_is_refused(address, why):
    with pytest.raises(ValueError, match=why):
        broker_url.read(address, "")


@pytest.mark.parametrize(
    ("query", "told", "is_verified"),
    [
        ("", "ssl_cert_reqs=required", True),
        ("?ssl_cert_reqs=CERT_REQUIRED", "ssl_cert_reqs=required", True),
        ("?health_check_interval=9", "health_check_interval=9&ssl_cert_reqs=required", True),
        ("?ssl_cert_reqs=none", "ssl_cert_reqs=none", False),
        (
            "?ssl_check_hostname=false",
            "ssl_cert_reqs=required&ssl_check_hostname=false",
            False,
        ),
    ],
)
def test_certificate_of_redis_is_checked_unless_the_address_says_otherwise(
    query, told, is_verified
):
    read = broker_url.read(f"rediss://:secret@redis:6380/0{query}", "foam:")
    assert read.url == f"rediss://:secret@redis:6380/0?{told}"
    assert read.is_verified is is_verified


def test_certificate_of_rabbitmq_is_checked_with_its_name():
    assert broker_url.read("amqps://foam:secret@rabbit/foam", "").use_ssl == {
        "cert_reqs": ssl.CERT_REQUIRED,
        "server_hostname": "rabbit",
    }


def test_certificates_of_sentinels_and_their_master_are_checked():
    read = broker_url.read("sentinel://one/0?master_name=foam&ssl_cert_reqs=required", "foam:")
    assert read.use_ssl == {"ssl_cert_reqs": "required"}
    assert read.options["sentinel_kwargs"].items() >= {
        ("ssl", True),
        ("ssl_cert_reqs", "required"),
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    [
        "redis://127.0.0.1:1/0",
        "amqp://guest:guest@127.0.0.1:1//",
        "sentinel://127.0.0.1:1/0?master_name=foam",
    ],
)
def test_broker_of_any_kind_that_does_not_answer_is_told_at_once(settings, address, now):
    settings.FOAM_BROKER = broker_url.read(address, "")
    began = time.monotonic()
    assert health.readiness(now)["broker"].startswith("The broker does not answer.")
    assert time.monotonic() - began < 15


# At work


@pytest.fixture
def receiver():
    with HttpReceiver() as receiver:
        yield receiver


@pytest.fixture
def remind(transactional_db, beat_rows, user, receiver):
    """Return a function that has a reminder fire now, and waits until it has arrived."""
    now = timezone.now()
    channel = Channel(
        owner=user, kind="webhook", name="Hook", address=receiver.url, verified_at=now
    )
    channel.store()

    def remind():
        expected = len(receiver.requests) + 1
        at = timezone.now() + timedelta(seconds=1)
        reminder = Reminder(owner=user, title="Stand-up", timezone="UTC")
        reminder.starts_at = at.replace(microsecond=0, tzinfo=None) + timedelta(seconds=1)
        reminder.store(at, [channel])
        receiver.wait_for(expected, timeout=60)

    return remind


@pytest.fixture
def foam(tmp_path, remind):
    """Return a function that starts FOAM with a broker, and waits until it ticks."""
    with ExitStack() as started:

        def start(address):
            env = processes.environment(FOAM_BROKER_URL=address)
            port = processes.free_port()
            for name, words in {
                "web": processes.web(port),
                "worker": processes.worker("worker"),
                "beat": processes.beat(),
            }.items():
                log = tmp_path / f"{name}.log"
                started.enter_context(processes.running(words, env, log))
            processes.wait_until(Heartbeat.objects.exists, 60, "it ticks")
            return port

        yield start


def broker_is_ok(port):
    """Ask web, which publishes and checks like any process that has run for long."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    except OSError:
        return False
    return json.loads(body)["broker"] == "ok"


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_rabbitmq_passes_wake_ups_on_and_may_be_away(foam, remind):
    address = os.environ.get("FOAM_TEST_RABBITMQ_URL")
    if not address:
        pytest.skip(
            "FOAM_TEST_RABBITMQ_URL names no RabbitMQ, such as amqp://guest:guest@127.0.0.1//"
        )
    parts = urlsplit(address)
    with Relay((parts.hostname, parts.port or 5672)) as relay:
        login = f"{parts.username}:{parts.password}@" if parts.username else ""
        port = foam(f"{parts.scheme}://{login}127.0.0.1:{relay.port}{parts.path or '//'}")
        processes.wait_until(lambda: broker_is_ok(port), 30, "web reaches the broker")
        remind()
        relay.cut()
        processes.wait_until(lambda: not broker_is_ok(port), 30, "web misses the broker")
        relay.mend()
        processes.wait_until(lambda: broker_is_ok(port), 60, "web reaches the broker again")
        remind()


@pytest.fixture
def sentinel(tmp_path):
    """A master, a replica, and a sentinel that puts the one in the other's place."""
    program = find_redis()
    known = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert "Redis" in known.stdout or "Valkey" in known.stdout
    master, replica, watch = (processes.free_port() for _ in range(3))
    config = tmp_path / "sentinel.conf"
    config.write_text(
        f"port {watch}\nbind 127.0.0.1\ndir {tmp_path}\n"
        f"sentinel monitor foam 127.0.0.1 {master} 1\n"
        "sentinel down-after-milliseconds foam 1000\n"
        "sentinel failover-timeout foam 5000\n"
    )
    quiet = ["--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with ExitStack() as started:

        def start(*words):
            process = subprocess.Popen(
                [program, *words],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )
            started.callback(process.wait)
            started.callback(process.kill)
            return process

        first = start("--port", str(master), *quiet)
        processes.wait_until(lambda: is_up(master), 30, "the master answers")
        start("--port", str(replica), "--replicaof", "127.0.0.1", str(master), *quiet)
        processes.wait_until(lambda: follows(replica), 30, "the replica follows")
        start(str(config), "--sentinel")
        processes.wait_until(lambda: knows_replica(watch), 30, "the sentinel knows both")
        yield first, f"sentinel://127.0.0.1:{watch}/0?master_name=foam"


def client(port):
    return redis.Redis(port=port, socket_timeout=5)


def is_up(port):
    try:
        with client(port) as server:
            return server.ping()
    except redis.RedisError:
        return False


def follows(port):
    if not is_up(port):
        return False
    with client(port) as server:
        return server.info("replication").get("master_link_status") == "up"


def knows_replica(port):
    if not is_up(port):
        return False
    with client(port) as server:
        return bool(server.sentinel_slaves("foam"))


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_sentinel_names_another_redis_and_wake_ups_go_there(foam, remind, sentinel):
    master, address = sentinel
    port = foam(address)
    processes.wait_until(lambda: broker_is_ok(port), 30, "web reaches the broker")
    remind()
    with client(urlsplit(address).port) as watch:
        before = watch.sentinel_get_master_addr_by_name("foam")
        master.kill()
        master.wait()
        processes.wait_until(
            lambda: watch.sentinel_get_master_addr_by_name("foam") != before, 60, "a new master"
        )
    processes.wait_until(lambda: broker_is_ok(port), 60, "web reaches the new master")
    remind()


def test_broker_of_the_settings_is_the_one_of_celery():
    assert app.conf.broker_url == django_settings.FOAM_BROKER.url
    assert app.conf.broker_transport_options == django_settings.FOAM_BROKER.options
