"""Middleware that refuses unusable text in a request, and names the field.

Such text is: bytes that are no UTF-8, null and other control characters, halves of surrogate pairs,
and charsets other than UTF-8. accounts.api.strict_json checks the bodies of the API.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

from accounts.api.strict_json import (
    UNUSABLE,
    UnusableJson,
    describe_unusable,
    parse_json,
    printable,
)
from foam.api import problems
from notifications.links.signed_links import PATH as ANSWERS

# Routes whose views check bodies themselves: the API, and the pages of signed links.
CHECKED_BY_VIEW = ("api/", ANSWERS.lstrip("/"))
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
CHARSETS = {"utf-8", "utf8", "us-ascii"}
NOT_UTF_8 = "This is not UTF-8 in percent-encoding."
# The name of the field that tells a page where to go afterwards.
NEXT = "next"
BROKEN = re.compile("%[89A-F][0-9A-F]")


class UsableText:
    """Answers 400 or 415 to text on which a view would raise."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return (
            _check_path(request)
            or _check_query(request)
            or _check_headers(request)
            or _check_charset(request)
            or self.get_response(request)
        )

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponseBase | None:
        """Check the body of a page's form, after limit_body and the CSRF check have read it."""
        match = request.resolver_match
        if request.method != "POST" or (match and match.route.startswith(CHECKED_BY_VIEW)):
            return None
        if request.content_type == "application/json":
            return _check_json(request)
        if request.content_type not in FORMS:
            return None
        return _check_pairs(request, _pairs_of(request.POST))


def _check_path(request: HttpRequest) -> HttpResponse | None:
    path = request.path_info
    if "%" not in path and path.isascii() and path.isprintable():
        return None
    if path.startswith(ANSWERS):
        # The page of signed links explains a broken link itself.
        return None
    if _is_broken(request):
        return _refuse(request, "path", NOT_UTF_8)
    return _check_pairs(request, [*_parts_of(path), ("path", path)])


def _parts_of(path: str) -> list[tuple[str, str]]:
    """Return the named parts of an address, such as `external_id`."""
    try:
        return [(name, str(value)) for name, value in resolve(path).kwargs.items()]
    except Resolver404:
        return []


def _is_broken(request: HttpRequest) -> bool:
    """Whether the path has bytes that are no UTF-8, which Django turns into text such as %ED."""
    raw = request.META.get("RAW_URI") or request.META.get("REQUEST_URI")
    if not raw:
        return BROKEN.search(request.path_info) is not None
    try:
        unquote_to_bytes(raw.partition("?")[0].encode("latin-1")).decode()
    except UnicodeError:
        return True
    return False


def _check_query(request: HttpRequest) -> HttpResponse | None:
    query = request.META.get("QUERY_STRING", "")
    if "%" not in query and query.isascii() and NEXT not in query:
        return None
    try:
        unquote_to_bytes(query.encode("latin-1")).decode()
    except UnicodeError:
        return _refuse(request, "query", NOT_UTF_8)
    return _check_pairs(request, _pairs_of(request.GET))


def _check_headers(request: HttpRequest) -> HttpResponse | None:
    if not UNUSABLE.search("\n".join(str(value) for value in request.META.values())):
        return None
    return _check_pairs(request, request.headers.items())


def _check_charset(request: HttpRequest) -> HttpResponse | None:
    charset = (request.content_params or {}).get("charset", "utf-8")
    if charset.strip("\"'").lower() in CHARSETS:
        return None
    detail = f"Send UTF-8: the charset {charset[:40]!r} is not read here."
    return problems.answer(request, 415, detail)


def _check_json(request: HttpRequest) -> HttpResponse | None:
    """Check JSON for views outside the API, such as the sign-in of programs."""
    try:
        if request.body:
            parse_json(request.body)
    except UnusableJson as error:
        return _refuse(request, error.place, error.message)
    return None


def _pairs_of(values: QueryDict) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, texts in values.lists() for value in texts)


def _check_pairs(request: HttpRequest, pairs: Iterable[tuple[str, str]]) -> HttpResponse | None:
    for name, value in pairs:
        if reason := describe_unusable(name) or describe_unusable(value):
            return _refuse(request, printable(name), reason)
        if name == NEXT and not _is_address(value):
            return _refuse(request, name, "This is no address of a page.")
    return None


def _is_address(value: str) -> bool:
    """Whether an address can be taken apart, as views do before they redirect to it."""
    try:
        urlsplit(value).port  # noqa: B018 - it raises for a port that is none
    except ValueError:
        return False
    return True


def _refuse(request: HttpRequest, place: str, reason: str) -> HttpResponse:
    error = {"field": place[:100], "code": "invalid", "detail": reason}
    return problems.answer(request, 400, "The request is not valid.", [error])
