"""The error responses of the OpenAPI document, one component for each status."""

from typing import Any, NamedTuple

from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent
from rest_framework import serializers

from foam.api.openapi.headers import COMMON_HEADERS, header_ref
from foam.api.problem_types import PROBLEM_TYPES
from foam.api.problems import CONTENT_TYPE, INVALID, problem, type_of

EXAMPLE_BASE = "https://foam.example.org"
EXAMPLE_ERRORS = [
    {"field": "timezone", "code": "timezone", "detail": "'Mars' is not an IANA time zone."}
]


class ProblemResponse(NamedTuple):
    """The name of a response, an example of its `detail`, and the headers it may have."""

    name: str
    detail: str
    headers: tuple[str, ...] = ()


REPLAYED = ("Idempotency-Replayed",)
PROBLEMS = {
    400: ProblemResponse("Unusable", INVALID, REPLAYED),
    401: ProblemResponse(
        "Unauthorized", "This token is unknown, expired or revoked.", ("WWW-Authenticate",)
    ),
    403: ProblemResponse("Forbidden", "This token lacks the scope reminders:write."),
    404: ProblemResponse("NotFound", "No Reminder matches the given query.", REPLAYED),
    406: ProblemResponse("NotAcceptable", "Could not satisfy the request Accept header."),
    409: ProblemResponse(
        "Conflict",
        "Only a dead delivery can be retried; this one is sent.",
        ("Retry-After", *REPLAYED),
    ),
    410: ProblemResponse(
        "Gone",
        "This is too long ago: FOAM no longer knows what was deleted since. Start again with "
        "updated_since=start.",
    ),
    412: ProblemResponse(
        "PreconditionFailed",
        "This has been changed since the version that If-Match names. Read it again.",
        REPLAYED,
    ),
    413: ProblemResponse("TooLarge", "The body is larger than 1048576 bytes."),
    415: ProblemResponse("UnsupportedMediaType", 'Unsupported media type "text/plain" in request.'),
    429: ProblemResponse(
        "TooManyRequests", "That was the fifth message within an hour.", ("Retry-After",)
    ),
    503: ProblemResponse(
        "Unavailable",
        "The database does not answer at the moment. Nothing was changed: send this again soon.",
        ("Retry-After",),
    ),
}


class FieldErrorSerializer(serializers.Serializer[Any]):
    """An error of one field of the request."""

    field = serializers.CharField(
        help_text="The path of the field, parameter or header, such as `items.0.id`. Empty if the "
        "error belongs to none."
    )
    code = serializers.CharField(help_text="The kind of the error, for programs.")
    detail = serializers.CharField(help_text="What is wrong and what is allowed, for people.")


class ProblemSerializer(serializers.Serializer[Any]):
    """A problem document (RFC 9457). Nothing was changed."""

    type = serializers.URLField(help_text="The address of a page that explains errors of its kind.")
    title = serializers.CharField(help_text="The name of the status.")
    status = serializers.IntegerField(help_text="The status of the answer.")
    code = serializers.CharField(
        help_text="The kind of the error, for programs: "
        + ", ".join(f"`{c}`" for c in PROBLEM_TYPES)
        + ". New ones may be added."
    )
    detail = serializers.CharField(help_text="What went wrong, for people.")
    request_id = serializers.CharField(
        help_text="The id of the request, as in the header `X-Request-ID`."
    )
    errors = FieldErrorSerializer(  # type: ignore[assignment]
        many=True, required=False, help_text="The errors by field, with status 400."
    )


def meaning_of(status: int) -> str:
    """Return what a status means: the meanings of its codes."""
    return " ".join(kind.meaning for kind in PROBLEM_TYPES.values() if kind.status == status)


def example_of(status: int) -> dict[str, Any]:
    """Return an example of a problem document with this status."""
    errors = EXAMPLE_ERRORS if status == 400 else None
    document = problem(status, PROBLEMS[status].detail, errors)
    address = type_of(document["code"], EXAMPLE_BASE)
    return document | {"type": address, "request_id": "8e03978e40d543e8bc936894a57f9324"}


def problem_response(
    registry: ComponentRegistry, status: int, schema: dict[str, Any]
) -> dict[str, Any]:
    """Return a reference to the response with an error status; `schema` is that of a problem."""
    response = PROBLEMS[status]
    names = (*COMMON_HEADERS, *response.headers)
    answer = {
        "description": meaning_of(status),
        "headers": {name: header_ref(name) for name in names},
        "content": {CONTENT_TYPE: {"schema": schema, "example": example_of(status)}},
    }
    component = ResolvedComponent(response.name, ResolvedComponent.RESPONSE, answer, response.name)
    registry.register_on_missing(component)
    return component.ref
