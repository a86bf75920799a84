from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import ApiToken


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
