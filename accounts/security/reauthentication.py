"""Asks a person to confirm who they are, before something that takes an account."""

from types import SimpleNamespace
from typing import Any

from allauth.account.internal.flows.reauthentication import did_recently_reauthenticate
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from accounts.models import ApiToken


def has_confirmed(user: Any, session: SessionBase) -> bool:
    """Tell whether the user has given the password or a factor again in the last five minutes."""
    return bool(did_recently_reauthenticate(SimpleNamespace(user=user, session=session)))


def check_confirmed(request: Request) -> None:
    """Raise PermissionDenied if this is a session whose user has not confirmed who they are.

    An API token has nothing to confirm: it makes only what its own scopes allow.
    """
    if isinstance(request.auth, ApiToken):
        return
    http: HttpRequest = request._request
    session = request.auth if isinstance(request.auth, SessionBase) else http.session
    if not has_confirmed(request.user, session):
        page = f"{settings.FOAM_BASE_URL}/account/reauthenticate/?next={http.path}"
        raise PermissionDenied(
            f"Confirm first that it is you, at {page} (a program: POST auth/reauthenticate or "
            "auth/2fa/reauthenticate). Then send this again within five minutes."
        )
