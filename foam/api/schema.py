"""The OpenAPI document: requests, answers and errors of each operation.

drf-spectacular derives most of it from the views. A view adds, in `problems`, the error statuses of
its own code, by action. Examples are in foam.api.examples.
"""

from http import HTTPStatus
from typing import Any, ClassVar

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema as SpectacularSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.parsers import FormParser, MultiPartParser

from accounts.api import idempotency
from accounts.api.authentication import needed_scope
from accounts.api.base import ApiView, StrictSerializer
from accounts.models.user import validate_timezone
from foam.api.examples import EXAMPLES
from foam.api.problems import CONTENT_TYPE, INVALID, problem

# By error status: the name of the response, its description and an example of `detail`.
PROBLEMS: dict[int, tuple[str, str, str]] = {
    400: (
        "Unusable",
        "A field, parameter or header is not valid. `errors` lists each with the reason.",
        INVALID,
    ),
    401: (
        "Unauthorized",
        "There is no token, or it is unknown, expired or revoked.",
        "This token is unknown, expired or revoked.",
    ),
    403: (
        "Forbidden",
        "The token lacks a scope, or a browser session sent no CSRF token.",
        "This token lacks the scope reminders:write.",
    ),
    404: (
        "NotFound",
        "It does not exist, or it belongs to another user.",
        "No Reminder matches the given query.",
    ),
    406: (
        "NotAcceptable",
        "No format in `Accept` is available.",
        "Could not satisfy the request Accept header.",
    ),
    409: (
        "Conflict",
        "Its state does not allow this, a parallel request changed it, or the `Idempotency-Key` is "
        "in use.",
        "Only a dead delivery can be retried; this one is sent.",
    ),
    410: (
        "Gone",
        "`updated_since` is too long ago: deletions since then are not known any more.",
        "This is too long ago: FOAM no longer knows what was deleted since. Start again with "
        "updated_since=start.",
    ),
    412: (
        "PreconditionFailed",
        "It was changed after the version in `If-Match`.",
        "This has been changed since the version that If-Match names. Read it again.",
    ),
    413: ("TooLarge", "The body is too large.", "The body is larger than 1048576 bytes."),
    415: (
        "UnsupportedMediaType",
        "The body has an unsupported content type. Send JSON.",
        'Unsupported media type "text/plain" in request.',
    ),
    429: (
        "TooManyRequests",
        "Too many requests. Wait for the seconds in `Retry-After`, then try again.",
        "That was the fifth message within an hour.",
    ),
}
HEADERS: dict[int, dict[str, Any]] = {
    401: {
        "WWW-Authenticate": {
            "description": "The scheme to use: Bearer.",
            "schema": {"type": "string", "pattern": "^Bearer"},
        }
    },
    429: {
        "Retry-After": {
            "description": "Seconds to wait before you try again.",
            "schema": {"type": "string", "pattern": "^[0-9]+$"},
        }
    },
}
EXAMPLE_ERRORS = [
    {"field": "timezone", "code": "timezone", "detail": "'Mars' is not an IANA time zone."}
]
TIMEZONE = "^[A-Za-z][A-Za-z0-9_+/-]*$"
VERBS = {
    "list": "List {many}",
    "create": "Create {one}",
    "retrieve": "Show {one}",
    "update": "Replace {one}",
    "partial_update": "Change {one}",
    "destroy": "Delete {one}",
}
WRITES = {"POST", "PUT", "PATCH"}
# Parsers of the browsable API, left out of the document: programs send JSON.
FORMS = (FormParser, MultiPartParser)


KEY = OpenApiParameter(
    idempotency.HEADER,
    {"type": "string", "pattern": f"^{idempotency.KEY}$"},
    OpenApiParameter.HEADER,
    description="A text of your choice, such as a UUID. If you repeat the request with the same "
    "key, nothing changes and you get the first answer.",
)
_TAG = '(W/)?"[!#-~]*"'
IF_MATCH = OpenApiParameter(
    "If-Match",
    {"type": "string", "maxLength": 4096, "pattern": f"^([*]|{_TAG}( *, *{_TAG})*)$"},
    OpenApiParameter.HEADER,
    description="The `ETag` that you have read, or *. If it has changed since, you get 412.",
)
LOCATION = {
    "Location": {
        "description": "The address of the created object.",
        "schema": {"type": "string", "format": "uri"},
    }
}
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="The `ETag` that you have, or *. If it is unchanged, you get 304 without a body.",
)


class FieldErrorSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """A problem document (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField(required=False)
    errors = FieldErrorSerializer(many=True, required=False)  # type: ignore[assignment]


class AutoSchema(SpectacularSchema):
    """Describes an operation of the API: its name, headers, examples and errors."""

    def get_override_parameters(self) -> list[Any]:
        return [*super().get_override_parameters(), *self._headers()]

    def _headers(self) -> list[OpenApiParameter]:
        """Return the headers that this operation reads."""
        if not isinstance(self.view, ApiView):
            return []
        if self.method == "GET":
            return [IF_NONE_MATCH]
        conditions = [IF_MATCH] if "{" in self.path or self.method == "PATCH" else []
        return [*conditions, *([KEY] if self.method == "POST" else [])]

    def _get_paginator(self) -> Any:
        paginator = super()._get_paginator()
        if paginator is not None:
            paginator.extra = getattr(self.view, "paged_with", {})
        return paginator

    def get_operation_id(self) -> str:
        """Return noun and action, such as reminders_pause."""
        action = getattr(self.view, "action", None)
        if action is None:
            return str(super().get_operation_id())
        return f"{self.get_tags()[0]}_{action}"

    def get_summary(self) -> str:
        """Return the view's summary, verb and noun, or the first sentence of its description."""
        if summary := super().get_summary():
            return str(summary)
        verb = VERBS.get(getattr(self.view, "action", None) or self.method.lower())
        model = getattr(self.view, "model", None)
        if verb is None or model is None:
            return str(super().get_description() or "").split("\n")[0].split(". ")[0].rstrip(".:")
        one, many = model._meta.verbose_name, model._meta.verbose_name_plural
        article = "an" if one[0].lower() in "aeiou" else "a"
        return verb.format(one=f"{article} {one}", many=f"your {many}")

    def get_auth(self) -> list[dict[str, Any]]:
        """Add the scope that a token needs. OpenAPI 3.1 allows this for any scheme."""
        scope = needed_scope(self.view, self.method)
        return [
            {
                name: [scope] if name == "token" and scope else scopes
                for name, scopes in requirement.items()
            }
            for requirement in super().get_auth()
        ]

    def get_description(self) -> str:
        text, scope = super().get_description() or "", needed_scope(self.view, self.method)
        return f"{text}\n\nScope: `{scope}`." if scope and self.get_auth() else text

    def get_examples(self) -> list[OpenApiExample]:
        example = EXAMPLES.get(self.get_operation_id())
        if example is None:
            return []
        requests = [OpenApiExample("Example", example.body, request_only=True)]
        responses = [
            OpenApiExample("Example", value, response_only=True, status_codes=[str(status)])
            for status, value in example.answers.items()
        ]
        return (requests if example.body is not None else []) + responses

    def map_parsers(self) -> list[Any]:
        parsers = self.view.get_parsers()
        without_forms = [parser for parser in parsers if not isinstance(parser, FORMS)]
        return list(dict.fromkeys(parser.media_type for parser in without_forms or parsers))

    def _map_basic_serializer(self, serializer: Any, direction: str) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)
        if direction == "request" and isinstance(serializer, StrictSerializer):
            schema["additionalProperties"] = False
            schema |= getattr(serializer, "schema_rules", {})
        elif direction == "response":
            schema["required"] = sorted(
                name for name, field in serializer.fields.items() if _is_always_present(field)
            )
        return schema

    def _map_serializer_field(
        self, field: Any, direction: str, bypass_extensions: bool = False
    ) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_serializer_field(field, direction, bypass_extensions)
        if direction == "request" and schema:
            if getattr(field, "allow_empty", True) is False:
                schema["minItems"] = 1
            if validate_timezone in getattr(field, "validators", ()):
                schema |= {"pattern": TIMEZONE, "examples": ["Europe/Berlin"]}
        return schema

    def _get_parameters(self) -> list[dict[str, Any]]:
        """Add a minimum length of 1 to text parameters, as empty ones are refused everywhere."""
        parameters: list[dict[str, Any]] = super()._get_parameters()
        for parameter in parameters:
            schema = parameter["schema"]
            is_free = schema.get("type") == "string" and not {"enum", "format"} & schema.keys()
            if parameter["in"] == "query" and is_free:
                schema.setdefault("minLength", 1)
        return parameters

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for code, body in bodies.items():
            body["description"] = body["description"] or HTTPStatus(int(code)).phrase
            if code == "201":
                body["headers"] = LOCATION
        if IF_NONE_MATCH in self._headers():
            bodies["304"] = {"description": "Not changed since the `ETag` in `If-None-Match`."}
        for status in sorted(self._problems()):
            bodies.setdefault(str(status), self._problem(status, direction))
        return bodies

    def _problems(self) -> set[int]:
        """Return the error statuses of this operation."""
        has_body = self.method in WRITES and bool(self._get_request_body())
        action = getattr(self.view, "action", self.method.lower())
        headers = self._headers()
        queries = any(parameter["in"] == "query" for parameter in self._get_parameters())
        return {
            406,
            *({400} if has_body or queries or headers else ()),
            *({409} if KEY in headers else ()),
            *({412} if IF_MATCH in headers else ()),
            *({413, 415} if has_body else ()),
            *({401, 403} if any(self.get_auth()) else ()),
            *({404} if "{" in self.path else ()),
            *({429} if self.view.get_throttles() else ()),
            *getattr(self.view, "problems", {}).get(action, ()),
        }

    def _problem(self, status: int, direction: str) -> dict[str, Any]:
        name, meaning, detail = PROBLEMS[status]
        schema = self.resolve_serializer(ProblemSerializer, direction).ref
        example = problem(status, detail, EXAMPLE_ERRORS if status == 400 else None)
        content = {CONTENT_TYPE: {"schema": schema, "example": example}}
        answer = {"description": meaning, "content": content}
        if status in HEADERS:
            answer["headers"] = HEADERS[status]
        component = ResolvedComponent(name, ResolvedComponent.RESPONSE, answer, name)
        self.registry.register_on_missing(component)
        return component.ref


