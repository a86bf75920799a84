"""The doctor: checks everything that FOAM needs, and tells how to mend each fault.

It changes nothing. Each check runs in a thread of its own and within a time limit, so that a
database that is down, or a server that never answers, holds up no other check.
"""

from collections.abc import Iterator
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Thread

from django.db import Error, connections

from foam import logs
from foam.monitoring.doctor import broker, clock, database, host, mail, outgoing_proxy, running
from foam.monitoring.doctor.finding import Check, Finding, fail, unknown

# The limit for one check; longer than the time-outs within it.
PATIENCE_SECONDS = 15.0

CHECKS: list[Check] = [
    *host.CHECKS,
    *database.CHECKS,
    *broker.CHECKS,
    *running.CHECKS,
    *clock.CHECKS,
    *mail.CHECKS,
    *outgoing_proxy.CHECKS,
]


def examine(
    now: datetime, checks: list[Check] | None = None, patience: float = PATIENCE_SECONDS
) -> Iterator[Finding]:
    """Yield the findings of each check at `now`, one check after another."""
    for check in CHECKS if checks is None else checks:
        yield from _within(patience, check, now)


def _within(patience: float, check: Check, now: datetime) -> list[Finding]:
    answers: SimpleQueue[list[Finding]] = SimpleQueue()
    Thread(target=lambda: answers.put(_findings(check, now)), daemon=True).start()
    try:
        return answers.get(timeout=patience)
    except Empty:
        text = f"There was no answer within {patience:g} s."
        return [fail(check.name, text, "Look at the network between this machine and it.")]


def _findings(check: Check, now: datetime) -> list[Finding]:
    try:
        return list(check.look(now))
    except Error as error:
        # An error of PostgreSQL has a state; without one there was no connection.
        is_away = getattr(error.__cause__, "sqlstate", None) is None
        reason = "does not answer." if is_away else f"failed: {logs.format_error(error)}"
        return [unknown(check.name, f"Not known, as the database {reason}")]
    except Exception as bug:
        return [
            fail(check.name, f"The check itself failed: {logs.format_error(bug)}", "Report this.")
        ]
    finally:
        # Each thread has connections of its own, which Django closes at the end of requests only.
        connections.close_all()
