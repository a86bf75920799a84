from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import ApiToken


class HasScope(BasePermission):
    """Let a token do what its scopes say; a view names its own in `scope`. Sessions have all.

    Reading is GET, and the actions that a view names in `read_only_actions`: they write nothing.
    """

    message = "This token lacks the scope that this needs."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiToken):
            return True
        action = getattr(view, "action", None)
        is_read = request.method in SAFE_METHODS or action in getattr(view, "read_only_actions", ())
        access = "read" if is_read else "write"
        self.message = f"This token lacks the scope {view.scope}:{access}."
        return f"{view.scope}:{access}" in request.auth.scopes