def _is_always_present(field: Any) -> bool:
    """Whether each answer has a field: all of a row, else those required or with a default."""
    is_row = isinstance(field.parent, serializers.ModelSerializer)
    return not field.write_only and (
        is_row or field.required or field.read_only or field.default is not empty
    )


class IsoDurationSchema(OpenApiSerializerFieldExtension):
    target_class = "accounts.api.base.IsoDuration"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        pattern = _duration_pattern()
        return {"type": "string", "pattern": pattern, "examples": ["PT5M", "P1DT12H"]}


class LeadSchema(OpenApiSerializerFieldExtension):
    target_class = "reminders.api.fields.LeadDuration"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        pattern = _duration_pattern(time_sign="-?")
        return {"type": "string", "pattern": pattern, "examples": ["PT15M", "P1D", "PT24H"]}


def _duration_pattern(time_sign: str = "") -> str:
    """Return the pattern of durations: at least one number, each with its unit."""
    weeks, days = "[0-9]{1,9}W", "[0-9]{1,9}D"
    hours, minutes, seconds = (f"{time_sign}[0-9]{{1,9}}{unit}" for unit in "HMS")
    time = f"T({hours}({minutes})?({seconds})?|{minutes}({seconds})?|{seconds})"
    return f"^P({weeks}({days})?({time})?|{days}({time})?|{time})$"


class WallClockSchema(OpenApiSerializerFieldExtension):
    target_class = "reminders.api.fields.WallClockTime"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        # A pattern, as the format `date-time` needs an offset.
        offset = "" if direction == "response" else "([.][0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})?"
        pattern = f"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}{offset}$"
        return {"type": "string", "pattern": pattern, "examples": ["2026-11-23T18:00:00"]}


class TimeSchema(OpenApiSerializerFieldExtension):
    target_class = serializers.TimeField
    match_subclasses: ClassVar = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        # A pattern, as the format `time` needs an offset.
        pattern = "^[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?$"
        return {"type": "string", "pattern": pattern, "examples": ["22:00:00"]}
