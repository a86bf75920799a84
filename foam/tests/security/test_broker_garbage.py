"""F2: what others put into the broker ends no worker, stalls none, and is told nothing."""

import base64
import json
import os
import subprocess
import time
import uuid
import zlib
from contextlib import ExitStack, suppress

import pytest
import redis
from kombu import Connection

from foam import broker_url
from foam.celery import app
from foam.tests import processes
from foam.tests.faults.test_redis_faults import redis_server
from reminders.models import Heartbeat

DELIVER, DISPATCH = "notifications.tasks.deliver", "reminders.tasks.dispatch"
EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def encoded(value):
    return base64.b64encode(json.dumps(value).encode()).decode()


def wake_up(task=DELIVER, body=None, *, properties=None, **headers):
    """Return a message as Celery puts it into Redis, with changes."""
    id = str(uuid.uuid4())
    return {
        "body": encoded([[], {}, EMBED] if body is None else body),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": task,
            "id": id,
            "eta": None,
            "expires": None,
            "group": None,
            "retries": 0,
            "timelimit": [None, None],
            "root_id": id,
            "parent_id": None,
            "argsrepr": "()",
            "kwargsrepr": "{}",
            "origin": "gen1@here",
            **headers,
        },
        "properties": {
            "correlation_id": id,
            "reply_to": "",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "deliver"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
            **(properties or {}),
        },
    }


def without(message, *path):
    inner = message
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return message


def changed(**parts):
    return {**wake_up(), **parts}


# What a list of Redis may hold: raw bytes first, then JSON of every shape.
ITEMS = [
    b"",
    b"\x00\xff\xfe",
    b"{",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"1e999999",
    b"9" * 10_000,
    b'"\\ud800"',
    b"A" * 2_000_000,
    *(
        json.dumps(value).encode()
        for value in [
            None,
            True,
            0,
            "text",
            [],
            {},
            [1, 2],
            {"body": ""},
            {"properties": None},
            {"properties": {}},
            {"properties": {"delivery_tag": []}},
            {"properties": {"delivery_tag": {}}},
            {"properties": {"delivery_tag": "1"}},
            without(wake_up(), "properties"),
            without(wake_up(), "headers"),
            without(wake_up(), "body"),
            without(wake_up(), "content-type"),
            without(wake_up(), "content-encoding"),
            without(wake_up(), "properties", "delivery_tag"),
            without(wake_up(), "properties", "delivery_info"),
            without(wake_up(), "properties", "body_encoding"),
            without(wake_up(), "headers", "task"),
            without(wake_up(), "headers", "id"),
            without(wake_up(), "headers", "timelimit"),
            # 2 MB that would become 2 GB.
            changed(
                headers={**wake_up()["headers"], "compression": "application/x-gzip"},
                body=base64.b64encode(zlib.compress(b"0" * 50_000_000)).decode(),
            ),
            changed(headers=None),
            changed(headers=[]),
            changed(headers="x"),
            changed(headers=1),
            changed(headers={}),
            changed(properties=[]),
            changed(properties="x"),
            changed(body=None),
            changed(body=1),
            changed(body=[]),
            changed(body="not base64!"),
            changed(body="AAAA"),
            changed(body=base64.b64encode(b"\xff\xfe").decode()),
            changed(body=base64.b64encode(b"[" * 50_000).decode()),
            changed(body=encoded("x" * 3_000_000)),
            changed(**{"content-type": "application/x-python-serialize"}),
            changed(**{"content-type": "application/x-yaml"}),
            changed(**{"content-type": "application/data"}),
            changed(**{"content-type": 1}),
            changed(**{"content-type": []}),
            changed(**{"content-encoding": "utf-99"}),
            changed(**{"content-encoding": 1}),
            changed(**{"content-encoding": "rot13"}),
            *(
                wake_up(body=body)
                for body in [
                    None,
                    1,
                    "x",
                    [],
                    {},
                    [[]],
                    [[], {}],
                    [1, 2, 3],
                    [None, None, None],
                    [[], {}, None],
                    [[], {}, []],
                    [["x"], {}, EMBED],
                    [[], {"x": 1}, EMBED],
                    [[], {1: 2}, {"chain": 1}],
                    [[], {}, {**EMBED, "chain": [{"task": "celery.backend_cleanup"}]}],
                    [[], {}, {**EMBED, "callbacks": [{"task": DELIVER, "args": [1] * 5}]}],
                    [[], {}, {**EMBED, "errbacks": "x"}],
                    [[], {}, {**EMBED, "chord": {"task": DELIVER}}],
                ]
            ),
            *(
                wake_up(task=task)
                for task in [
                    None,
                    1,
                    [],
                    {},
                    "",
                    "no.such.task",
                    "os.system",
                    "celery.backend_cleanup",
                    "celery.chord_unlock",
                    "celery.accumulate",
                    "celery.group",
                    "celery.map",
                    "x" * 100_000,
                    "with\nline\x1b[31m",
                ]
            ),
            *(
                wake_up(**{name: value})
                for name in [
                    "id", "eta", "expires", "group", "group_index", "retries", "timelimit",
                    "root_id", "parent_id", "argsrepr", "kwargsrepr", "origin", "shadow",
                    "ignore_result", "replaced_task_nesting", "stamped_headers", "stamps",
                    "request_id", "lang",
                ]
                for value in [-1, 1e300, "x" * 5_000, [], {}, [1, 2, 3], {"x": []}, True]
            ),
            wake_up(timelimit=[0.001, 0.001]),
            wake_up(timelimit=[0, 0]),
            wake_up(timelimit=[-1, "x"]),
            wake_up(timelimit=[1e300, None]),
            wake_up(eta="2999-01-01T00:00:00+00:00"),
            wake_up(eta="0001-01-01T00:00:00+23:59"),
            wake_up(eta="x"),
            wake_up(expires="9999-12-31T23:59:59-23:59"),
            wake_up(expires="x"),
            wake_up(expires=10**400),
            *(
                wake_up(properties={name: value})
                for name in [
                    "delivery_tag", "delivery_info", "correlation_id", "reply_to", "priority",
                    "body_encoding", "delivery_mode",
                ]
                for value in [None, -1, "x", [], {}, [1], {"x": []}]
            ),
            # Twenty with one tag: a worker that counts by tags would wait for them.
            *([wake_up(properties={"delivery_tag": "same"})] * 20),
            # The protocol of Celery 3.
            {"task": DELIVER, "id": "x", "args": [], "kwargs": {}},
            changed(headers={}, body=encoded({"task": DELIVER, "id": "1", "args": 1})),
            changed(headers={}, body=encoded({"task": DELIVER, "id": "1", "eta": "x"})),
            changed(headers={}, body=encoded({"task": [], "id": {}})),
        ]
    ),
]  # fmt: skip


