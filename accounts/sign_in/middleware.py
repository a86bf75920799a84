"""Middleware of the account's pages and of the admin."""

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts.audit.actor import Actor, Source, acting_as

Answer = Callable[[HttpRequest], HttpResponse]

FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
NEEDED = "Staff need a second factor: set up an authenticator app or a passkey to go on."
UNUSABLE_FILTER = "The filter in the address is not valid, so this is the whole list."
SHOW = "Use your second factor to go on."


def content_security(get_response: Answer) -> Answer:
    """Set the CSP of the account's pages: FOAM's own files only, and no frames."""
    begin = reverse("account_home")
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        # A passkey fetches its challenge.
        "connect-src 'self'; "
        f"form-action 'self'{_provider()}; base-uri 'none'; frame-ancestors 'none'"
    )

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path.startswith(begin):
            response.headers.setdefault("Content-Security-Policy", policy)
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers.setdefault("Referrer-Policy", "same-origin")
        return response

    return middleware


def _provider() -> str:
    """Return the origin of the team's provider, to which the sign-in form redirects."""
    issuer = urlsplit(settings.FOAM_OIDC_ISSUER)
    return f" {issuer.scheme}://{issuer.netloc}" if issuer.netloc else ""


def staff_second_factor(get_response: Answer) -> Answer:
    """Let staff into the admin only if this session has shown a second factor.

    Staff without a second factor are redirected to the page that sets one up.
    """
    begin, logout = reverse("admin:index"), reverse("admin:logout")

    def middleware(request: HttpRequest) -> HttpResponse:
        is_admin = request.path.startswith(begin) and request.path != logout
        if is_admin and settings.FOAM_STAFF_SECOND_FACTOR and _is_staff(request):
            if not is_mfa_enabled(request.user, FACTORS):
                messages.warning(request, NEEDED)
                return HttpResponseRedirect(reverse("mfa_index"))
            if not has_shown_second_factor(request):
                messages.warning(request, SHOW)
                here = urlencode({"next": request.get_full_path()})
                return HttpResponseRedirect(f"{_second_factor_url(request)}?{here}")
        return get_response(request)

    return middleware


class UnusableFilter:
    """Redirects staff to the whole list if PostgreSQL refuses the value of a filter.

    Django checks the type of filters in an address, but not their range: an instant with an offset
    of 16 hours, or the year 300000.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response
        self.begin = reverse("admin:index")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        is_filter = request.method == "GET" and request.GET and request.path.startswith(self.begin)
        if not (is_filter and isinstance(error, DataError)):
            return None
        messages.error(request, UNUSABLE_FILTER)
        return HttpResponseRedirect(request.path)


def record_actor(get_response: Answer) -> Answer:
    """Set the current actor for requests to the admin and to the account's pages."""
    sources = ((reverse("admin:index"), Source.ADMIN), (reverse("account_home"), Source.ACCOUNT))

    def middleware(request: HttpRequest) -> HttpResponse:
        source = next((source for begin, source in sources if request.path.startswith(begin)), None)
        if source is None:
            return get_response(request)
        with acting_as(Actor(source.value, request.user.pk)):
            return get_response(request)

    return middleware


def addresses_as_text(get_response: Answer) -> Answer:
    """Refuse null characters in an address of the admin, which PostgreSQL does not store."""
    begin = reverse("admin:index")

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path.startswith(begin):
            values = (value for values in request.GET.lists() for value in values[1])
            if any("\0" in text for text in (*request.GET, *values)):
                raise BadRequest("The address holds a null character.")
        return get_response(request)

    return middleware


def _is_staff(request: HttpRequest) -> bool:
    return request.user.is_authenticated and request.user.is_staff


def _second_factor_url(request: HttpRequest) -> str:
    methods = get_adapter().get_reauthentication_methods(request.user)
    return next(method["url"] for method in methods if method["id"].startswith("mfa_"))


def has_shown_second_factor(request: HttpRequest) -> bool:
    """Whether a second factor was set up, or used to sign in or confirm, in this session."""
    records = get_authentication_records(request, request.user)
    return any(record["method"] == "mfa" for record in records)
