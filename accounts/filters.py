from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django_filters import BooleanFilter
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

BOOLEANS = {"true", "false", "1", "0"}


class Filters(DjangoFilterBackend):
    """Refuses what django-filter would drop silently, and then answer with everything."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
        filterset = self.get_filterset(request, queryset, view)
        # The browsable API's form sends all its fields, most of them empty.
        is_form = request.accepted_renderer.format != "json"
        if filterset is not None and not is_form and (wrong := dict(_dropped(filterset))):
            raise ValidationError(wrong)
        return super().filter_queryset(request, queryset, view)


def _dropped(filterset: Any) -> Iterator[tuple[str, str]]:
    for name, each in filterset.filters.items():
        value = filterset.data.get(name)
        if value == "":
            yield name, "Give a value, or leave it out."
        elif value is not None and isinstance(each, BooleanFilter) and value not in BOOLEANS:
            yield name, "Give true or false."
