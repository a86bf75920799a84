from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from django_filters import (
    BooleanFilter,
    CharFilter,
    IsoDateTimeFilter,
    MultipleChoiceFilter,
    NumberFilter,
)
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from accounts.api.query_parameters import check_query
from accounts.digits import DIGITS
from accounts.instants import OutOfRange, parse_instant

# The greatest bigint of PostgreSQL.
MAX_ID = 2**63 - 1
BOOLEANS = {"true", "false", "1", "0"}


class InstantFormField(forms.DateTimeField):
    """Takes an instant with an offset or Z, and returns it in UTC."""

    default_error_messages: ClassVar = {
        "invalid": "Give an instant with an offset or Z, such as 2026-11-23T17:00:00Z. In an "
        "address use Z, or percent-encode the plus sign of the offset."
    }

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        try:
            return parse_instant(value)
        except OutOfRange as error:
            raise DjangoValidationError(str(error), code="out_of_range") from error
        except ValueError as error:
            raise DjangoValidationError(self.error_messages["invalid"], code="invalid") from error


class InstantFilter(IsoDateTimeFilter):
    """Compares with an instant given with any offset."""

    field_class = InstantFormField


@extend_schema_field({"type": "integer", "minimum": 1})
class IdFilter(NumberFilter):
    """Compares with an id."""

    field_class = forms.IntegerField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=1, max_value=MAX_ID, **kwargs)


class Filters(DjangoFilterBackend):
    """Filters lists, and refuses the parameters and values that django-filter drops silently.

    A misspelt filter would otherwise be answered with the whole list.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
        if getattr(view, "detail", False):
            return queryset
        filterset = self.get_filterset(request, queryset, view)
        check_query(request, self._allowed(view, queryset), _repeatable(filterset))
        if filterset is not None and (wrong := dict(_dropped_values(filterset))):
            raise ValidationError(wrong)
        return super().filter_queryset(request, queryset, view)

    def get_filterset_kwargs(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
        kwargs = super().get_filterset_kwargs(request, queryset, view)
        if getattr(request.accepted_renderer, "format", "") == "api":
            # The form sends all its fields, most of them empty.
            data = kwargs["data"].copy()
            for name, values in list(data.lists()):
                data.setlist(name, [value for value in values if value])
                if not data.getlist(name):
                    del data[name]
            kwargs["data"] = data
        return kwargs

    def _allowed(self, view: Any, queryset: QuerySet[Any]) -> set[str]:
        filters = self.get_filterset_class(view, queryset)
        allowed = set(filters.base_filters) if filters else set()
        if pager := view.paginator:
            allowed |= {pager.cursor_query_param, pager.page_size_query_param}
            allowed |= {"ordering"} if getattr(view, "ordering_fields", None) else set()
        return allowed | set(getattr(view, "query_params", {}).get("get", ()))


def _repeatable(filterset: Any) -> set[str]:
    """Return the filters that may be given several times."""
    filters = filterset.filters.items() if filterset is not None else ()
    return {
        name
        for name, filter_ in filters
        if getattr(filter_, "is_repeatable", False) or isinstance(filter_, MultipleChoiceFilter)
    }


def _dropped_values(filterset: Any) -> Iterator[tuple[str, str]]:
    for name, filter_ in filterset.filters.items():
        value = filterset.data.get(name)
        is_text = isinstance(filter_, CharFilter | MultipleChoiceFilter)
        if value and not value.isascii() and not is_text:
            # Python would read the digits of any script.
            yield name, DIGITS
        elif value is not None and isinstance(filter_, BooleanFilter) and value not in BOOLEANS:
            yield name, "Give true or false."
