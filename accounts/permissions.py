from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import ApiToken


class HasScope(BasePermission):
    """Let a token do what its scopes say; a view names its own in `scope`. Sessions have all."""

    message = "This token lacks the scope that this needs."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiToken):
            return True
        access = "read" if request.method in SAFE_METHODS else "write"
        self.message = f"This token lacks the scope {view.scope}:{access}."
        return f"{view.scope}:{access}" in request.auth.scopes
