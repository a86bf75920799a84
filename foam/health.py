"""Whether reminders can fire: asked by `/readyz`, the admin's banner and the terminal."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from redis import Redis, RedisError

from accounts.timezones import tzdata_version
from reminders.dispatch import last_tick

# Beyond this without a tick every face says so.
STALE = timedelta(seconds=30)


def readiness(now: datetime) -> dict[str, Any]:
    """Return each check as "ok" or what is wrong, and `status`, "ok" only when all of them are.

    `tzdata` is no check: it tells by which rules this process plans.
    """
    database = _database()
    checks = {
        "database": database,
        "broker": _broker(),
        "tick": tick_trouble(now) or "ok" if database == "ok" else "unknown",
    }
    is_ok = all(answer == "ok" for answer in checks.values())
    return {"status": "ok" if is_ok else "failing", **checks, "tzdata": tzdata_version()}


def tick_trouble(now: datetime) -> str:
    """Say in a sentence that the scheduler has stopped ticking; empty when it ticks."""
    at = last_tick()
    if at is None:
        return "The scheduler has never ticked: are the worker and beat running?"
    if at - now > STALE:
        seconds = int((at - now).total_seconds())
        return f"The last tick is {seconds} s ahead: the clock was set back, and none came since."
    if now - at > STALE:
        seconds = int((now - at).total_seconds())
        return f"The scheduler last ticked {seconds} s ago: are the worker and beat running?"
    return ""


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "The database does not answer."
    return "ok"


def _broker() -> str:
    try:
        with Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2
        ) as broker:
            broker.ping()
    except RedisError:
        return "The broker does not answer. Reminders are late, not lost, until it does."
    return "ok"
