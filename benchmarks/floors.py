"""The least that an answer of Django can cost: the floors of `api` and `request_cpu`.

`static` is a constant answer behind all of FOAM's middleware. The others read the rows by
`values()` and write them by orjson: no authentication, no limits, no words, no ETag.
"""

from collections.abc import Callable
from typing import Any

import orjson
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path

from foam import urls
from notifications.models import Delivery, InboxMessage
from reminders.models import Occurrence, Reminder
from tools.testbed.seed import SEED_OWNER

STATIC = b'{"status":"ok"}'
PAGE_SIZE = 50


def static(request: HttpRequest) -> HttpResponse:
    return HttpResponse(STATIC, content_type="application/json")


def values_of(rows: Callable[[], QuerySet[Any]]) -> Callable[..., HttpResponse]:
    """Return a view that lists the newest rows of the benchmark's user, or shows one."""

    def view(request: HttpRequest, pk: int | None = None) -> HttpResponse:
        values = rows().values()
        data = list(values.order_by("-id")[:PAGE_SIZE]) if pk is None else values.get(pk=pk)
        return HttpResponse(orjson.dumps(data, default=str), content_type="application/json")

    return view


def own(model: Any, path: str) -> Callable[..., HttpResponse]:
    return values_of(lambda: model.objects.filter(**{f"{path}__username": SEED_OWNER}))


VIEWS = {
    "reminders": own(Reminder, "owner"),
    "occurrences": own(Occurrence, "reminder__owner"),
    "deliveries": own(Delivery, "channel__owner"),
    "inbox": own(InboxMessage, "channel__owner"),
}

urlpatterns = [
    path("floor/static/", static),
    *(path(f"floor/{noun}/", view) for noun, view in VIEWS.items()),
    *(path(f"floor/{noun}/<int:pk>/", view) for noun, view in VIEWS.items()),
    *urls.urlpatterns,
]
