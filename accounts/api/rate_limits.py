"""Rate limits of the API: per token, per user, per user for writes, and per address.

Redis counts requests atomically, in one script, by the generic cell rate algorithm (GCRA): a burst
comes back evenly over the window of its limit. Without Redis, no request is limited.
The headers follow draft-ietf-httpapi-ratelimit-headers.
"""

import ipaddress
import logging
import time
from collections.abc import Sequence
from functools import lru_cache
from math import ceil
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from redis import Redis, RedisError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

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
    """Allows `subject`, a token, user or address, `requests` in any window of `seconds`."""

    name: str
    subject: str
    requests: int
    seconds: int

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
        limits = limits_of(request)
        self.remainders = count_request(limits)
        view.quota = list(zip(limits, self.remainders, strict=False))
        return not self.wait()

    def wait(self) -> float | None:
        return max((remainder.wait for remainder in self.remainders), default=0) or None


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


def _enabled(*rates: tuple[str, str, tuple[int, int] | None]) -> list[Limit]:
    return [Limit(name, subject, *rate) for name, subject, rate in rates if rate]


def address_of(request: HttpRequest | Request) -> str:
    """Return the client's IPv4 address, or its IPv6 network of 64 bits, which is one customer."""
    address = request.META.get("REMOTE_ADDR") or ""
    if count := settings.FOAM_PROXY_COUNT:
        # Each proxy appends an address; a client can forge those before them.
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        address = forwarded[-min(count, len(forwarded))].strip() or address
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    return str(parsed if parsed.version == 4 else ipaddress.ip_network((parsed, 64), strict=False))


def count_request(limits: Sequence[Limit]) -> list[Remainder]:
    """Count a request unless a limit refuses it; return the remainders, [] without Redis."""
    if not limits or not _redis.is_up:
        return []
    prefix = settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
    keys = [f"{prefix}rate:{limit.name}:{limit.subject}" for limit in limits]
    try:
        answers = _redis.script(settings.REDIS_URL)(
            keys=keys,
            args=[number for limit in limits for number in (limit.interval, limit.requests)],
        )
    except RedisError as error:
        _redis.went_down(error)
        return []
    return [
        Remainder(requests, ceil(reset / MICROSECONDS), ceil(wait / MICROSECONDS))
        for requests, reset, wait in answers
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
    """The script in Redis, not called for a while after Redis failed to answer."""

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

    @staticmethod
    @lru_cache(maxsize=4)
    def script(url: str) -> Any:
        # Short timeouts, as every request waits for this call.
        client = Redis.from_url(url, socket_connect_timeout=0.25, socket_timeout=0.25)
        return client.register_script(SCRIPT)


_redis = _Counter()
