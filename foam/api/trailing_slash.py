"""Addresses without the slash at their end: under /api/ they are the same as those with it.

Most HTTP clients follow a 301 with GET: a POST would be lost, and answered with a list.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import is_valid_path

API = "/api/"
SAFE = ("GET", "HEAD")


def serve_both_spellings(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Serve an address of the API without its last slash as the one that has it."""

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
    """Turn the 301 that answers a POST, to https or to a slash, into a 308, which keeps it one."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.status_code == 301 and request.method not in SAFE:
            response.status_code = 308
        return response

    return middleware


def _lacks_slash(request: HttpRequest) -> bool:
    """Whether the client wrote no slash last; a server decodes %2F, which is part of a name."""
    raw = request.META.get("RAW_URI") or request.META.get("REQUEST_URI") or ""
    return raw.partition("?")[0].lower().endswith("%2f") or not request.path_info.endswith("/")
