"""Counters of the web: requests by answer, and sign-ins by outcome.

Each process counts in memory, and writes its counts every few seconds as it counts.
"""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db import connections

from notifications.metrics import store

REQUESTS = store.Counter("foam_requests_total")
SECONDS = store.Histogram("foam_request_seconds", (0.01, 0.05, 0.1, 0.25, 0.5, 1, 5, 30))
LOGINS = store.Counter("foam_logins_total")


def count_request(view: str, status: int, seconds: float) -> None:
    """Count an answered request by the name of its view and the class of its status."""
    store.buffer(REQUESTS.series(view=view, status=f"{status // 100}xx"))
    store.buffer_all(SECONDS.of([seconds]))
    store.flush()


def count_break(view: str) -> None:
    """Count an answer that broke off after its status was sent and counted."""
    store.buffer(REQUESTS.series(view=view, status="broken"))
    store.flush()


def close() -> None:
    """Write the counts of this process to the database, at its end."""
    store.flush(every=0)
    connections.close_all()


def _count_login(**_: Any) -> None:
    store.buffer(LOGINS.series(outcome="accepted"))


def _count_refusal(**_: Any) -> None:
    store.buffer(LOGINS.series(outcome="refused"))


user_logged_in.connect(_count_login)
user_login_failed.connect(_count_refusal)
