"""Authentication by API token, `Authorization: Bearer foam_…`, and what its scopes allow."""

from datetime import datetime
from functools import cache, partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import BooleanField, Func, Model
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
    names = _names(ApiToken)
    size = len(names)
    read = partial(_token_query().fetch, digest=digest, now=now)
    # Of our own backend, foam.postgresql.base. The column after those of the token is `is_standby`.
    database: Any = connection
    rows = database.run_first(read, lambda rows: bool(rows) and not rows[0][size])
    if not rows:
        return None
    token = ApiToken.from_db(DEFAULT_DB_ALIAS, names, rows[0][:size])
    token.user = User.from_db(DEFAULT_DB_ALIAS, _names(User), rows[0][size + 1 :])
    return token


@cache
def _names(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


@cache
def _token_query() -> CompiledQuery:
    tokens = ApiToken.objects.valid(NOW).for_api().filter(digest=DIGEST)
    is_standby = Func(function="pg_is_in_recovery", output_field=BooleanField())
    return CompiledQuery(tokens.select_related("user").annotate(is_standby=is_standby))


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