def test_there_are_many_shapes():
    assert len(ITEMS) > 250


@pytest.fixture
def server(tmp_path):
    port = processes.free_port()
    with redis_server(tmp_path, "--port", str(port)), redis.Redis(port=port) as client:
        processes.wait_until(lambda: is_up(client), 30, "Redis answers")
        yield client, f"redis://127.0.0.1:{port}/0"


def is_up(client):
    try:
        return client.ping()
    except redis.RedisError:
        return False


def ticks(what, seconds=20):
    Heartbeat.objects.all().delete()
    processes.wait_until(Heartbeat.objects.exists, seconds, what)


def children(pid):
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return set(listed.stdout.split())


@pytest.fixture
def started(transactional_db, beat_rows, tmp_path):
    with ExitStack() as exits:

        def start(**env):
            env = processes.environment(FOAM_ALIVE_DIR=str(tmp_path / "alive"), **env)
            log = tmp_path / "worker.log"
            run = processes.running
            worker = exits.enter_context(run(processes.worker("w"), env, log))
            beat = exits.enter_context(run(processes.beat(), env, tmp_path / "beat.log"))
            ticks("it ticks", 60)
            return worker, beat, env["FOAM_REDIS_PREFIX"], log

        yield start


@pytest.mark.django_db(transaction=True)
def test_garbage_in_redis_ends_and_stalls_no_worker(server, started):
    client, address = server
    worker, beat, prefix, log = started(REDIS_URL=address)
    pool = children(worker.pid)
    for queue in ("dispatch", "deliver", "deliver\x06\x163", "dispatch\x06\x169"):
        client.lpush(f"{prefix}{queue}", *ITEMS)
    processes.wait_until(
        lambda: not any(client.llen(f"{prefix}{queue}") for queue in ("dispatch", "deliver")),
        60,
        "all is read",
    )
    ticks("it ticks after the garbage")
    said = log.read_text()
    assert (worker.poll(), beat.poll()) == (None, None)
    assert "not a wake-up of FOAM's" in said
    # No child was killed by a time limit out of a message, none failed with what was in one.
    assert children(worker.pid) == pool
    assert "Traceback" not in said
    assert "xxxxxxxxxx" not in said


