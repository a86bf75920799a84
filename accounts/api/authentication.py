"""Authentication by API token, `Authorization: Bearer foam_…`, and what its scopes allow."""

from datetime import datetime
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import ApiToken, User
from accounts.sql import DIGEST, NOW, CompiledQuery


class TokenAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, secret = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        now = timezone.now()
        token = read_token(secret.strip(), now)
        if token is None:
            raise AuthenticationFailed("This token is unknown, expired or revoked.")
        token.touch(now)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="FOAM"'


def read_token(secret: bytes, now: datetime) -> ApiToken | None:
    """Return the valid token of the API with this secret, with its user; else None."""
    digest = ApiToken.digest_of(secret.decode("latin-1"))
    rows = _token_query().fetch(digest=digest, now=now)
    if not rows:
        return None
    row, names = rows[0], _names(ApiToken)
    token = ApiToken.from_db(DEFAULT_DB_ALIAS, names, row[: len(names)])
    token.user = User.from_db(DEFAULT_DB_ALIAS, _names(User), row[len(names) :])
    return token


@cache
def _names(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


@cache
def _token_query() -> CompiledQuery:
    tokens = ApiToken.objects.valid(NOW).for_api().filter(digest=DIGEST)
    return CompiledQuery(tokens.select_related("user"))


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        text = "`Authorization: Bearer foam_…`, with a token of `POST tokens/` or `createtoken`."
        return {"type": "http", "scheme": "bearer", "description": text}


def needed_scope(view: Any, method: str) -> str:
    """Return the scope that a token needs, such as reminders:read; empty if no token is allowed."""
    scope = getattr(view, "scope", "")
    action = getattr(view, "action", None)
    is_read = method in SAFE_METHODS or action in getattr(view, "read_only_actions", ())
    return f"{scope}:{'read' if is_read else 'write'}" if scope else ""


class HasScope(BasePermission):
    """Allows a token the requests that its scopes cover. A session needs no scope.

    A view sets `scope`, and `read_only_actions` for those POST actions that write nothing.
    """

    message = "This token lacks the scope of this request."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiToken):
            return True
        # A view without `scope` is closed to all tokens.
        needed = needed_scope(view, request.method or "")
        self.message = f"This token lacks the scope {needed}."
        return needed in request.auth.scopes
