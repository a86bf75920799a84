"""Queries that Django does not write by itself: one plan for the rows of one owner."""

from typing import Any

from django.db.models import BooleanField, Func


class EqualsAny(Func):
    """`column = ANY (ARRAY[value])`: the same rows as `column = value`, with another plan.

    After `column = value` PostgreSQL treats `ORDER BY column, id` as `ORDER BY id`, and may scan
    the whole primary key past the rows of all other owners. Here the column stays part of the
    order, so only an index that begins with it can serve the query.
    """

    template = "%(expressions)s])"
    arg_joiner = " = ANY (ARRAY["
    output_field = BooleanField()

    def __init__(self, column: Any, value: Any) -> None:
        super().__init__(column, value)


class InArray(Func):
    """`column = ANY (array)`: PostgreSQL looks up each element in the index of the column."""

    template = "%(expressions)s)"
    arg_joiner = " = ANY ("
    output_field = BooleanField()
