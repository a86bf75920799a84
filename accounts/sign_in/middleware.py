"""Middleware of the account's pages and of the admin.

It decides by the view that Django resolved, never by the path of a request.
"""

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest, ValidationError
from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from accounts.audit.actor import FOAM, Actor, Source, acting_as, set_actor

log = logging.getLogger(__name__)
Answer = Callable[[HttpRequest], HttpResponse]

# The first part of the account's routes in accounts.sign_in.urls.
ACCOUNT_ROUTE = "account/"
UNUSABLE_FILTER = "The filter in the address is not valid, so this is the whole list."


def source_of(request: HttpRequest) -> Source | None:
    """Return whether the view is one of the admin or of the account's pages, None for others."""
    match = request.resolver_match
    if match is None:
        return None
    if "admin" in match.app_names:
        return Source.ADMIN
    return Source.ACCOUNT if match.route.startswith(ACCOUNT_ROUTE) else None


def content_security(get_response: Answer) -> Answer:
    """Set the CSP of the account's pages: FOAM's own files only, and no frames."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        # A passkey fetches its challenge.
        "connect-src 'self'; "
        f"form-action 'self'{_provider()}; base-uri 'none'; frame-ancestors 'none'"
    )

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if source_of(request) is Source.ACCOUNT:
            response.headers.setdefault("Content-Security-Policy", policy)
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers.setdefault("Referrer-Policy", "same-origin")
        return response

    return middleware


def _provider() -> str:
    """Return the origin of the team's provider, to which the sign-in form redirects."""
    issuer = urlsplit(settings.FOAM_OIDC_ISSUER)
    return f" {issuer.scheme}://{issuer.netloc}" if issuer.netloc else ""


class UnusableFilter:
    """Redirects staff to the whole list if its address is unusable, and refuses such forms.

    Django checks neither the range of filters in an address, such as the year 300000, nor their
    values for fields of other types, nor the id of a row that a form chooses.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if source_of(request) is not Source.ADMIN:
            return None
        if request.method == "POST" and _is_of_field(error):
            raise BadRequest("A field of the form has a value of another type.") from error
        refused = (DataError, ValueError, OverflowError, ValidationError)
        is_unusable = isinstance(error, refused) or _is_too_complex(error)
        if not (request.method == "GET" and request.GET and is_unusable):
            return None
        log.warning("an address of the admin cannot be used", exc_info=error)
        messages.error(request, UNUSABLE_FILTER)
        return HttpResponseRedirect(request.path)


def _is_too_complex(error: Exception) -> bool:
    """Whether PostgreSQL has refused a value that is nested too deeply (SQLSTATE class 54)."""
    return (getattr(error.__cause__, "sqlstate", None) or "").startswith("54")


def _is_of_field(error: Exception) -> bool:
    """Whether a field of a model has refused the type of a value, in the words of Django."""
    return isinstance(error, ValueError | TypeError) and str(error).startswith("Field ")


class RecordActor:
    """Sets the current actor for the views of the admin and of the account's pages."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with acting_as(FOAM):
            return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        if source := source_of(request):
            set_actor(Actor(source.value, request.user.pk))
