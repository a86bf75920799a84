from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from foam import problems


def limit_body(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse a body that is too large by what it says of its length, before reading any of it.

    Django's own limit is checked only by code that reads the body whole, which DRF's does not. A
    request without a length has no body under WSGI.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length) > limit and request.path_info == _import():
            limit = settings.FOAM_IMPORT_MAX_SIZE
        if length.isdigit() and int(length) > limit:
            return problems.response(413, f"The body is larger than {limit} bytes.")
        return get_response(request)

    return middleware


def _import() -> str:
    return reverse("reminder-import")
