"""Query parameters: one that is misspelt is not silently dropped."""

from collections.abc import Collection

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request


def refuse_unknown(request: Request, allowed: Collection[str]) -> None:
    """Raise ValidationError for query parameters that are not allowed, nor `format`."""
    unknown = [name for name in request.query_params if name not in {*allowed, "format"}]
    if unknown:
        names = ", ".join(sorted(allowed)) or "none"
        message = f"Unknown query parameter. Allowed: {names}."
        raise ValidationError({name: [message] for name in unknown}, code="unknown")
