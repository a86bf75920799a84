"""The admin's site, which lets staff in only after a second factor."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.decorators import secure_admin_login
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.sites import UnfoldAdminSite

FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
NEEDED = "Staff need a second factor: set up an authenticator app or a passkey to go on."
SHOW = "Use your second factor to go on."
SIGN_OUT = "admin:logout"
CACHED = "_lacks_second_factor"


class AdminSite(UnfoldAdminSite):
    """Refuses a session without a second factor in each view, by every address of it.

    Staff without a second factor are redirected to the page that sets one up.
    """

    def has_permission(self, request: HttpRequest) -> bool:
        if not super().has_permission(request):
            return False
        return is_sign_out(request) or not lacks_second_factor(request)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        protected = super().admin_view(view, cacheable)

        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not is_sign_out(request) and lacks_second_factor(request):
                return ask_for_second_factor(request)
            return protected(request, *args, **kwargs)

        return update_wrapper(inner, protected)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Let staff sign in as users do, with the second factor and the rate limits."""
        if lacks_second_factor(request):
            return ask_for_second_factor(request)
        return secure_admin_login(super().login)(request, extra_context)


def is_sign_out(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and match.view_name == SIGN_OUT


def lacks_second_factor(request: HttpRequest) -> bool:
    """Whether this is a session of staff that has not shown the second factor it needs."""
    user: Any = request.user
    if not (settings.FOAM_STAFF_SECOND_FACTOR and user.is_authenticated and user.is_staff):
        return False
    # Django asks several times for a page, and each answer takes a query.
    if not hasattr(request, CACHED):
        setattr(request, CACHED, not has_shown_second_factor(request))
    return bool(getattr(request, CACHED))


def has_shown_second_factor(request: HttpRequest) -> bool:
    """Whether a second factor was set up, or used to sign in or confirm, in this session."""
    if not is_mfa_enabled(request.user, FACTORS):
        return False
    records = get_authentication_records(request, request.user)
    return any(record["method"] == "mfa" for record in records)


def ask_for_second_factor(request: HttpRequest) -> HttpResponse:
    """Redirect to the page that sets a second factor up, or that asks for it."""
    if not is_mfa_enabled(request.user, FACTORS):
        messages.warning(request, NEEDED)
        return HttpResponseRedirect(reverse("mfa_index"))
    messages.warning(request, SHOW)
    here = urlencode({"next": request.get_full_path()})
    methods = get_adapter().get_reauthentication_methods(request.user)
    page = next(method["url"] for method in methods if method["id"].startswith("mfa_"))
    return HttpResponseRedirect(f"{page}?{here}")
