"""A login that the mail server has refused: when FOAM may try again, in whichever process.

Servers ban who logs in wrongly a few times (fail2ban: five within ten minutes). So all processes
wait together, in the cache, and then one of them tries first. Another name or password in EMAIL_URL
begins anew.
"""

import hashlib
import time
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.core.cache import cache

FIRST, LONGEST = timedelta(minutes=10), timedelta(hours=1)
# How long one process has for the first try after a pause, in seconds.
TRIAL = 60
# So often a process looks whether another one was refused, in seconds.
LOOK_EVERY = 5.0


class Refusal(NamedTuple):
    """The `number` of refusals in a row, and until when no login is tried."""

    number: int
    until: datetime


class _Memory:
    """The last look into the cache; one for each process."""

    refusal: Refusal | None = None
    looked_at = float("-inf")


def refused(now: datetime) -> None:
    """Note that the login was refused at `now`: the pause is twice the last one."""
    before = _read()
    if before and before.until > now:
        return
    number = before.number + 1 if before else 1
    length = min(FIRST * 2 ** (number - 1), LONGEST)
    _Memory.refusal = Refusal(number, now + length)
    cache.set(_key(), tuple(_Memory.refusal), 3 * length.total_seconds())
    cache.delete(_key("trial"))


def is_refused() -> bool:
    """Tell whether this process knows of a refusal, without looking."""
    return _Memory.refusal is not None


def accepted() -> None:
    """Note that the login works again."""
    cache.delete_many([_key(), _key("trial")])
    _Memory.refusal = None


def paused(now: datetime) -> str:
    """Say in a sentence that no login is tried at `now`; empty when one may be."""
    if time.monotonic() - _Memory.looked_at >= LOOK_EVERY:
        _read()
    refusal = _Memory.refusal
    if refusal is None:
        return ""
    if now >= refusal.until and cache.add(_key("trial"), 1, TRIAL):
        return ""
    again = max(refusal.until, now)
    return (
        "The mail server does not let us log in: wrong name or password. FOAM tries to log in "
        f"again at {again:%H:%M} UTC"
    )


def _read() -> Refusal | None:
    stored = cache.get(_key())
    _Memory.refusal = Refusal(*stored) if stored else None
    _Memory.looked_at = time.monotonic()
    return _Memory.refusal


def _key(what: str = "refusal") -> str:
    """Return a key of the present login; what it is made of cannot be told from it."""
    login = (settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_HOST_USER)
    parts = [*map(str, login), settings.EMAIL_HOST_PASSWORD, settings.SECRET_KEY]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return f"foam.mail.{what}.{digest[:32]}"
