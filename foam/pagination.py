from typing import Any

from rest_framework import pagination
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request


class CursorPagination(pagination.CursorPagination):
    """Newest first. Stable while rows come and go, and as fast on the last page as on the first."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def get_page_size(self, request: Request) -> int:
        """Refuse a size that cannot be, where REST framework would take another."""
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        if not asked.isascii() or not asked.isdigit() or not int(asked[:9]) >= 1:
            message = f"Give a whole number from 1 to {self.max_page_size}."
            raise ValidationError({self.page_size_query_param: message})
        return min(int(asked[:9]), self.max_page_size)

    def decode_cursor(self, request: Request) -> Any:
        try:
            return super().decode_cursor(request)
        except NotFound:
            message = "Take it from `next` or `previous` of a list."
            raise ValidationError({self.cursor_query_param: message}) from None

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        cursor, size = super().get_schema_operation_parameters(view)
        cursor["description"] = "Where to go on: part of `next` and `previous` of a list."
        size["description"] = f"How many in an answer; {self.page_size} when left out."
        # More are asked for in vain, but not refused.
        size["schema"] = {"type": "integer", "minimum": 1, "default": self.page_size}
        return [cursor, size]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        page = super().get_paginated_response_schema(schema)
        page["required"] = ["next", "previous", "results"]
        # OpenAPI 3.1 knows no `nullable`.
        address = {"type": ["string", "null"], "format": "uri"}
        example = "https://foam.example.org/api/v1/reminders/?cursor=cD00ODY%3D"
        page["properties"]["next"] = {**address, "example": example}
        page["properties"]["previous"] = {**address, "example": None}
        return page
