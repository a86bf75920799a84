"""The OpenAPI document: requests, answers and errors of each operation.

drf-spectacular derives most of it from the views. A view adds, in `problems`, the error statuses of
its own code, by action. Examples are in foam.api.openapi.examples.
"""

from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema as SpectacularSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.parsers import FormParser, MultiPartParser

from accounts.api import idempotency
from accounts.api.authentication import needed_scope
from accounts.api.base import ApiView, StrictSerializer
from accounts.models.user import validate_timezone
from foam.api.openapi import batch_item, field_types  # noqa: F401 - they register themselves
from foam.api.openapi.examples import EXAMPLES
from foam.api.openapi.headers import COMMON_HEADERS, header_ref
from foam.api.openapi.problem_responses import ProblemSerializer, problem_response

API = "/api/v1/"
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
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="The `ETag` that you have, or *. If it is unchanged, you get 304 without a body.",
)


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
        """Return noun and action, such as reminders_pause; a view without one is its last step."""
        noun, *steps = self.path.removeprefix(API).strip("/").split("/")
        action = getattr(self.view, "action", None) or (steps[-1] if steps else None)
        return f"{noun}_{action}" if action else str(super().get_operation_id())

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
            body["headers"] = self._answer_headers(code)
        if IF_NONE_MATCH in self._headers():
            unchanged = "Not changed since the `ETag` in `If-None-Match`."
            bodies["304"] = {"description": unchanged, "headers": self._answer_headers("304")}
        for status in sorted(self._problems()):
            schema = self.resolve_serializer(ProblemSerializer, direction).ref
            bodies.setdefault(str(status), problem_response(self.registry, status, schema))
        return bodies

    def _answer_headers(self, status: str) -> dict[str, Any]:
        """Return the headers of the answer with this status below 400."""
        names = [*COMMON_HEADERS, *getattr(self.view, "answer_headers", {}).get(status, ())]
        has_row = self.method in {"GET", *WRITES} and status in {"200", "201"}
        names += ["ETag"] if has_row or status == "304" else []
        names += ["Location"] if status == "201" else []
        names += ["Idempotency-Replayed"] if KEY in self._headers() else []
        return {name: header_ref(name) for name in names}

    def _problems(self) -> set[int]:
        """Return the error statuses of this operation."""
        has_body = self.method in WRITES and bool(self._get_request_body())
        action = getattr(self.view, "action", self.method.lower())
        headers = self._headers()
        queries = any(parameter["in"] == "query" for parameter in self._get_parameters())
        return {
            406,
            503,
            *({400} if has_body or queries or headers else ()),
            *({409} if KEY in headers else ()),
            *({412} if IF_MATCH in headers else ()),
            *({413, 415} if has_body else ()),
            *({401, 403} if any(self.get_auth()) else ()),
            *({404} if "{" in self.path else ()),
            *({429} if self.view.get_throttles() else ()),
            *getattr(self.view, "problems", {}).get(action, ()),
        }


def _is_always_present(field: Any) -> bool:
    """Whether each answer has a field: all of a row, else those required or with a default."""
    is_row = isinstance(field.parent, serializers.ModelSerializer)
    return not field.write_only and (
        is_row or field.required or field.read_only or field.default is not empty
    )
