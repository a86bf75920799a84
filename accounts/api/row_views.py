"""Lists and single rows that one statement reads, and a function shows as the serializer would.

A serializer and the ORM together take five times as long. The statement of an unfiltered page and
of one row is compiled once, and prepared; filters compile theirs for each request.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import lru_cache
from operator import itemgetter
from typing import Any, ClassVar, NamedTuple

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import etags
from accounts.api.base import OwnedViewSet
from accounts.api.query_parameters import FORMAT, ORDERING, check_query
from accounts.models.queries import InArray
from accounts.sql import ARRAY_OF_IDS, OWNER, PK, CompiledQuery, in_index_order


class RowFormat(NamedTuple):
    """The columns of a row, `id` first, and the function that makes its part of an answer.

    A column may name OWNER and NOW of `accounts.sql`. `show` gets the columns as PostgreSQL returns
    them, and the request. Instants stay datetimes.
    """

    columns: Sequence[Any]
    show: Callable[[Sequence[Any], Request], dict[str, Any]]

    def select(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.values_list(*self.columns)


class RowViews(OwnedViewSet):
    """Base of views whose `list` and `retrieve` show rows by the formats of these names.

    With `by_index`, PostgreSQL reads pages by id along the index that serves `first_rows`, also
    without statistics. `is_page_prepared` is false where the best plan depends on the owner.
    """

    list_format: ClassVar[RowFormat]
    detail_format: ClassVar[RowFormat]
    by_index: ClassVar[bool] = False
    is_page_prepared: ClassVar[bool] = True

    @classmethod
    def first_rows(
        cls, rows: QuerySet[Any], owner_id: int, limit: int, *, is_falling: bool
    ) -> QuerySet[Any]:
        """Return the first rows of the owner by id, in any order."""
        return rows.order_by("-pk" if is_falling else "pk")[:limit]

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self._filtered(request))  # type: ignore[arg-type]
        return self.get_paginated_response(page)

    def _filtered(self, request: Request) -> QuerySet[Any] | None:
        """Return the rows that the filters of a request leave; None if it has no filter."""
        pager: Any = self.paginator
        names = {pager.cursor_query_param, pager.page_size_query_param}
        if getattr(self, "ordering_fields", None):
            names.add(ORDERING)
        if not set(request.query_params) <= {*names, FORMAT}:
            return self.filter_queryset(self.get_queryset())
        check_query(request, names)
        return None

    def read_page(
        self, rows: QuerySet[Any] | None, order: Any, place: Any, limit: int
    ) -> Sequence[dict[str, Any]]:
        """Return the first rows after a place by id; `rows` None means all of the owner."""
        with in_index_order() if self.by_index else nullcontext():
            if rows is None:
                query = _page_query(type(self), order.is_falling, place is not None, limit)
            else:
                rows = order.beyond(rows, place)
                first = self.first_rows(rows, self._owner_id, limit, is_falling=order.is_falling)
                query = self._compile(first)
            page = self._show_all(query, pk=place and place.id)
        return sorted(page, key=itemgetter("id"), reverse=order.is_falling)

    @property
    def _owner_id(self) -> int:
        return int(self.request.user.pk or 0)

    def _compile(self, rows: QuerySet[Any]) -> CompiledQuery:
        return CompiledQuery(self.list_format.select(rows), is_prepared=False)

    def _show_all(self, query: CompiledQuery, **values: Any) -> Sequence[dict[str, Any]]:
        rows = query.fetch(owner=self._owner_id, now=timezone.now(), **values)
        return [self.list_format.show(row, self.request) for row in rows]

    def read_rows(self, ids: Sequence[int]) -> Sequence[dict[str, Any]]:
        """Return the owner's rows with these ids, in their order; other ids are left out."""
        rows = self._show_all(_rows_query(type(self)), ids=list(ids))
        by_id = {row["id"]: row for row in rows}
        return [by_id[pk] for pk in ids if pk in by_id]

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        row = self.read_row(self.kwargs["pk"])
        self._check_query(request)
        return self.answer_with(row)

    def answer_with(self, row: dict[str, Any], **options: Any) -> Response:
        """Return the answer that shows a row, and remember the edition for its ETag."""
        response = Response(row, **options)
        response.edition = self._edition_of_row(row)  # type: ignore[attr-defined]
        return response

    def read_row(self, pk: Any) -> dict[str, Any]:
        """Return the owner's row with this id, as `retrieve` shows it. Raises Http404."""
        try:
            number = int(pk)
        except ValueError:
            number = 0
        query, rows = _row_query(type(self)), []
        if 0 < number < 2**63:
            rows = query.fetch(owner=self._owner_id, pk=number, now=timezone.now())
        if not rows:
            raise Http404(f"No {self.model._meta.object_name} matches the given query.")
        return self.detail_format.show(rows[0], self.request)

    def _edition(self, instance: Any) -> str:
        if hasattr(instance, "version"):
            return super()._edition(instance)
        return self._edition_of_row(self.read_row(instance.pk))

    def _edition_of(self, response: Response) -> str:
        edition: str | None = getattr(response, "edition", None)
        return super()._edition_of(response) if edition is None else edition

    def _edition_of_row(self, row: dict[str, Any]) -> str:
        if "version" in row:
            return str(row["version"])
        names = {field.name for field in self.model._meta.concrete_fields}
        return etags.edition_of_values(row[name] for name in row if name in names)


@lru_cache(maxsize=256)
def _page_query(
    view: type[RowViews], is_falling: bool, has_place: bool, limit: int
) -> CompiledQuery:
    rows = view.model.objects.owned_by(OWNER)
    if has_place:
        rows = rows.filter(**{"pk__lt" if is_falling else "pk__gt": PK})
    first = view.first_rows(rows, OWNER, limit, is_falling=is_falling)
    return CompiledQuery(view.list_format.select(first), is_prepared=view.is_page_prepared)


@lru_cache(maxsize=32)
def _row_query(view: type[RowViews]) -> CompiledQuery:
    rows = view.model.objects.owned_by(OWNER).filter(pk=PK)
    return CompiledQuery(view.detail_format.select(rows))


@lru_cache(maxsize=32)
def _rows_query(view: type[RowViews]) -> CompiledQuery:
    rows = view.model.objects.owned_by(OWNER).filter(InArray("pk", ARRAY_OF_IDS))
    return CompiledQuery(view.list_format.select(rows))
