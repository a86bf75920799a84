from typing import Any

from drf_spectacular.openapi import AutoSchema as SpectacularSchema
from rest_framework import serializers

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


SUMMARIES = {
    "retrieve": "read one of",
    "get": "read",
    "create": "add to",
    "update": "replace one of",
    "partial_update": "change one of",
    "patch": "change",
    "destroy": "delete one of",
}


class AutoSchema(SpectacularSchema):
    """Adds the error answers that every operation of the API can give."""

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status in self._problems():
            bodies.setdefault(
                status,
                self._get_response_for_code(ProblemSerializer, status, [CONTENT_TYPE], direction),
            )
        return bodies

    def get_summary(self) -> str | None:
        """Name an operation by what it does to what; its description says more."""
        given: str | None = super().get_summary()
        if given:
            return given
        steps = [step for step in self.path.split("/") if step and "{" not in step]
        action = getattr(self.view, "action", None) or self.method.lower()
        if steps[-1] == action:
            return f"{action.replace('_', ' ').capitalize()}: {steps[-2]}"
        return f"{SUMMARIES.get(action, action).capitalize()} {steps[-1]}"

    def _problems(self) -> list[str]:
        statuses = ["400", "401", "403"]
        if "{" in self.path:
            statuses.append("404")
        if self.method in {"POST", "PUT", "PATCH", "DELETE"}:
            statuses += ["409", "412", "413", "415"]
        return statuses
