"""Cursor pagination: each page costs the same, and is stable while rows are added and deleted."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple, Self

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination as DrfCursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from accounts.api import cursors

DEFAULT = "-id"
HTML_PAGE_SIZE = 10


class Place(NamedTuple):
    """The begin of a page: after, or before, the row with this value and id."""

    ordering: str
    value: str | None
    id: int
    is_backward: bool = False

    def encode(self, purpose: str) -> str:
        return cursors.sign(purpose, json.dumps(self, ensure_ascii=False).encode())

    @classmethod
    def decode(cls, text: str, purpose: str) -> Self:
        """Read and verify a cursor. Raises ForeignCursor."""
        return cls(*json.loads(cursors.verify(purpose, text)))


class Order(NamedTuple):
    """Order by a field and then by id, both rising or both falling. Null is the greatest value."""

    field: str
    is_falling: bool
    # What a row calls its id.
    key: str = "id"

    @classmethod
    def of(cls, text: str, view: Any) -> Self:
        """Return the order that a view means by a name, such as `-title`."""
        return cls(text.removeprefix("-"), text.startswith("-"), getattr(view, "place_key", "id"))

    def flipped(self) -> Self:
        return self._replace(is_falling=not self.is_falling)

    def beyond(self, rows: QuerySet[Any], place: Place | None) -> QuerySet[Any]:
        """Return the rows after a place in the order of ids; all without one."""
        side = "lt" if self.is_falling else "gt"
        return rows if place is None else rows.filter(**{f"id__{side}": place.id})

    def place(self, row: Any, *, is_backward: bool) -> Place:
        """Return the place of a row, which is an instance or the dict that shows it."""
        read = row.__getitem__ if isinstance(row, dict) else partial(getattr, row)
        value: Any = None if self.field == "id" else read(self.field)
        text = value.isoformat() if hasattr(value, "isoformat") else value
        name = f"-{self.field}" if self.is_falling else self.field
        return Place(name, text, read(self.key), is_backward)


class CursorPagination(DrfCursorPagination):
    """Pages with the newest first, or by `ordering` if the view has `ordering_fields`."""

    ordering = DEFAULT
    page_size = 50
    page_size_query_param = "page_size"
    page_size_query_description = "From 1 to 200. 50 if left out."
    max_page_size = 200

    page: list[Any]
    # Further properties of the view's pages, for the schema.
    extra: Mapping[str, Any] = {}

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request, size = request, self.get_page_size(request)
        self.order = Order.of(self._read_ordering(request, view), view)
        place = self._read_place(request)
        order = self.order.flipped() if place and place.is_backward else self.order
        # See accounts.api.row_views, which this module cannot import.
        read_page = getattr(view, "read_page", None)
        if read_page and (queryset is None or queryset.model is view.model):
            rows: list[Any] = read_page(queryset, order, place, size + 1)
        else:
            # Other orders are those of views that read their pages by themselves.
            by_id = queryset.order_by("-id" if order.is_falling else "id")
            rows = list(order.beyond(by_id, place)[: size + 1])
        has_more, self.page = len(rows) > size, rows[:size]
        is_backward = order is not self.order
        if is_backward:
            self.page.reverse()
        self.has_next = bool(self.page) and (has_more or is_backward)
        is_forward_only = getattr(view, "is_forward_only", False)
        self.has_previous = (
            bool(self.page)
            and not is_forward_only
            and (has_more if is_backward else place is not None)
        )
        # A page beyond the last row still leads back.
        self.display_page_controls = self.has_next or self.has_previous
        return self.page

    def get_page_size(self, request: Request) -> int:
        text = request.query_params.get(self.page_size_query_param)
        if text is None:
            # A page for a person: what is longer than a few screens is not read.
            is_page = getattr(request.accepted_renderer, "format", "") == "api"
            return HTML_PAGE_SIZE if is_page else self.page_size
        if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= self.max_page_size:
            message = f"Give a whole number from 1 to {self.max_page_size}."
            raise ValidationError({self.page_size_query_param: message})
        return int(text)

    def _read_ordering(self, request: Request, view: Any) -> str:
        fields = getattr(view, "ordering_fields", ())
        default = getattr(view, "default_ordering", DEFAULT)
        ordering = request.query_params.get("ordering", default) if fields else default
        if fields and ordering.removeprefix("-") not in {*fields, "id"}:
            names = ", ".join(fields)
            raise ValidationError(
                {"ordering": f"Give one of {names}, with - before it to reverse."}
            )
        return ordering

    def _read_place(self, request: Request) -> Place | None:
        text = request.query_params.get(self.cursor_query_param)
        if text is None:
            return None
        name = f"-{self.order.field}" if self.order.is_falling else self.order.field
        try:
            place = Place.decode(text, self._purpose)
            if place.ordering == name:
                return place
        except cursors.ForeignCursor:
            pass
        message = (
            "This cursor is not from this list in this order. Use the addresses in `next` and "
            "`previous` unchanged, or begin without a cursor."
        )
        raise ValidationError({self.cursor_query_param: message})

    @property
    def _purpose(self) -> str:
        """Return the purpose of the cursors: the list and its user."""
        match = self.request.resolver_match
        of = sorted(match.kwargs.items()) if match else ()
        return f"list {match and match.view_name} {of} of {self.request.user.pk}"

    def next_cursor(self) -> str | None:
        return self._cursor(self.page[-1], is_backward=False) if self.has_next else None

    def get_next_link(self) -> str | None:
        return self._link(self.next_cursor())

    def get_previous_link(self) -> str | None:
        if not self.has_previous:
            return None
        return self._link(self._cursor(self.page[0], is_backward=True))

    def _cursor(self, row: Any, *, is_backward: bool) -> str:
        return self.order.place(row, is_backward=is_backward).encode(self._purpose)

    def _link(self, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        address = self.request.build_absolute_uri()
        return replace_query_param(address, self.cursor_query_param, cursor)

    def get_paginated_response(self, data: Any) -> Response:
        cursor = self.next_cursor()
        return Response(
            {
                "next": self._link(cursor),
                "previous": self.get_previous_link(),
                "next_cursor": cursor,
                "results": data,
            }
        )

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        place, size = super().get_schema_operation_parameters(view)
        place["description"] = "The position of a page: `next_cursor` of the page before it."
        place["schema"] = {"type": "string", "pattern": cursors.PATTERN}
        size["description"] = "Number of results in an answer."
        numbers = {"minimum": 1, "maximum": self.max_page_size, "default": self.page_size}
        size["schema"] = {"type": "integer", **numbers}
        parameters = [place, size]
        if fields := getattr(view, "ordering_fields", ()):
            choices = [f"{sign}{name}" for name in fields for sign in ("", "-")]
            parameters.append(
                {
                    "name": "ordering",
                    "required": False,
                    "in": "query",
                    "description": "The order; with - before it, falling. Equal values are ordered "
                    "by id. Null is the greatest value.",
                    "schema": {"type": "string", "enum": choices, "default": DEFAULT},
                }
            )
        return parameters

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        page = super().get_paginated_response_schema(schema)
        page["required"] = ["next", "previous", "next_cursor", "results"]
        # OpenAPI 3.1 has no `nullable`.
        address = {"type": ["string", "null"], "format": "uri"}
        example = "https://foam.example.org/api/v1/reminders/?cursor=cD00ODY"
        page["properties"] = {
            "next": {
                **address,
                "description": "The address of the next page; null on the last.",
                "example": example,
            },
            "previous": {
                **address,
                "description": "The address of the page before; null on the first.",
                "example": None,
            },
            "next_cursor": {
                "type": ["string", "null"],
                "description": "The `cursor` of the next page; null on the last.",
                "example": "cD00ODY",
            },
            "results": schema,
            **self.extra,
        }
        return page
