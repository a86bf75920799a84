"""Query parameters: none is dropped silently, be it misspelt, empty or given twice."""

from collections.abc import Collection, Iterator

from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request

from accounts.api.errors import unknown_names

# Which form an answer has: every address takes it.
FORMAT = "format"
# Pagination says what there is to order by.
ORDERING = "ordering"


def check_query(
    request: Request, allowed: Collection[str], repeatable: Collection[str] = ()
) -> None:
    """Raise ValidationError for a parameter that is unknown, empty or given twice."""
    known = {*allowed, FORMAT}
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        names = ", ".join(sorted(allowed)) or "none"
        message = f"Unknown query parameter. Allowed: {names}."
        raise ValidationError(unknown_names(unknown, message))
    if faults := dict(_faults(request, repeatable)):
        raise ValidationError(faults)


def _faults(request: Request, repeatable: Collection[str]) -> Iterator[tuple[str, ErrorDetail]]:
    # The forms of the browsable API send every field that they have, most of them empty.
    is_form = getattr(request.accepted_renderer, "format", "") == "api"
    for name, values in request.query_params.lists():
        if "" in values and not is_form and name != ORDERING:
            yield name, ErrorDetail("Give a value, or leave it out.", "blank")
        elif len(values) > 1 and name not in repeatable:
            yield name, ErrorDetail("Give it once.", "repeated")
