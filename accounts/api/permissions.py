from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import ApiToken


def needed_scope(view: Any, method: str) -> str:
    """Return the scope that a token needs, such as reminders:read; empty where there is none."""
    scope = getattr(view, "scope", "")
    action = getattr(view, "action", None)
    is_read = method in SAFE_METHODS or action in getattr(view, "read_only_actions", ())
    return f"{scope}:{'read' if is_read else 'write'}" if scope else ""


class HasScope(BasePermission):
    """Let a token do what its scopes say; a view names its own in `scope`. Sessions have all.

    Reading is GET, and the actions that a view names in `read_only_actions`: they write nothing.
    """

    message = "This token lacks the scope that this needs."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiToken):
            return True
        # A view that names none is open to no token.
        needed = needed_scope(view, request.method or "")
        self.message = f"This token lacks the scope {needed}."
        return needed in request.auth.scopes
