"""/docs and /redoc: pages that ask nobody else for anything, and could not."""

from typing import Any

from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

# Both make styles as they run. Redoc searches in a worker, made of a blob.
CSP = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)


class SwaggerView(SpectacularSwaggerSplitView):
    """Swagger UI; its script is at `?script=`, so that none stands in the page."""

    url_name = "openapi"
    permission_classes: list[Any] = []
    authentication_classes: list[Any] = []

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return guarded(super().get(request, *args, **kwargs))


class RedocView(SpectacularRedocView):
    url_name = "openapi"
    permission_classes: list[Any] = []
    authentication_classes: list[Any] = []

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return guarded(super().get(request, *args, **kwargs))


def guarded(response: Response) -> Response:
    response["Content-Security-Policy"] = CSP
    return response
