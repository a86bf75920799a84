"""The answer to "do reminders fire and arrive?", for `/readyz`, the admin and the terminal."""

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
from notifications.outbox.queue import due_since
from notifications.transports.null import LATEST_HEARTBEAT
from reminders.engine.canary import Canary
from reminders.engine.tick import last_tick, next_fire_at
from reminders.models import Backlog

# After this long without a tick, `/readyz`, the admin and the metrics report it.
STALE = timedelta(seconds=30)
# The first canary may take as long as the start of all of FOAM's processes.
FIRST_CANARY_PATIENCE = timedelta(minutes=3)

REPLICA = (
    "The broker is a replica, which takes no wake-ups. Reminders are late, not lost, until it is "
    "a master again: redis-cli REPLICAOF NO ONE."
)

# The checks of `readiness`.
CHECKS = ("database", "broker", "tick", "canary")


def readiness(now: datetime, excluded: Collection[str] = ()) -> dict[str, Any]:
    """Return the report of all checks; `status` is "ok" if all checks that count are.

    Each of CHECKS is "ok" or a sentence about its fault; the `excluded` ones do not count. The
    other keys are for information and do not count either:

    - `seconds`: the age of the last tick and canary, and how long the longest-waiting reminder and
      delivery have been overdue.
    - `tzdata`: the version of the time zone rules in this process.
    - `paused`: since when and until when everything is paused; empty if it is not.
    - `backlog`: the decision about late reminders, or "none"; None if the database is down.
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
            "overdue_delivery": _age(due_since(now), now) or 0.0,
        }
        late = backlog() or "none"
    except Error:
        checks["database"] = "The database does not answer."
    is_ok = all(checks[name] == "ok" for name in CHECKS if name not in excluded)
    status = "ok" if is_ok else "failing"
    return {
        "status": status,
        **checks,
        "paused": paused,
        "backlog": late,
        "seconds": seconds,
        "tzdata": tzdata_version(),
    }


def trouble(now: datetime) -> str:
    """Return a sentence about the reason why reminders do not fire or arrive; empty if they do."""
    pulse = Pulse.take(now)
    return pulse.tick_trouble or pulse.canary_trouble or pulse.paused_told


def backlog() -> str:
    """Return a sentence about the decision on late reminders; empty while no backlog is open."""
    row = Backlog.objects.open().select_related("decided_by").first()
    return row.text if row else ""


@dataclass(frozen=True, slots=True)
class Pulse:
    """The last tick, the canary and the pause of everything, as the database has them at `now`."""

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
        state = f"last ticked {self._ago(self.tick_at)}" if self.tick_at else "has never ticked"
        return f"Reminders are not firing. The scheduler {state}: are the worker and beat running?"

    @property
    def canary_trouble(self) -> str:
        if self.canary is None:
            return (
                "Whether reminders arrive is not known. The canary does not fire: "
                "manage.py canary plants it again."
            )
        if self.now - self.canary.first_due_at <= FIRST_CANARY_PATIENCE:
            return ""
        if self.arrived_at is not None and self.now - self.arrived_at <= LATEST_HEARTBEAT:
            return ""
        state = "No canary has ever arrived"
        if self.arrived_at:
            state = f"The last canary that arrived was due {self._ago(self.arrived_at)}"
        return f"Reminders are not arriving. {state}: is the deliver worker running, or far behind?"

    @property
    def paused_told(self) -> str:
        return f"Everything is {self.paused.predicate('UTC')}." if self.paused else ""

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
    """Return whether the broker takes wake-ups; wait for its answer for two seconds at most.

    A Redis that has become a replica answers, but takes none.
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
