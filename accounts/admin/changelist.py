"""Lists of the admin that take the same time at a million rows as at a thousand.

No list is counted to its end, sorted by a column without an index, or scanned for the values of a
column. A query that takes too long all the same is cancelled, with a message to staff.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from math import ceil
from typing import Any, ClassVar

import psycopg
from django.contrib import admin, messages
from django.core import paginator
from django.db import OperationalError, connection, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.views import ChangeList as UnfoldChangeList

from accounts.admin import search

# Rows up to which a list is counted and has pages.
MAX_COUNTED = 10_000
# Limit of each query of a list.
QUERY_TIMEOUT_SECONDS = 5
GIVEN_UP = (
    f"This took longer than {QUERY_TIMEOUT_SECONDS} s and was stopped: it reads too many rows. "
    "Search for an id or an owner, or choose a day or another filter as well."
)
# Of a table or of its partitions. A table that was never analyzed has -1.
ROWS_OF_TABLE = """
SELECT coalesce(sum(reltuples) FILTER (WHERE reltuples >= 0), -1)::bigint FROM pg_class
WHERE relkind = 'r' AND (oid = %(table)s::regclass
    OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = %(table)s::regclass))
"""


class Number(int):
    """A number of rows whose text says how exact it is, such as "more than 10,000"."""

    words: str

    def __new__(cls, value: int, words: str) -> "Number":
        number = super().__new__(cls, value)
        number.words = words
        return number

    def __str__(self) -> str:
        return self.words


class Paginator(paginator.Paginator):
    """Counts up to MAX_COUNTED rows. A larger table is estimated, a larger part of it is "more"."""

    template_name = "admin/accounts/pagination.html"
    reach = f"{MAX_COUNTED:,}"

    def __init__(self, *args: Any, is_whole: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_whole = is_whole

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        count = rows.order_by()[: MAX_COUNTED + 1].count()
        if count <= MAX_COUNTED:
            return count
        if self.is_whole and (estimate := rows_of(rows.model)) > MAX_COUNTED:
            return Number(estimate, f"about {estimate:,}")
        return Number(count, f"more than {MAX_COUNTED:,}")

    @property
    def is_cut(self) -> bool:
        """Whether there are rows beyond the last page."""
        return self.count > MAX_COUNTED

    @cached_property
    def num_pages(self) -> int:
        return min(super().num_pages, ceil(MAX_COUNTED / self.per_page))


def rows_of(model: type[Model]) -> int:
    """Return PostgreSQL's estimate of the rows of a table; -1 before the first ANALYZE."""
    with connection.cursor() as cursor:
        cursor.execute(ROWS_OF_TABLE, {"table": model._meta.db_table})
        return cursor.fetchone()[0]


class ChangeList(UnfoldChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if self.paginator.is_whole:
            # The list is not filtered, so that it needs no link to the whole list.
            self.full_result_count = self.result_count
        self.model_admin.prepare(self.result_list)


class Listed:
    """Mixin of a ModelAdmin: its list and its search are fast, or stopped after a limit.

    `find` defines what a search finds, and `finds` describes it to staff.
    """

    finds: str
    search_help_text: ClassVar[Any] = "Id, owner or words"
    change_list_template: Any = "admin/accounts/list.html"

    paginator: Any = Paginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50

    def shown_by_default(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the list without a filter: see StateFilter."""
        return rows

    def prepare(self, rows: Iterable[Any]) -> None:
        """Read the data of the columns for all rows of a page at once."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ChangeList

    def get_paginator(
        self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **kwargs: Any
    ) -> Paginator:
        whole = self.shown_by_default(self.get_queryset(request))  # type: ignore[attr-defined]
        is_whole = queryset.query.where == whole.query.where
        return self.paginator(queryset, per_page, *args, is_whole=is_whole, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        parent: Any = super()
        if request.method != "GET":
            return parent.changelist_view(request, extra_context)
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = %s", [f"{QUERY_TIMEOUT_SECONDS}s"])
                return parent.changelist_view(request, extra_context)
        except OperationalError as error:
            if not request.GET or not isinstance(error.__cause__, psycopg.errors.QueryCanceled):
                raise
        self.message_user(request, GIVEN_UP, messages.ERROR)  # type: ignore[attr-defined]
        return redirect(request.path)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        text = search_term.strip()
        if not text:
            return queryset, False
        rows = self.get_queryset(request)  # type: ignore[attr-defined]
        return queryset.filter(pk__in=search.ids(self.find(rows, text))), False

    def find(self, rows: QuerySet[Any], text: str) -> Iterable[QuerySet[Any]]:
        """Yield parts of `rows` that match a text; each must be found by an index."""
        raise NotImplementedError


class StateFilter(admin.SimpleListFilter):
    """A filter by state, which hides deleted rows by default."""

    title = "state"
    parameter_name = "state"
    # Label of the default, the first choice.
    default = "All but deleted"

    def choices(self, changelist: Any) -> Iterator[Any]:
        first, *states = super().choices(changelist)
        yield {**first, "display": self.default}
        yield from states

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return self.shown_by_default(queryset)
        return self.having(queryset, value)

    def shown_by_default(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(deleted_at=None)

    def having(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return the rows in the selected state."""
        raise NotImplementedError


class NewestValues(admin.AllValuesFieldListFilter):
    """A filter by the values of the newest rows, as to collect those of all rows is slow."""

    NEWEST_ROWS = 10_000

    lookup_choices: Any

    def __init__(
        self, field: Any, request: Any, params: Any, model: Any, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(field, request, params, model, *args, **kwargs)
        newest = model._default_manager.order_by("-pk").values_list(field.name, flat=True)
        self.lookup_choices = sorted(set(newest[: self.NEWEST_ROWS]))
