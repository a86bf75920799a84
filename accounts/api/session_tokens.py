"""Authentication by the session token of a program that signed a person in (docs/accounts.md)."""

from typing import Any

from allauth.headless.internal.sessionkit import authenticate_by_x_session_token
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

HEADER = "X-Session-Token"


class SessionTokenAuthentication(BaseAuthentication):
    """Authenticates by X-Session-Token. Browsers never add it, so no CSRF token is needed."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        token = request.headers.get(HEADER)
        if not token:
            return None
        user_and_session = authenticate_by_x_session_token(token)
        if user_and_session is None or not user_and_session[0].is_active:
            raise AuthenticationFailed("This session is unknown or has ended. Sign in again.")
        return user_and_session

    def authenticate_header(self, request: Request) -> str:
        return HEADER


class SessionTokenScheme(OpenApiAuthenticationExtension):
    target_class = SessionTokenAuthentication
    name = "session_token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": HEADER}
