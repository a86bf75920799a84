"""Answers while PostgreSQL is away, full or starting: 503 with Retry-After."""

import sys

from django.db import Error
from django.http import HttpRequest, HttpResponse
from psycopg import InterfaceError

from foam.api import problems
from foam.postgresql.connection import is_of_session

RETRY_AFTER_SECONDS = 5
DETAIL = "The database does not answer at the moment. Nothing was changed: send this again soon."
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


def answer_failure(request: HttpRequest) -> HttpResponse:
    """Answer an unhandled exception: 503 while the database is away, else 500."""
    if is_database_away(sys.exception()):
        return unavailable(request)
    return problems.server_error(request)


def unavailable(request: HttpRequest) -> HttpResponse:
    """Return a 503: a page for a browser, a problem document for a program."""
    response = problems.answer(request, 503, DETAIL)
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    response["Cache-Control"] = "no-store"
    return response
