"""What every noun of the API shares: it belongs to a user, and knows its fields."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.viewsets import GenericViewSet

# The browsable API's forms send it beside the fields.
FORM_FIELDS = {"csrfmiddlewaretoken"}


class OwnedViewSet(GenericViewSet[Any]):
    """Only what is the user's own exists here; what belongs to another answers 404.

    A subclass names its `model`, whose manager has `owned_by`, and the `scope` of its tokens.
    """

    model: Any
    scope: str

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return self.model.objects.none()
        return self.model.objects.owned_by(self.request.user)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses a field that it does not know, so that a misspelt one is not silently dropped."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields and name not in FORM_FIELDS]
            if unknown:
                allowed = ", ".join(n for n, field in self.fields.items() if not field.read_only)
                message = f"Unknown field. Allowed: {allowed}."
                raise ValidationError({name: [message] for name in unknown}, code="unknown")
        return super().to_internal_value(data)


class IsoDuration(serializers.DurationField):
    """A length of time as ISO 8601 writes it, in its shortest form: PT5M, P1DT12H."""

    # How a form shows it: foam/forms.py.
    input_kind = "duration"
    default_error_messages: ClassVar = {
        "invalid": "Give an ISO 8601 duration such as PT5M, PT1H30M or P1D."
    }

    def to_internal_value(self, value: Any) -> timedelta:
        if not isinstance(value, str) or not value.startswith(("P", "-P")):
            self.fail("invalid")
        return super().to_internal_value(value)

    def to_representation(self, value: timedelta) -> str:
        return iso_duration(value)


def iso_duration(length: timedelta) -> str:
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    units = ((hours, "H"), (minutes, "M"), (seconds, "S"))
    days = f"{length.days}D" if length.days else ""
    time = "".join(f"{number}{unit}" for number, unit in units if number)
    return f"P{days}T{time}" if time else f"P{days or 'T0S'}"


class Conflict(APIException):
    status_code = 409
    default_detail = "The state of this does not allow that."
    default_code = "conflict"


def field_errors(detail: Any) -> list[dict[str, str]]:
    """Return what a ValidationError says, as {field, code, detail} for each field at fault."""
    return list(_walk(detail, ""))


def _walk(detail: Any, field: str) -> Iterator[dict[str, str]]:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _walk(inner, f"{field}.{name}" if field else str(name))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _walk(inner, field)
    else:
        yield {"field": field, "code": getattr(detail, "code", "invalid"), "detail": str(detail)}
