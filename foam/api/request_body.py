"""Middleware that limits the size of a request's body, and gives it a Content-Length.

Django treats a request without Content-Length as one without a body. gunicorn decodes bodies in
chunks (RFC 9112, 7.1) and sets `wsgi.input_terminated`: such a body is read here, up to the limit.
"""

from collections.abc import Callable
from io import BytesIO

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from foam.api import problems

READ_SIZE = 64 * 1024
MAX_DIGITS = 18


def limit_body(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse a body that is too large, by its Content-Length or by the size of its chunks.

    Django checks its own limit only when code reads `request.body`, which DRF does not.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        # A longer number is as much too large; Python refuses to read it.
        length = (request.META.get("CONTENT_LENGTH") or "")[:MAX_DIGITS]
        if length.isdecimal():
            limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            limit = limit if int(length) <= limit else _limit_of(request)
            return too_large(request, limit) if int(length) > limit else get_response(request)
        if "HTTP_TRANSFER_ENCODING" not in request.META:
            return get_response(request)
        if not request.META.get("wsgi.input_terminated"):
            return problems.answer(request, 411, "Send the body with a Content-Length.")
        body = _read(request, limit := _limit_of(request))
        if body is None:
            return too_large(request, limit)
        request.META["CONTENT_LENGTH"] = str(len(body))
        request.META["wsgi.input"] = request._stream = BytesIO(body)
        return get_response(request)

    return middleware


def too_large(request: HttpRequest, limit: int) -> HttpResponse:
    """Read the rest of the body, drop it and answer 413.

    A server that closes with unread bytes resets the connection, and a proxy or client that still
    sends loses the answer (RFC 9112, 9.6). Reads no more than the size of the largest import.
    """
    unread = min(
        int(
            (request.META.get("CONTENT_LENGTH") or "")[:MAX_DIGITS] or settings.FOAM_IMPORT_MAX_SIZE
        ),
        settings.FOAM_IMPORT_MAX_SIZE,
    )
    while unread > 0 and (part := request.META["wsgi.input"].read(min(READ_SIZE, unread))):
        unread -= len(part)
    return problems.answer(request, 413, f"The body is larger than {limit} bytes.")


def _read(request: HttpRequest, limit: int) -> bytes | None:
    """Return the body; None if it is larger than the limit."""
    parts: list[bytes] = []
    size = 0
    while part := request.META["wsgi.input"].read(min(READ_SIZE, limit + 1 - size)):
        parts.append(part)
        size += len(part)
        if size > limit:
            return None
    return b"".join(parts)


def _limit_of(request: HttpRequest) -> int:
    imports = {reverse("reminder-import"), reverse("admin:reminders_reminder_take_in")}
    is_import = request.path_info in imports
    return settings.FOAM_IMPORT_MAX_SIZE if is_import else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
