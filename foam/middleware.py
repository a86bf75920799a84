import logging
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from whitenoise.middleware import WhiteNoiseFileResponse

from foam import logs, views
from foam.api import problems
from foam.api.streams import watch_stream
from foam.monitoring import request_metrics

log = logging.getLogger(__name__)

# The ids that clients may give: enough for any tracer, and harmless in logs and headers.
SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")

PROBES = {"/healthz": views.healthz, "/readyz": views.readyz, "/metrics": views.metrics}


def give_request_id(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Give each request an id, or take the client's; its log lines, problems and answer have it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        header = request.headers.get("X-Request-ID", "")
        request_id = header if SANE_ID.fullmatch(header) else uuid.uuid4().hex
        with logs.request(request_id):
            response = get_response(request)
        response["X-Request-ID"] = request_id
        return response

    return middleware


def omit_head_body(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Answer HEAD with the headers of GET and no body, for which gunicorn would log a warning."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response: Any = get_response(request)
        if request.method != "HEAD":
            return response
        if response.streaming:
            response.file_to_stream = None
            response.streaming_content = ()
        else:
            response.headers.setdefault("Content-Length", str(len(response.content)))
            response.content = b""
        return response

    return middleware


def answer_probes(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Answer health checks and Prometheus before the checks of host and https.

    They come over http and by an IP address that ALLOWED_HOSTS does not have. The answers name no
    host.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        probe = PROBES.get(request.path_info)
        return probe(request) if probe else get_response(request)

    return middleware


def log_and_count(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Log and count the answer to each request."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        began = time.monotonic()
        response = get_response(request)
        seconds = time.monotonic() - began
        match = request.resolver_match
        view = (match.view_name or match.route) if match else "none"
        is_file = isinstance(response, WhiteNoiseFileResponse)
        # Logs the name of the view, as the address may hold a secret or a reminder's words.
        # Static files are logged at DEBUG only, as their page is logged.
        log.log(
            logging.DEBUG if is_file and response.status_code < 400 else logging.INFO,
            "answered method=%s view=%s status=%d seconds=%.3f",
            *(request.method, view, response.status_code, seconds),
        )
        request_metrics.count_request(view, response.status_code, seconds)
        watch_stream(response, view, logs.current_request_id())
        return response

    return middleware


def error_pages(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Give a body to errors that Django answers without one, such as 405 for a wrong method."""

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
