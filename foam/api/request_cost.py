"""Charges each request with the seconds that it took, to its user or its address.

A view of the API refuses requests beyond the limit itself, as only it knows the user of a token;
pages are refused here. Health checks and static files are answered before.
"""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from accounts.api import rate_limits
from accounts.api.base import ApiView
from foam.api import problems
from foam.api.streams import is_written_while_sent


class RequestCost:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.monotonic()
        try:
            response: Any = self.get_response(request)
        except BaseException:
            rate_limits.settle(request, time.monotonic() - began)
            raise

        def settle() -> None:
            rate_limits.settle(request, time.monotonic() - began)

        if is_written_while_sent(response) and request.method != "HEAD":
            # The server closes a response when its last part is sent, or its client has left.
            response._resource_closers.append(settle)
        else:
            settle()
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer for pages what the API's views answer themselves."""
        if isinstance(exception, rate_limits.TooManyUnderWay):
            wait = rate_limits.EXPENSIVE_RETRY_SECONDS
            return problems.too_many(request, str(exception.detail), wait)
        return None

    def process_view(self, request: Any, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if issubclass(getattr(view, "cls", object), ApiView):
            return None
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            limit = rate_limits.seconds_limit_of(request)
        else:
            # Without a session there is no user, and no query to find one.
            limit = rate_limits.seconds_limit_of_address(request)
        request._seconds_limit = limit
        remainders = rate_limits.count_request([limit] if limit else [])
        wait = rate_limits.wait_of(remainders)
        if not wait:
            return None
        detail = (
            "Your requests have taken more time than is allowed: "
            f"{limit.requests} s in {limit.seconds} s. Try again in {wait} s."  # type: ignore[union-attr]
        )
        return problems.too_many(request, detail, wait)
