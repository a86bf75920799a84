"""Answers while PostgreSQL is away, full, starting or too slow: 503 with Retry-After."""

import sys

from django.db import Error
from django.http import HttpRequest, HttpResponse
from psycopg import InterfaceError

from foam.api import problems
from foam.postgresql.connection import is_of_session

RETRY_AFTER_SECONDS = 5
DETAIL = "The database does not answer at the moment. Nothing was changed: send this again soon."
NESTED = "This request is nested too deeply."
SLOW = (
    "The database took too long to answer this, and was stopped: ask for less, such as a "
    "smaller page or one filter more, or send it again later."
)
# SQLSTATEs of a statement that took longer than statement_timeout, or waited so long for a lock.
TOO_SLOW = {"57014", "55P03"}
# SQLSTATE class of a server without free memory, disk space or connections.
NO_RESOURCES = "53"


def is_database_away(error: BaseException | None) -> bool:
    """Whether an exception means that the database cannot be reached or cannot write now."""
    if not isinstance(error, Error):
        return False
    cause = error.__cause__
    if isinstance(cause, InterfaceError) or is_of_session(cause):
        return True
    return (getattr(cause, "sqlstate", None) or "").startswith(NO_RESOURCES)


def is_too_slow(error: BaseException | None) -> bool:
    """Whether PostgreSQL ended a statement that took longer than its limit."""
    return isinstance(error, Error) and getattr(error.__cause__, "sqlstate", None) in TOO_SLOW


def answer_failure(request: HttpRequest) -> HttpResponse:
    """Answer an unhandled exception: 503 while the database is away or too slow, else 500."""
    error = sys.exception()
    if is_database_away(error):
        return unavailable(request)
    if is_too_slow(error):
        return unavailable(request, SLOW)
    if isinstance(error, RecursionError):
        return problems.answer(request, 400, NESTED)
    return problems.server_error(request)


def unavailable(request: HttpRequest, detail: str = DETAIL) -> HttpResponse:
    """Return a 503: a page for a browser, a problem document for a program."""
    response = problems.answer(request, 503, detail)
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    response["Cache-Control"] = "no-store"
    return response
