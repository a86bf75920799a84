"""Rate limits of the API: per token, per user, per user for writes, and per address.

Beside requests, two limits count what requests cost: the seconds that they took and the rows of
batches and imports. Both are known afterwards only, so a request is refused while those before it
have used more than their limit.

Redis counts requests atomically, in one script, by the generic cell rate algorithm (GCRA): a burst
comes back evenly over the window of its limit. Without Redis, no request is limited.
The headers follow draft-ietf-httpapi-ratelimit-headers.
"""

import logging
import secrets
import time
from collections.abc import Sequence
from functools import lru_cache
from math import ceil
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from redis import Redis, RedisError
from rest_framework.exceptions import Throttled
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.audit.network import client_address, network_of
from accounts.models import ApiToken

log = logging.getLogger(__name__)

MICROSECONDS = 1_000_000
# Seconds without a call after Redis failed to answer, so that requests do not wait for it.
REDIS_RETRY_SECONDS = 5.0
LOG_INTERVAL_SECONDS = 60.0
# Counts a request against all its limits, or against none. `tat`, the theoretical arrival time of
# GCRA, is the time at which the limit will be unused again.
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local tats, answer, allowed = {}, {}, true
for i, key in ipairs(KEYS) do
    local every, limit = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1])
    local cost = tonumber(ARGV[3 * i])
    tats[i] = math.max(tonumber(redis.call('GET', key) or 0), now)
    if tats[i] + every * cost > now + every * limit then allowed = false end
