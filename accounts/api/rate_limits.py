"""How many requests the API takes: per token, per user, of those that write, and per address.

Counted in Redis, by one script and so atomically, after the generic cell rate algorithm: what a
limit allows at once comes back evenly over its window. Without Redis every request goes on.
Told as draft-ietf-httpapi-ratelimit-headers has it.
"""

import ipaddress
import logging
import time
from collections.abc import Sequence
from functools import lru_cache
from math import ceil
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpResponse
from redis import Redis, RedisError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.models import ApiToken

log = logging.getLogger(__name__)

MICROSECONDS = 1_000_000
# Redis that does not answer is left alone for this long, so that requests are not slow meanwhile.
PAUSE = 5.0
LOG_EVERY = 60.0
# All that a request counts for, or nothing: `tat` is when the allowance will be whole again.
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local tats, answer, allowed = {}, {}, true
for i, key in ipairs(KEYS) do
    local every, limit = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    tats[i] = math.max(tonumber(redis.call('GET', key) or 0), now)
    if tats[i] + every > now + every * limit then allowed = false end
end
for i, key in ipairs(KEYS) do
    local every, limit = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local wait = math.max(0, tats[i] + every - now - every * limit)
    if allowed then
        tats[i] = tats[i] + every
        redis.call('SET', key, string.format('%.0f', tats[i]),
            'PX', math.ceil((tats[i] - now) / 1000) + 1)
    end
    local left = math.max(0, math.floor((now + every * limit - tats[i]) / every))
    answer[#answer + 1] = {left, math.ceil(tats[i] - now), math.ceil(wait)}
end
return answer
"""


class Limit(NamedTuple):
    """So many requests within so many seconds, and of whom."""

    name: str
    whose: str
    requests: int
    seconds: int

    @property
    def every(self) -> int:
        return self.seconds * MICROSECONDS // self.requests


class Left(NamedTuple):
    """What is left of a limit: requests, seconds until it is whole, seconds to wait now."""

    requests: int
    seconds: int
    wait: int


class RateLimit(BaseThrottle):
    """Refuses what goes beyond the limits, with 429."""

    def __init__(self) -> None:
        self.lefts: list[Left] = []

    def allow_request(self, request: Request, view: Any) -> bool:
        limits = limits_of(request)
        self.lefts = count(limits)
        view.quota = list(zip(limits, self.lefts, strict=False))
        return not self.wait()

    def wait(self) -> float | None:
        return max((left.wait for left in self.lefts), default=0) or None


def limits_of(request: Request) -> list[Limit]:
    """Return the limits that a request counts for; those that are off are left out."""
    if not request.user.is_authenticated:
        return _made(("anonymous", address_of(request), settings.FOAM_API_ANONYMOUS_RATE))
    user, token = str(request.user.pk), request.auth
    whose = f"t{token.pk}" if isinstance(token, ApiToken) else f"s{user}"
    wanted = [("token", whose, settings.FOAM_API_RATE), ("user", user, settings.FOAM_API_USER_RATE)]
    if request.method not in SAFE_METHODS:
        wanted.append(("write", user, settings.FOAM_API_WRITE_RATE))
    return _made(*wanted)


def _made(*wanted: tuple[str, str, tuple[int, int] | None]) -> list[Limit]:
    return [Limit(name, whose, *rate) for name, whose, rate in wanted if rate]


def address_of(request: Request) -> str:
    """Return from where a request comes: of an IPv6 address its network, which is one customer."""
    address = request.META.get("REMOTE_ADDR") or ""
    if settings.FOAM_TRUST_PROXY:
        # The last is what our proxy has seen; those before it anyone can claim.
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
        address = forwarded.rpartition(",")[2].strip() or address
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    return str(found if found.version == 4 else ipaddress.ip_network((found, 64), strict=False))


def count(limits: Sequence[Limit]) -> list[Left]:
    """Count one request, unless a limit refuses it; nothing when Redis does not answer."""
    if not limits or not _redis.is_up:
        return []
    prefix = settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
    keys = [f"{prefix}rate:{limit.name}:{limit.whose}" for limit in limits]
    try:
        answers = _redis.script(settings.REDIS_URL)(
            keys=keys,
            args=[number for limit in limits for number in (limit.every, limit.requests)],
        )
    except RedisError as error:
        _redis.went_down(error)
        return []
    return [
        Left(left, ceil(whole / MICROSECONDS), ceil(wait / MICROSECONDS))
        for left, whole, wait in answers
    ]


def tell(response: HttpResponse, quota: Sequence[tuple[Limit, Left]]) -> None:
    """Put the limits, and what is left of them, into the headers of an answer."""
    if quota:
        response["RateLimit-Policy"] = ", ".join(
            f'"{limit.name}";q={limit.requests};w={limit.seconds}' for limit, _ in quota
        )
        response["RateLimit"] = ", ".join(
            f'"{limit.name}";r={left.requests};t={left.seconds}' for limit, left in quota
        )


class _Counter:
    """The connection to Redis, and since when it has been of no use."""

    def __init__(self) -> None:
        self.down_until = self.logged_at = 0.0

    @property
    def is_up(self) -> bool:
        return time.monotonic() >= self.down_until

    def went_down(self, error: Exception) -> None:
        now = time.monotonic()
        self.down_until = now + PAUSE
        if not self.logged_at or now - self.logged_at >= LOG_EVERY:
            self.logged_at = now
            log.warning("requests are not limited: Redis does not answer (%s)", error)

    @staticmethod
    @lru_cache(maxsize=4)
    def script(url: str) -> Any:
        # A request does not wait for its own limit.
        client = Redis.from_url(url, socket_connect_timeout=0.25, socket_timeout=0.25)
        return client.register_script(SCRIPT)


_redis = _Counter()
