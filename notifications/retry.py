"""The backoff of failed attempts, with the steps that Standard Webhooks recommends. Pure."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from random import Random

MAX_ATTEMPTS = 10

# After attempt 1, 2, ... 9: about 75 hours in all.
LADDER = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
# A receiver's `Retry-After` is cut to the last step.
LONGEST_WAIT = LADDER[-1]
JITTER = 0.1

_random = Random()  # noqa: S311  jitter is no secret


def backoff(
    attempt: int, retry_after: timedelta | None = None, *, random: Random = _random
) -> timedelta:
    """Return how long to wait after failed attempt number `attempt` (1 is the first).

    This is the step plus up to 10 %, so that messages that failed together are not retried
    together: 5 to 5.5 s, 5 to 5.5 min, 30 to 33 min ... A longer `Retry-After` of the receiver is
    obeyed.
    """
    step = LADDER[min(attempt, len(LADDER)) - 1]
    wait = step * (1 + JITTER * random.random())
    if retry_after is not None:
        wait = max(wait, min(retry_after, LONGEST_WAIT))
    return wait


def requested_wait(header: str, now: datetime) -> timedelta | None:
    """Return the wait that a `Retry-After` header asks for, LONGEST_WAIT at most; None without one.

    The header is a number of seconds or a date (RFC 9110, section 10.2.3).
    """
    if header.isascii() and header.isdigit():
        wait = timedelta(seconds=int(header[:9]))
    else:
        try:
            moment = parsedate_to_datetime(header)
            wait = moment.replace(tzinfo=moment.tzinfo or UTC) - now
        except (TypeError, ValueError, OverflowError):
            return None
    return min(wait, LONGEST_WAIT) if wait > timedelta(0) else None
