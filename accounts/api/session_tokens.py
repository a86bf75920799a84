"""A program that has signed a person in (docs/accounts.md) goes on as that person."""

from typing import Any

from allauth.headless.internal.sessionkit import authenticate_by_x_session_token
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

HEADER = "X-Session-Token"


class SessionTokenAuthentication(BaseAuthentication):
    """By a header, which no browser adds by itself: so there is no CSRF token to ask for."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        token = request.headers.get(HEADER)
        if not token:
            return None
        found = authenticate_by_x_session_token(token)
        if found is None or not found[0].is_active:
            raise AuthenticationFailed("This session is unknown or has ended.")
        return found

    def authenticate_header(self, request: Request) -> str:
        return HEADER


class SessionTokenScheme(OpenApiAuthenticationExtension):
    target_class = SessionTokenAuthentication
    name = "session_token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": HEADER}
