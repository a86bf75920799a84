"""Reads rows and their related rows in one statement, and so from one snapshot.

With two statements the second may see a commit in between: an answer could show a delivery
without attempts beside a failed attempt.
"""

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Model, OuterRef, QuerySet
from django.db.models.functions import JSONObject


def with_related(
    rows: QuerySet[Any], name: str, related: QuerySet[Any], key: str, **columns: Any
) -> QuerySet[Any]:
    """Add the attribute `name` to each row: a list of its related rows, as dicts of `columns`."""
    objects = related.filter(**{key: OuterRef("pk")}).values(row=JSONObject(**columns))
    return rows.annotate(**{name: ArraySubquery(objects)})


def keep_related(instance: Model, name: str, related: list[Any]) -> None:
    """Set the result of `instance.<name>.all()` to these rows, as prefetch_related does."""
    rows = getattr(instance, name).all()
    rows._result_cache, rows._prefetch_done = related, True
    cache = getattr(instance, "_prefetched_objects_cache", {})
    instance._prefetched_objects_cache = {**cache, name: rows}  # type: ignore[attr-defined]
