from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.request import Request

from accounts.query import refuse_unknown


class StrictFilterBackend(DjangoFilterBackend):
    """Filters lists, and refuses a query parameter that it does not know, before any query."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> QuerySet[Any]:
        if getattr(view, "detail", None) is not False:
            return queryset
        filters = self.get_filterset_class(view, queryset)
        allowed = set(filters.base_filters) if filters else set()
        if pager := view.paginator:
            allowed |= {pager.cursor_query_param, pager.page_size_query_param}
            allowed |= {"ordering"} if getattr(view, "ordering_fields", None) else set()
        refuse_unknown(request, allowed)
        return super().filter_queryset(request, queryset, view)
