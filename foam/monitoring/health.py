"""Whether reminders fire and arrive: asked by `/readyz`, the admin's banner and the terminal."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import Error
from kombu import Connection
from kombu.exceptions import KombuError
from redis import Redis, RedisError
from redis.exceptions import NoPermissionError

from accounts.models import Pause
from accounts.timezones import tzdata_version
from foam.broker_url import Broker
from notifications.outbox import outbox
from notifications.transports.null import LATE
from reminders.engine.canary import Canary
from reminders.engine.tick import last_tick, next_fire_at
from reminders.models import Backlog

# Beyond this without a tick every face says so.
STALE = timedelta(seconds=30)
# The first canary may take as long as it takes to start the rest of FOAM.
PATIENCE = timedelta(minutes=3)

REPLICA = (
    "The broker is a replica, which takes no wake-ups. Reminders are late, not lost, until it is "
    "a master again: redis-cli REPLICAOF NO ONE."
)

# What `readiness` looks at.
CHECKS = ("database", "broker", "tick", "canary")


def readiness(now: datetime, excluded: Collection[str] = ()) -> dict[str, Any]:
    """Return each check as "ok" or what is wrong, and `status`, "ok" only when all of them are.

    Those `excluded` are told like the others, and do not count.

    `seconds` tells how long ago the last tick and canary were, and how long the longest-waiting
    reminder and delivery have been overdue: a backlog that is being worked off is no trouble.
    `tzdata` is no check either: it tells by which rules this process plans. Nor is `paused`, which
    says since when everything is paused, and until when; empty when it is not. Nor is `backlog`:
    what becomes of late reminders while that is told apart, else "none".
    """
    checks = {"database": "ok", "broker": _broker(), "tick": "unknown", "canary": "unknown"}
    late: str | None = None
    paused = ""
    seconds = dict.fromkeys(("tick", "canary", "overdue_reminder", "overdue_delivery"))
    try:
        pulse = Pulse.take(now)
        paused = pulse.paused_told
        checks |= {"tick": pulse.tick_trouble or "ok", "canary": pulse.canary_trouble or "ok"}
        seconds |= {
            "tick": _age(pulse.tick_at, now),
            "canary": _age(pulse.arrived_at, now),
            "overdue_reminder": _age(next_fire_at(), now) or 0.0,
            "overdue_delivery": _age(outbox.due_since(now), now) or 0.0,
        }
        late = backlog() or "none"
    except Error:
        checks["database"] = "The database does not answer."
    is_ok = all(checks[name] == "ok" for name in CHECKS if name not in excluded)
    status = "ok" if is_ok else "failing"
    told = {"paused": paused, "backlog": late, "seconds": seconds, "tzdata": tzdata_version()}
    return {"status": status, **checks, **told}


def trouble(now: datetime) -> str:
    """Say in a sentence or two that reminders do not fire or arrive; empty when they do both."""
    pulse = Pulse.take(now)
    return pulse.tick_trouble or pulse.canary_trouble or pulse.paused_told


def backlog() -> str:
    """Say in a sentence what becomes of late reminders; empty while no backlog is open."""
    found = Backlog.objects.open().select_related("decided_by").first()
    return found.text if found else ""


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the database tells at `now` of the tick and the canary."""

    now: datetime
    tick_at: datetime | None
    canary: Canary | None
    paused: Pause | None

    @classmethod
    def take(cls, now: datetime) -> Self:
        return cls(now, last_tick(), Canary.read(), Pause.objects.everything(now))

    @property
    def arrived_at(self) -> datetime | None:
        return self.canary.arrived_due_at if self.canary else None

    @property
    def tick_trouble(self) -> str:
        if self.tick_at is not None and abs(self.now - self.tick_at) <= STALE:
            return ""
        if self.tick_at is not None and self.tick_at > self.now:
            ahead = int((self.tick_at - self.now).total_seconds())
            return (
                f"Reminders are not firing. The last tick is {ahead} s ahead: the clock was set "
                "back, and none came since."
            )
        what = f"last ticked {self._ago(self.tick_at)}" if self.tick_at else "has never ticked"
        return f"Reminders are not firing. The scheduler {what}: are the worker and beat running?"

    @property
    def canary_trouble(self) -> str:
        if self.canary is None:
            return (
                "Whether reminders arrive is not known. The canary does not fire: "
                "manage.py canary plants it again."
            )
        if self.now - self.canary.first_due_at <= PATIENCE:
            return ""
        if self.arrived_at is not None and self.now - self.arrived_at <= LATE:
            return ""
        what = "No canary has ever arrived"
        if self.arrived_at:
            what = f"The last canary that arrived was due {self._ago(self.arrived_at)}"
        return f"Reminders are not arriving. {what}: is the deliver worker running, or far behind?"

    @property
    def paused_told(self) -> str:
        return f"Everything is {self.paused.told('UTC')}." if self.paused else ""

    def _ago(self, at: datetime) -> str:
        return f"{int((self.now - at).total_seconds())} s ago"


def _age(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else round(max(0.0, (now - at).total_seconds()), 1)


def _broker() -> str:
    try:
        takes_writes = _greet(settings.FOAM_BROKER)
    except (RedisError, KombuError, OSError):
        return "The broker does not answer. Reminders are late, not lost, until it does."
    return "ok" if takes_writes else REPLICA


def _greet(broker: Broker) -> bool:
    """Ask the broker for a sign of life, and wait for it for no longer than two seconds.

    Return whether it takes wake-ups: a Redis that has become a replica answers, and takes none.
    """
    brief = {"socket_connect_timeout": 2, "socket_timeout": 2}
    if broker.is_redis:
        with Redis.from_url(broker.url, **brief) as redis:
            return is_master(redis)
    options = broker.options | (brief if "master_name" in broker.options else {})
    with Connection(
        broker.url, connect_timeout=2, ssl=broker.use_ssl, transport_options=options
    ) as connection:
        connection.ensure_connection(max_retries=1, timeout=2)
        connection.default_channel  # noqa: B018 - Sentinel names the master only when it is used
    return True


def is_master(redis: Redis) -> bool:
    try:
        role: Any = redis.role()
    except NoPermissionError:
        return bool(redis.ping())
    return role[0] in {"master", b"master"}