@pytest.mark.django_db(transaction=True)
def test_keys_of_other_types_in_redis_make_reminders_late_at_most(server, started):
    client, address = server
    worker, beat, prefix, _ = started(REDIS_URL=address)
    keys = ["dispatch", "deliver", "_kombu.binding.deliver", "_kombu.binding.dispatch"]
    keys += ["_kombu.binding_deadlines", "_kombu.binding_permanent.deliver", "unacked"]
    keys += ["unacked_index", "unacked_mutex", "_kombu.binding.celery.pidbox"]
    for key in keys:
        for spoil in (
            lambda name: client.set(name, "\xff"),
            lambda name: client.hset(name, "x", "y"),
            lambda name: client.sadd(name, "x", "a\x06\x16b", "\x06\x16" * 9),
            lambda name: client.zadd(name, {"x": 1, "y": 0}),
            lambda name: client.xadd(name, {"x": "y"}),
        ):
            client.delete(f"{prefix}{key}")
            spoil(f"{prefix}{key}")
    time.sleep(3)
    assert (worker.poll(), beat.poll()) == (None, None)
    client.flushall()
    ticks("it ticks when they are gone", 60)
    assert (worker.poll(), beat.poll()) == (None, None)


@pytest.mark.django_db(transaction=True)
def test_worker_tells_the_broker_nothing_and_takes_no_orders(server, started):
    client, address = server
    worker, _, prefix, _ = started(REDIS_URL=address)
    read = broker_url.read(address, prefix)
    with app.connection(read.url, transport_options=read.options) as connection:
        control = app.control
        for name in ("conf", "ping", "stats", "registered", "active_queues", "report"):
            reply = control.broadcast(name, reply=True, timeout=0.3, connection=connection)
            assert reply == [], name
        for name, words in {
            "shutdown": {},
            "pool_shrink": {"n": 9},
            "cancel_consumer": {"queue": "dispatch"},
            "time_limit": {"task_name": DISPATCH, "hard": 0.001},
            "rate_limit": {"task_name": DISPATCH, "rate_limit": "1/h"},
        }.items():
            control.broadcast(name, arguments=words, connection=connection)
    for channel in client.pubsub_channels():
        client.publish(channel, b"\xff{")
    for channel in ("/0.celery.pidbox", "/{db}.celery.pidbox", f"{prefix}/0.celery.pidbox"):
        client.publish(channel, json.dumps(changed(headers=None)))
    assert client.pubsub_channels() == []
    ticks("it ticks")
    assert worker.poll() is None


@pytest.mark.django_db(transaction=True)
def test_garbage_in_rabbitmq_ends_and_stalls_no_worker(started):
    address = os.environ.get("FOAM_TEST_RABBITMQ_URL")
    if not address:
        pytest.skip("FOAM_TEST_RABBITMQ_URL names no RabbitMQ")
    worker, beat, _, log = started(FOAM_BROKER_URL=address)
    pool = children(worker.pid)
    with Connection(address) as connection, connection.channel() as channel:
        for queue in ("dispatch", "deliver"):
            for body, options in amqp_messages():
                message = channel.prepare_message(body, **options)
                channel.basic_publish(message, exchange="", routing_key=queue)
        processes.wait_until(
            lambda: (
                not any(
                    channel.queue_declare(queue=queue, passive=True).message_count
                    for queue in ("dispatch", "deliver")
                )
            ),
            60,
            "all is read",
        )
    ticks("it ticks after the garbage")
    assert (worker.poll(), beat.poll()) == (None, None)
    assert "not a wake-up of FOAM's" in log.read_text()
    assert children(worker.pid) == pool
    assert "Traceback" not in log.read_text()


def amqp_messages():
    """Yield bodies and properties that AMQP can carry, of the shapes above."""
    for item in ITEMS:
        yield item, {}
        try:
            shape = json.loads(item)
        except (ValueError, RecursionError):
            continue
        if not isinstance(shape, dict) or not isinstance(shape.get("headers"), dict):
            continue
        texts = {
            name.replace("-", "_"): shape[name]
            for name in ("content-type", "content-encoding")
            if isinstance(shape.get(name), str)
        }
        with suppress(ValueError, TypeError):
            body = base64.b64decode(shape["body"]) if isinstance(shape.get("body"), str) else b""
            headers = {
                name: value
                for name, value in shape["headers"].items()
                # AMQP has no numbers that large.
                if not isinstance(value, int | float) or abs(value) < 2**31
            }
            yield body, {**texts, "headers": headers}
    bomb = zlib.compress(b"[" * 2_000_000)
    yield bomb, {"headers": {"compression": "application/x-gzip"}}
