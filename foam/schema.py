from typing import Any

from drf_spectacular.openapi import AutoSchema as SpectacularSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from accounts.api import ApiView
from foam.problems import CONTENT_TYPE


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


KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
    OpenApiParameter.HEADER,
    description="A text of your own, such as a UUID: with the same one a repeat changes nothing "
    "and gets the first answer.",
)
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The `ETag` of what you have read, or *."
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="The `ETag` that you have, or *."
)


class AutoSchema(SpectacularSchema):
    """Adds the headers and the error answers that every operation of the API has."""

    def get_override_parameters(self) -> list[Any]:
        given: list[Any] = super().get_override_parameters()
        if not isinstance(self.view, ApiView):
            return given
        if self.method == "GET":
            return [*given, IF_NONE_MATCH]
        conditions = [IF_MATCH] if "{" in self.path or self.method == "PATCH" else []
        return [*given, *conditions, *([KEY] if self.method == "POST" else [])]

    def _get_paginator(self) -> Any:
        paginator = super()._get_paginator()
        if paginator is not None:
            paginator.extra = getattr(self.view, "paged_with", {})
        return paginator

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        if self.method == "GET":
            bodies["304"] = {"description": "What you have is what there is."}
        for status in self._problems():
            bodies.setdefault(
                status,
                self._get_response_for_code(ProblemSerializer, status, [CONTENT_TYPE], direction),
            )
        return bodies

    def _problems(self) -> list[str]:
        statuses = ["400", "401", "403", "429"]
        if "{" in self.path:
            statuses.append("404")
        if self.method in {"POST", "PUT", "PATCH", "DELETE"}:
            statuses += ["409", "412", "413", "415"]
        action = getattr(self.view, "action", None)
        return [*statuses, *getattr(self.view, "problems", {}).get(action, [])]
