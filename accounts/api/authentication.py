"""Authentication by API token: `Authorization: Bearer foam_…`."""

from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import ApiToken, User


class TokenAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, secret = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        now = timezone.now()
        try:
            token = (
                ApiToken.objects.valid(now)
                .for_api()
                .for_secret(secret.strip().decode("ascii"))
                .select_related("user")
                .get()
            )
        except (UnicodeDecodeError, ApiToken.DoesNotExist):
            raise AuthenticationFailed("This token is unknown, expired or revoked.") from None
        token.touch(now)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="FOAM"'


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        text = "`Authorization: Bearer foam_…`, with a token of `POST tokens/` or `createtoken`."
        return {"type": "http", "scheme": "bearer", "description": text}
