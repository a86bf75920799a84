import logging
import re
import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse

from foam import logs, problems, traffic, views

log = logging.getLogger(__name__)

# What a client may call a request: enough for any tracer's ids, and harmless wherever it is shown.
SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")

PROBES = {"/healthz": views.healthz, "/readyz": views.readyz, "/metrics": views.metrics}


def probes(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Answer those who watch FOAM before anything else is asked of them.

    They come by an address and not by a name that ALLOWED_HOSTS knows, and over http. What they get
    names no host.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        probe = PROBES.get(request.path_info)
        return probe(request) if probe else get_response(request)

    return middleware


def follow(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Give each request an id, or take the client's; log and count how it was answered."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        asked = request.headers.get("X-Request-ID", "")
        request_id = asked if SANE_ID.fullmatch(asked) else uuid.uuid4().hex
        began = time.monotonic()
        with logs.request(request_id):
            response = get_response(request)
            seconds = time.monotonic() - began
            match = request.resolver_match
            view = (match.view_name or match.route) if match else "none"
            is_file = request.path_info.startswith(settings.STATIC_URL)
            # By the name of the view: an address may have words in it, or what signs an answer. A
            # page's own files tell no more than the page.
            log.log(
                logging.DEBUG if is_file and response.status_code < 400 else logging.INFO,
                "answered method=%s view=%s status=%d seconds=%.3f",
                *(request.method, view, response.status_code, seconds),
            )
            traffic.note(view, response.status_code, seconds)
        response["X-Request-ID"] = request_id
        return response

    return middleware


def error_pages(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Give a body to an error that Django answers without one, such as 405 for a wrong method."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.status_code < 400 or response.streaming or response.content:
            return response
        detail = f"This address does not take {request.method}."
        if response.status_code != 405:
            detail = "The server cannot answer this request."
        page = problems.answer(request, response.status_code, detail)
        response.content = page.content
        for name, value in page.items():
            response[name] = value
        return response

    return middleware


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
        if length.isdigit() and int(length) > limit and request.path_info in _imports():
            limit = settings.FOAM_IMPORT_MAX_SIZE
        if length.isdigit() and int(length) > limit:
            return problems.answer(request, 413, f"The body is larger than {limit} bytes.")
        return get_response(request)

    return middleware


def _imports() -> set[str]:
    return {reverse("reminder-import"), reverse("admin:reminders_reminder_take_in")}
