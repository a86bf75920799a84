"""A Redis that answers with an error, or with a certificate of somebody else's."""

import ipaddress
import signal
import subprocess
from contextlib import ExitStack, contextmanager

import pytest
import redis
from cryptography import x509
from django.utils import timezone
from kombu import Connection
from kombu.exceptions import OperationalError

from foam import broker_url
from foam.monitoring import health
from foam.monitoring.doctor import broker as doctor
from foam.tests import processes
from foam.tests.faults.relay import Relay
from notifications.tests.certificates import Authority
from reminders.models import Heartbeat
from tools.local_stack.processes import die_with_parent
from tools.local_stack.servers import find_redis

LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
ELSEWHERE = x509.DNSName("elsewhere.example.org")


@contextmanager
def redis_server(folder, *words):
    quiet = ["--bind", "127.0.0.1", "--save", "", "--dir", str(folder), "--daemonize", "no"]
    process = subprocess.Popen(
        [find_redis(), *quiet, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


# Certificates


@pytest.fixture
def encrypted(tmp_path):
    """Return a function that starts a Redis with TLS for these names: its address, and its CA."""
    with ExitStack() as started:

        def start(*names):
            authority, port = Authority(), processes.free_port()
            started.enter_context(redis_server(tmp_path, "--port", str(port)))
            processes.wait_until(lambda: answers(port), 30, "Redis answers")
            tls = authority.context(tmp_path, *names)
            relay = started.enter_context(Relay(("127.0.0.1", port), tls))
            return f"rediss://127.0.0.1:{relay.port}/0", authority.file(tmp_path)

        yield start


def answers(port):
    try:
        with redis.Redis(port=port, socket_timeout=5) as server:
            return server.ping()
    except redis.RedisError:
        return False


def publish(address):
    """Do as each process does that has a wake-up to send."""
    told = broker_url.read(address, "foam:")
    options = {**told.options, "max_retries": 0}
    with Connection(told.url, ssl=told.use_ssl, transport_options=options) as connection:
        connection.ensure_connection(max_retries=1, timeout=5)
        connection.SimpleQueue("deliver").put("now")


@pytest.mark.parametrize(
    ("names", "query", "is_accepted"),
    [
        ([LOOPBACK], "", False),
        ([LOOPBACK], "?ssl_ca_certs={ca}", True),
        ([ELSEWHERE], "?ssl_ca_certs={ca}", False),
        ([ELSEWHERE], "?ssl_ca_certs={ca}&ssl_check_hostname=false", True),
        ([LOOPBACK], "?ssl_cert_reqs=none", True),
    ],
    ids=["unknown CA", "known CA", "another's name", "any name, said so", "any CA, said so"],
)
def test_certificate_decides_whether_wake_ups_are_sent(encrypted, names, query, is_accepted):
    address, ca = encrypted(*names)
    address += query.format(ca=ca)
    if is_accepted:
        publish(address)
    else:
        with pytest.raises(OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
            publish(address)


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_worker_and_beat_refuse_a_certificate_that_web_refuses(
    encrypted, beat_rows, tmp_path, settings
):
    address, ca = encrypted(LOOPBACK)
    settings.FOAM_BROKER = broker_url.read(address, "")
    assert health.readiness(timezone.now())["broker"].startswith("The broker does not answer.")
    with ExitStack() as started:
        for name, words in {"worker": processes.worker("w"), "beat": processes.beat()}.items():
            env = processes.environment(REDIS_URL=address)
            log = tmp_path / f"{name}.log"
            started.enter_context(processes.running(words, env, log))
            processes.wait_until(
                lambda log=log: "CERTIFICATE_VERIFY_FAILED" in log.read_text(), 60, "it refuses"
            )
        assert not Heartbeat.objects.exists()
    with ExitStack() as started:
        env = processes.environment(REDIS_URL=f"{address}?ssl_ca_certs={ca}")
        for words in (processes.worker("w"), processes.beat()):
            started.enter_context(processes.running(words, env, tmp_path / "both.log"))
        processes.wait_until(Heartbeat.objects.exists, 60, "it ticks")


def test_doctor_warns_of_a_certificate_that_is_not_checked(settings):
    settings.REDIS_URL = broker_url.with_verification("rediss://127.0.0.1:1/0?ssl_cert_reqs=none")
    (finding,) = doctor.look_at_certificate()
    assert (finding.state, "REDIS_URL" in finding.text) == ("warn", True)
    settings.REDIS_URL = broker_url.with_verification("rediss://127.0.0.1:1/0")
    assert list(doctor.look_at_certificate()) == []


# Errors as answers


def replica(server):
    server.replicaof("127.0.0.1", 1)
    return lambda: server.replicaof("NO", "ONE")


def configured(name, value, after):
    def fault(server):
        server.config_set(name, value)
        for each in server.client_list():
            if int(each["id"]) != server.client_id():
                server.client_kill_filter(_id=each["id"])
        return lambda: server.config_set(name, after)

    return fault


def forbidden(server):
    server.execute_command("ACL", "SETUSER", "default", "-brpop", "-lpush")
    return lambda: server.execute_command("ACL", "SETUSER", "default", "+@all")


FAULTS = {
    "READONLY, UNBLOCKED": replica,
    "NOAUTH": configured("requirepass", "other", ""),
    "NOREPLICAS": configured("min-replicas-to-write", 1, 0),
    "OOM": configured("maxmemory", 1, 0),
    "NOPERM": forbidden,
}


@pytest.fixture
def server(tmp_path):
    port = processes.free_port()
    with redis_server(tmp_path, "--port", str(port)) as process:
        client = redis.Redis(port=port, socket_timeout=5)
        processes.wait_until(lambda: is_up(client), 30, "it answers")
        yield client, process, f"redis://127.0.0.1:{port}/0"
        client.close()


def is_up(client):
    try:
        return client.ping()
    except redis.RedisError:
        return False


def ticks(seconds=60):
    Heartbeat.objects.all().delete()
    processes.wait_until(Heartbeat.objects.exists, seconds, "it ticks")


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_worker_and_beat_outlive_whatever_redis_answers(server, beat_rows, tmp_path):
    client, _, address = server
    env, log = processes.environment(REDIS_URL=address), tmp_path / "worker.log"
    with (
        processes.running(processes.worker("w"), env, log) as worker,
        processes.running(processes.beat(), env, tmp_path / "beat.log") as beat,
    ):
        ticks()
        for error, fault in FAULTS.items():
            said = len(log.read_text())
            mend = fault(client)
            processes.wait_until(
                lambda said=said: "Connection to broker lost" in log.read_text()[said:],
                60,
                f"the worker meets {error}",
            )
            mend()
            ticks()
            assert (worker.poll(), beat.poll()) == (None, None), error


@pytest.mark.django_db
def test_redis_that_has_become_a_replica_is_told_as_such(server, settings, now):
    client, _, address = server
    settings.REDIS_URL, settings.FOAM_BROKER = address, broker_url.read(address, "")
    assert health.readiness(now)["broker"] == "ok"
    mend = replica(client)
    assert health.readiness(now)["broker"].startswith("The broker is a replica")
    assert "fail" in {finding.state for finding in doctor.look_at_broker(now)}
    mend()
    assert health.readiness(now)["broker"] == "ok"
