"""Checks of query parameters: a misspelt, empty or repeated one is refused, not dropped."""

from collections.abc import Collection, Iterator

from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request

from accounts.api.errors import unknown_names

# The format of the answer. Every address takes it.
FORMAT = "format"
# An empty one is refused by pagination, which lists the allowed fields.
ORDERING = "ordering"


def check_query(
    request: Request, allowed: Collection[str], repeatable: Collection[str] = ()
) -> None:
    """Raise ValidationError for a parameter that is unknown, empty or given twice."""
    names = {*allowed, FORMAT}
    unknown = [name for name in request.query_params if name not in names]
    if unknown:
        hint = ", ".join(sorted(allowed)) or "none"
        message = f"Unknown query parameter. Allowed: {hint}."
        raise ValidationError(unknown_names(unknown, message))
    if faults := dict(_faults(request, repeatable)):
        raise ValidationError(faults)


def _faults(request: Request, repeatable: Collection[str]) -> Iterator[tuple[str, ErrorDetail]]:
    # The forms of the browsable API send all their fields, most of them empty.
    is_form = getattr(request.accepted_renderer, "format", "") == "api"
    for name, values in request.query_params.lists():
        if "" in values and not is_form and name != ORDERING:
            yield name, ErrorDetail("Give a value, or leave it out.", "blank")
        elif len(values) > 1 and name not in repeatable:
            yield name, ErrorDetail("Give it once.", "repeated")
