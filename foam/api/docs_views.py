"""/docs and /redoc: pages that ask nobody else for anything, and could not."""

from typing import Any, ClassVar

from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView

# Both make styles as they run. Redoc searches in a worker, made of a blob.
CSP = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)


class Guarded:
    """Takes no token, and lets its page ask nobody else for anything."""

    url_name = "openapi"
    permission_classes: ClassVar[list[Any]] = []
    authentication_classes: ClassVar[list[Any]] = []

    def finalize_response(self, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(*args, **kwargs)  # type: ignore[misc]
        response["Content-Security-Policy"] = CSP
        return response


class SwaggerView(Guarded, SpectacularSwaggerSplitView):
    """Swagger UI; its script is at `?script=`, so that none stands in the page."""


class RedocView(Guarded, SpectacularRedocView):
    """Redoc, started by foam/redoc.js."""
