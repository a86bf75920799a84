"""Middleware that serves addresses below /api/ without their trailing slash.

Most HTTP clients follow a redirect 301 with GET: a POST would be lost, and answered with a list.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import is_valid_path

API = "/api/"
SAFE = ("GET", "HEAD")


def serve_both_spellings(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Serve an address of the API without its trailing slash as the address with it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if path.startswith(API) and _lacks_slash(request) and is_valid_path(f"{path}/"):
            request.path_info = f"{path}/"
            request.path = f"{request.path}/"
            request.META["PATH_INFO"] = f"{request.META.get('PATH_INFO', path)}/"
        return get_response(request)

    return middleware


def keep_method(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Turn a 301 to another method than GET, to https or to a slash, into 308, which keeps it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.status_code == 301 and request.method not in SAFE:
            response.status_code = 308
        return response

    return middleware


def _lacks_slash(request: HttpRequest) -> bool:
    """Whether the address ends without a slash. A final %2F is part of a name, and none."""
    raw = request.META.get("RAW_URI") or request.META.get("REQUEST_URI") or ""
    return raw.partition("?")[0].lower().endswith("%2f") or not request.path_info.endswith("/")
