"""Checks of the broker: it answers, takes writes, keeps its keys, and its queues are short."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from kombu.exceptions import OperationalError as BrokerError
from redis import Redis, RedisError

from foam.broker_url import is_verified
from foam.monitoring.doctor.finding import Check, Finding, fail, ok, unknown, warn
from foam.monitoring.metrics import queue_lengths

BROKER, QUEUES = "broker", "queues"
# There is one wake-up a second, which expires after a minute: more means that no worker takes them.
MOST_WAKE_UPS = 1000
OLDEST_REDIS = (6, 2)


def look_at_broker(now: datetime) -> Iterator[Finding]:
    try:
        with redis() as server:
            info: dict[str, Any] = server.info()
    except RedisError as error:
        yield fail(
            BROKER,
            f"The broker does not answer: {type(error).__name__}.",
            "Start Redis, or mend REDIS_URL. Reminders are late, not lost, until it answers.",
        )
        return
    if info.get("role", "master") != "master":
        yield fail(
            BROKER,
            "REDIS_URL leads to a replica, which takes no wake-ups: reminders are late.",
            "Make it a master: redis-cli REPLICAOF NO ONE; or let REDIS_URL lead to the master.",
        )
    yield from look_at_certificate()
    version = str(info.get("redis_version", "?"))
    if tuple(int(n) for n in version.split(".")[:2] if n.isdigit()) < OLDEST_REDIS:
        yield warn(BROKER, f"Redis {version} is old.", "Upgrade to 6.2 or newer.")
    policy, limit = info.get("maxmemory_policy"), int(info.get("maxmemory", 0))
    if limit and policy != "noeviction":
        yield warn(
            BROKER,
            f"Redis may drop what it holds when its memory is full ({policy}): reminders would be "
            "late by a tick.",
            "Run: redis-cli CONFIG SET maxmemory-policy noeviction; and keep it in redis.conf.",
        )
    if limit and int(info.get("used_memory", 0)) > limit * 0.9:
        yield warn(
            BROKER, "Redis' memory is nearly full.", "Raise maxmemory, or see what fills it."
        )
    yield ok(BROKER, f"Redis {version}.")


def look_at_certificate() -> Iterator[Finding]:
    checked = {
        "REDIS_URL": is_verified(settings.REDIS_URL),
        "FOAM_BROKER_URL": settings.FOAM_BROKER.is_verified,
    }
    for name in (name for name, is_checked in checked.items() if not is_checked):
        yield warn(
            BROKER,
            f"{name} has the certificate not checked: who stands between can read wake-ups and "
            "forge tasks.",
            f"Take ssl_cert_reqs and ssl_check_hostname out of {name}. Where the certificate is by "
            "a CA of your own, name its file: ?ssl_ca_certs=/path/to/ca.pem",
        )
        return


def look_at_queues(now: datetime) -> Iterator[Finding]:
    try:
        lengths = queue_lengths()
    except (BrokerError, OSError):
        yield unknown(QUEUES, "Not known, as the broker does not answer.")
        return
    for queue, length in lengths.items():
        if length > MOST_WAKE_UPS:
            yield fail(
                QUEUES,
                f"{length} wake-ups wait in the queue {queue}: no worker takes them.",
                f"Start the worker of {queue}: celery --app=foam worker --queues={queue}",
            )
            return
    text = ", ".join(f"{length} in {queue}" for queue, length in lengths.items())
    yield ok(QUEUES, f"Wake-ups that wait: {text}.")


def redis() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_connect_timeout=3, socket_timeout=3)


CHECKS = [Check(BROKER, look_at_broker), Check(QUEUES, look_at_queues)]
