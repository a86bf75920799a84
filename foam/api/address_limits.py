"""Rate limits of views outside the API, for each address of a client."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.api.rate_limits import Limit, address_of, count_request, set_headers, wait_of
from foam.api import problems

View = Callable[..., HttpResponseBase]


def limit_address(name: str) -> Callable[[View], View]:
    """Refuse an address beyond FOAM_API_ANONYMOUS_RATE; views with one name count together."""

    def decorator(view: View) -> View:
        @wraps(view)
        def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            rate = settings.FOAM_API_ANONYMOUS_RATE
            limits = [Limit(name, address_of(request), *rate)] if rate else []
            remainders = count_request(limits)
            quota = list(zip(limits, remainders, strict=False))
            response: Any
            if wait := wait_of(remainders):
                detail = f"Too many requests from your address. Try again in {wait} s."
                response = problems.too_many(request, detail, wait)
            else:
                response = view(request, *args, **kwargs)
            set_headers(response, quota)
            return response

        return limited

    return decorator
