"""A row and those that belong to it, read by one statement: both are of one moment.

Of two statements the second may see what was committed in between, such as an attempt that failed
beside a delivery that has had none.
"""

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Model, OuterRef, QuerySet
from django.db.models.functions import JSONObject


def with_related(
    rows: QuerySet[Any], name: str, related: QuerySet[Any], key: str, **columns: Any
) -> QuerySet[Any]:
    """Add the attribute `name` to each row: a list of its related rows, as dicts of `columns`."""
    found = related.filter(**{key: OuterRef("pk")}).values(row=JSONObject(**columns))
    return rows.annotate(**{name: ArraySubquery(found)})


def keep_related(instance: Model, name: str, related: list[Any]) -> None:
    """Have `instance.<name>.all()` return these rows, as after prefetch_related."""
    rows = getattr(instance, name).all()
    rows._result_cache, rows._prefetch_done = related, True
    known = getattr(instance, "_prefetched_objects_cache", {})
    instance._prefetched_objects_cache = {**known, name: rows}  # type: ignore[attr-defined]
