"""A login that the mail server has refused: when FOAM's processes may log in again.

Mail servers ban a client after a few wrong logins (fail2ban: five within ten minutes). So all
processes wait until an instant in the cache, and then one of them tries first. Another name or
password in EMAIL_URL resets this.
"""

import hashlib
import time
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.core.cache import cache

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=10), timedelta(hours=1)
# The process that tries first after a pause has this time to do so.
TRIAL_SECONDS = 60
# A process reads from the cache this often whether another process was refused.
READ_EVERY_SECONDS = 5.0


class Refusal(NamedTuple):
    """The `number` of refusals in a row, and the end of the pause after the last one."""

    number: int
    until: datetime


class _Memory:
    """The state last read from the cache; one for each process."""

    refusal: Refusal | None = None
    read_at = float("-inf")


def remember_refusal(now: datetime) -> None:
    """Start a pause after the login was refused at `now`, twice as long as the last one."""
    before = _read()
    if before and before.until > now:
        return
    number = before.number + 1 if before else 1
    pause = min(FIRST_PAUSE * 2 ** (number - 1), LONGEST_PAUSE)
    _Memory.refusal = Refusal(number, now + pause)
    cache.set(_key(), tuple(_Memory.refusal), 3 * pause.total_seconds())
    cache.delete(_key("trial"))


def is_refused() -> bool:
    """Tell whether this process knows of a refusal, without reading the cache."""
    return _Memory.refusal is not None


def forget_refusal() -> None:
    """End the pause, as the login works again."""
    cache.delete_many([_key(), _key("trial")])
    _Memory.refusal = None


def pause_reason(now: datetime) -> str:
    """Return the sentence that no login is tried at `now`; empty when this process may try."""
    if time.monotonic() - _Memory.read_at >= READ_EVERY_SECONDS:
        _read()
    refusal = _Memory.refusal
    if refusal is None:
        return ""
    if now >= refusal.until and cache.add(_key("trial"), 1, TRIAL_SECONDS):
        return ""
    next_login = max(refusal.until, now)
    return (
        "The mail server does not let us log in: wrong name or password. FOAM tries to log in "
        f"again at {next_login:%H:%M} UTC"
    )


def _read() -> Refusal | None:
    stored = cache.get(_key())
    _Memory.refusal = Refusal(*stored) if stored else None
    _Memory.read_at = time.monotonic()
    return _Memory.refusal


def _key(what: str = "refusal") -> str:
    """Return the cache key of the current login, which does not reveal the login."""
    login = (settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_HOST_USER)
    parts = [*map(str, login), settings.EMAIL_HOST_PASSWORD, settings.SECRET_KEY]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return f"foam.mail.{what}.{digest[:32]}"