end
for i, key in ipairs(KEYS) do
    local every, limit = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1])
    local cost = tonumber(ARGV[3 * i])
    local wait = math.max(0, tats[i] + every * cost - now - every * limit)
    if allowed and cost > 0 then
        tats[i] = tats[i] + every * cost
        redis.call('SET', key, string.format('%.0f', tats[i]),
            'PX', math.ceil((tats[i] - now) / 1000) + 1)
    end
    local left = math.max(0, math.floor((now + every * limit - tats[i]) / every))
    answer[#answer + 1] = {left, math.ceil(tats[i] - now), math.ceil(wait)}
end
return answer
"""
# Adds the cost of an answered request to a limit, even if nothing is left of it.
CHARGE_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + tonumber(ARGV[1])
redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000) + 1)
"""
# Takes a place for an expensive request of a user, unless all are taken. A place that a process
# which died has not given back is free again after its lease.
TAKE_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""
# Gives a place back.
RELEASE_SCRIPT = "redis.call('ZREM', KEYS[1], ARGV[1])"
# Expensive requests of a user at the same time: imports, exports, batches, previews.
MAX_EXPENSIVE = 2
# Longer than such a request takes.
EXPENSIVE_LEASE_SECONDS = 600
# When a place is likely to be free again.
EXPENSIVE_RETRY_SECONDS = 5
# Cheaper requests are limited by their number: charging each would cost a call of Redis.
FREE_SECONDS = 0.05


class Limit(NamedTuple):
    """Allows `subject`, a token, user or address, `requests` in any window of `seconds`."""

    name: str
    subject: str
    requests: int
    seconds: int
    # 0 for a limit that is charged afterwards.
    cost: int = 1

    @property
    def interval(self) -> int:
        """Microseconds in which one request comes back."""
        return self.seconds * MICROSECONDS // self.requests


class Remainder(NamedTuple):
    """The rest of a limit: requests, seconds until it is unused again, seconds to wait now."""

    requests: int
    seconds: int
    wait: int


class RateLimit(BaseThrottle):
    """Refuses requests beyond their limits, with 429."""

    def __init__(self) -> None:
        self.remainders: list[Remainder] = []

    def allow_request(self, request: Request, view: Any) -> bool:
        seconds_limit = seconds_limit_of(request)
        request._request._seconds_limit = seconds_limit  # type: ignore[attr-defined]
        is_write = request.method not in SAFE_METHODS and request.user.is_authenticated
        costs = (seconds_limit, rows_limit_of(request.user.pk) if is_write else None)
        limits = [*limits_of(request), *filter(None, costs)]
        self.remainders = count_request(limits)
        # The headers tell the others only when they refuse: they would be in every answer.
        view.quota = [
            (limit, remainder)
            for limit, remainder in zip(limits, self.remainders, strict=False)
            if limit.cost or remainder.wait
        ]
        return not self.wait()

    def wait(self) -> float | None:
        return wait_of(self.remainders) or None


def wait_of(remainders: Sequence[Remainder]) -> int:
    """Return the seconds after which a request is allowed, 0 if it is allowed now."""
    return max((remainder.wait for remainder in remainders), default=0)


def limits_of(request: Request) -> list[Limit]:
    """Return the limits that a request counts against, without those switched off."""
    if not request.user.is_authenticated:
        return _enabled(("anonymous", address_of(request), settings.FOAM_API_ANONYMOUS_RATE))
    user, token = str(request.user.pk), request.auth
    program = f"t{token.pk}" if isinstance(token, ApiToken) else f"s{user}"
    rates = [
        ("token", program, settings.FOAM_API_RATE),
        ("user", user, settings.FOAM_API_USER_RATE),
    ]
    if request.method not in SAFE_METHODS:
        rates.append(("write", user, settings.FOAM_API_WRITE_RATE))
    return _enabled(*rates)


def seconds_limit_of(request: HttpRequest | Request) -> Limit | None:
    """Return the limit of seconds of the user of a request, or else of its address."""
    if not request.user.is_authenticated:
        return seconds_limit_of_address(request)
    return _seconds_limit(f"u{request.user.pk}")


def seconds_limit_of_address(request: HttpRequest | Request) -> Limit | None:
    return _seconds_limit(address_of(request))


def _seconds_limit(subject: str) -> Limit | None:
    rate = settings.FOAM_API_SECONDS_RATE
    return Limit("seconds", subject, *rate, cost=0) if rate else None


def rows_limit_of(user_id: int | None) -> Limit | None:
    rate = settings.FOAM_API_ROW_RATE
    return Limit("rows", str(user_id), *rate, cost=0) if rate else None


def charge(limit: Limit | None, amount: float) -> None:
    """Charge an answered request, at most what the whole limit allows."""
    if limit is None or amount <= 0:
        return
    microseconds = int(min(amount, limit.requests) * limit.interval)
    _redis.call("charge", [_key(limit)], [microseconds])


def charge_rows(user_id: int | None, count: int) -> None:
    """Charge a batch, an import or a manual firing with its rows."""
    charge(rows_limit_of(user_id), count)


class TooManyUnderWay(Throttled):
    """The user has enough expensive requests under way."""

    def __init__(self) -> None:
        super().__init__(
            wait=EXPENSIVE_RETRY_SECONDS,
            detail=f"{MAX_EXPENSIVE} imports, exports, batches or previews of yours are under way, "
            "and more are not answered at the same time. Wait until one is done.",
        )


def take_place(request: HttpRequest, user_id: int | None) -> None:
    """Take one of the user's places for expensive requests, or raise TooManyUnderWay.

    The middleware gives it back when the whole answer is sent.
    """
    key, place = _full_key(f"expensive:{user_id}"), secrets.token_hex(8)
    is_free = _redis.call("take", [key], [place, MAX_EXPENSIVE, EXPENSIVE_LEASE_SECONDS])
    if is_free == 0:
        raise TooManyUnderWay
    request._place = (key, place)  # type: ignore[attr-defined]


def settle(request: HttpRequest, seconds: float) -> None:
    """Charge an answered request with its seconds, and give its place back."""
    if place := getattr(request, "_place", None):
        request._place = None  # type: ignore[attr-defined]
        key, name = place
        _redis.call("release", [key], [name])
    if seconds >= FREE_SECONDS:
        charge(getattr(request, "_seconds_limit", None), seconds)


def _key(limit: Limit) -> str:
    return _full_key(f"rate:{limit.name}:{limit.subject}")


def _full_key(name: str) -> str:
    return settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"] + name


def _enabled(*rates: tuple[str, str, tuple[int, int] | None]) -> list[Limit]:
    return [Limit(name, subject, *rate) for name, subject, rate in rates if rate]


def address_of(request: HttpRequest | Request) -> str:
    """Return the client's IPv4 address, or its IPv6 network of 64 bits, which is one customer."""
    address = client_address(request)
    if address is None:
        return "unknown"
    return str(address) if address.version == 4 else network_of(address)


def count_request(limits: Sequence[Limit]) -> list[Remainder]:
    """Count a request unless a limit refuses it; return the remainders, [] without Redis."""
    if not limits:
        return []
    answers = _redis.call(
        "count",
        [_key(limit) for limit in limits],
        [n for limit in limits for n in (limit.interval, limit.requests, limit.cost)],
    )
    return [
        Remainder(requests, ceil(reset / MICROSECONDS), ceil(wait / MICROSECONDS))
        for requests, reset, wait in answers or ()
    ]


def set_headers(response: HttpResponse, quota: Sequence[tuple[Limit, Remainder]]) -> None:
    """Set the headers that tell a client its limits and their remainders."""
    if quota:
        response["RateLimit-Policy"] = ", ".join(
            f'"{limit.name}";q={limit.requests};w={limit.seconds}' for limit, _ in quota
        )
        response["RateLimit"] = ", ".join(
            f'"{limit.name}";r={remainder.requests};t={remainder.seconds}'
            for limit, remainder in quota
        )


class _Counter:
    """The scripts in Redis, not called for a while after Redis failed to answer."""

    def __init__(self) -> None:
        self.down_until = self.logged_at = 0.0

    @property
    def is_up(self) -> bool:
        return time.monotonic() >= self.down_until

    def went_down(self, error: Exception) -> None:
        now = time.monotonic()
        self.down_until = now + REDIS_RETRY_SECONDS
        if not self.logged_at or now - self.logged_at >= LOG_INTERVAL_SECONDS:
            self.logged_at = now
            log.warning("requests are not limited: Redis does not answer (%s)", error)

    def call(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script; return None while Redis does not answer."""
        if not self.is_up:
            return None
        try:
            return self.scripts(settings.REDIS_URL)[name](keys=keys, args=args)
        except RedisError as error:
            self.went_down(error)
            return None

    @staticmethod
    @lru_cache(maxsize=4)
    def scripts(url: str) -> dict[str, Any]:
        # Short timeouts, as every request waits for this call.
        client = Redis.from_url(url, socket_connect_timeout=0.25, socket_timeout=0.25)
        scripts = {
            "count": SCRIPT,
            "charge": CHARGE_SCRIPT,
            "take": TAKE_SCRIPT,
            "release": RELEASE_SCRIPT,
        }
        return {name: client.register_script(script) for name, script in scripts.items()}


_redis = _Counter()
